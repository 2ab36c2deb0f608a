"""Cutting from frames in memory: which field serves, what is missing, and what each object's status is."""

import numpy as np
import pytest

from survey_batch.archive.sdss import FRAME_SHAPE, ROW_STEP, FieldKey, Frame, FrameWcs
from survey_batch.errors import NotFoundError, TransientError
from survey_batch.images.wcs import to_astropy
from survey_batch.job import Job
from survey_batch.stages.cutouts import CutoutsStage, Cutter, by_field
from survey_batch.stages.frame_source import FrameInMemory
from survey_batch.status import Status

STRIP = np.random.default_rng(2).normal(size=(2 * ROW_STEP + FRAME_SHAPE[0], FRAME_SHAPE[1])).astype(np.float32)
SCALE = 0.396 / 3600


def job(**cutouts):
    return Job.model_validate(
        {
            "name": "t",
            "output": "unused",
            "stages": ["cutouts"],
            "catalog": {"path": "unused"},
            "archive": {"survey": "sdss", "root": "unused"},
            "frames": {"bands": "gr", "keep": False},
            "cutouts": cutouts,
        }
    )


def frame(field, shift=0.0):
    """Field 10, 11 or 12 of one strip, whose rows run along RA."""
    first = (field - 10) * ROW_STEP
    crpix = np.array([1025.0 + shift, 745.0 - (field - 11) * ROW_STEP])
    wcs = FrameWcs(np.array([30.0, 0.0]), crpix, np.array([[0.0, SCALE], [SCALE, 0.0]]))
    image = STRIP[first : first + FRAME_SHAPE[0]]
    return FrameInMemory(Frame(image=image, calibration=np.ones(FRAME_SHAPE[1], np.float32), wcs=wcs))


class Source:
    """Frames in memory; everything else is not found."""

    def __init__(self, frames):
        self.frames = frames

    def load(self, key):
        missing = NotFoundError("no such file")
        return {band: self.frames.get((key.field, band), missing) for band in "gr"}

    def url(self, key, band):
        return f"{key.field}-{band}"


def sky(field, x, y):
    ra, dec = to_astropy(frame(field).wcs).wcs_pix2world(x, y, 0)
    return float(ra), float(dec)


def cut_one(frames, position, field=11, **cutouts):
    ra, dec = position
    rows = {
        "ra": np.array([ra]),
        "dec": np.array([dec]),
        **{name: np.array([value]) for name, value in zip(FieldKey._fields, (301, 1, 2, field), strict=True)},
    }
    stage = CutoutsStage(job(**cutouts))
    cutter = Cutter(stage.job, rows, stage.empty_block(1))
    cutter.source = Source(frames)
    for key, members in by_field(rows):
        cutter.cut_field(key, members)
    return cutter.block


def both(*fields):
    return {(field, band): frame(field) for field in fields for band in "gr"}


@pytest.mark.parametrize("size", [32, 33, 64])
def test_a_window_inside_is_ok_and_holds_the_frame_s_pixels(size):
    block = cut_one(both(11), sky(11, 700.2, 300.7), size=size)
    start_y, start_x = (int(np.ceil(value - size / 2)) for value in (300.7, 700.2))
    expected = STRIP[ROW_STEP + start_y : ROW_STEP + start_y + size, start_x : start_x + size]
    assert block.status.tolist() == [Status.OK]
    np.testing.assert_array_equal(block.data["flux"][0, 0], expected)
    assert block.data["x_object"][0, 0] == pytest.approx(700.2 - start_x, abs=1e-6)
    assert block.data["y_object"][0, 1] == pytest.approx(300.7 - start_y, abs=1e-6)


@pytest.mark.parametrize(("y", "neighbour"), [(1479.6, 12), (8.3, 10)])
def test_an_object_near_the_seam_is_cut_whole_from_the_neighbour(y, neighbour):
    block = cut_one(both(10, 11, 12), sky(11, 699.8, y))
    assert block.status.tolist() == [Status.OK]
    assert block.data["source_field"].tolist() == [neighbour]
    start = ROW_STEP + int(np.ceil(y - 32))
    np.testing.assert_array_equal(block.data["flux"][0, 0], STRIP[start : start + 64, 668:732])


def test_without_the_neighbour_the_own_field_serves_and_says_what_is_missing():
    block = cut_one(both(11), sky(11, 700.0, 1479.6))
    assert block.status.tolist() == [Status.PARTIAL]
    assert block.data["source_field"].tolist() == [11]
    assert block.data["coverage"][0, 0] == pytest.approx((1489 - 1448) / 64)
    assert "64.1%" in block.problems[0].message


def test_a_neighbour_that_cannot_be_reached_is_not_decided_now():
    frames = both(11) | {(12, band): TransientError("timeout") for band in "gr"}
    block = cut_one(frames, sky(11, 700.0, 1479.6))
    assert block.status.tolist() == [Status.UNREACHABLE]
    assert np.isnan(block.data["flux"]).all()


def test_off_the_side_of_the_strip_there_is_no_neighbour():
    block = cut_one(both(10, 11, 12), sky(11, 10.0, 700.0))
    assert block.status.tolist() == [Status.PARTIAL]
    assert block.data["coverage"][0].tolist() == pytest.approx([42 / 64] * 2)


def test_a_missing_band_leaves_the_others():
    frames = {(11, "g"): frame(11)}
    block = cut_one(frames, sky(11, 700.0, 700.0))
    assert block.status.tolist() == [Status.PARTIAL]
    assert block.data["coverage"][0].tolist()[0] == 1
    assert np.isnan(block.data["flux"][0, 1]).all()
    assert "r: no such file" in block.problems[0].message


def test_no_band_at_all_is_not_found():
    assert cut_one({}, (30.0, 0.0)).status.tolist() == [Status.NOT_FOUND]


def test_a_position_off_the_frame_is_outside():
    block = cut_one(both(11), (31.0, 1.0))
    assert block.status.tolist() == [Status.OUTSIDE]
    assert np.isnan(block.data["flux"]).all()


def test_a_position_on_the_far_side_of_the_sky_is_outside():
    assert cut_one(both(11), (210.0, 0.0)).status.tolist() == [Status.OUTSIDE]


def test_the_cutout_s_wcs_finds_the_object_in_it():
    ra, dec = sky(11, 700.2, 300.7)
    block = cut_one({(11, "g"): frame(11), (11, "r"): frame(11, shift=0.8)}, (ra, dec))
    for band in (0, 1):
        wcs = FrameWcs(*(block.data[name][0, band] for name in ("crval", "crpix", "cd")))
        x, y = to_astropy(wcs).wcs_world2pix(ra, dec, 0)
        assert (x, y) == pytest.approx((block.data["x_object"][0, band], block.data["y_object"][0, band]), abs=1e-6)
    assert block.data["x_object"][0, 0] != block.data["x_object"][0, 1]
