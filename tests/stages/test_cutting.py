"""Cutting from frames in memory: which field serves, what is missing, and what each object's status is."""

from dataclasses import replace

import numpy as np
import pytest

from survey_batch.core.errors import NotFoundError, TransientError
from survey_batch.core.status import Status
from survey_batch.images.aperture_correction import ApertureCorrection
from survey_batch.images.cutout import cut
from survey_batch.images.frame import Frame, FrameTop, FrameWcs, Sky
from survey_batch.images.register import MARGIN, resample, subpixel_span
from survey_batch.images.wcs import to_astropy
from survey_batch.stages import make_stage
from survey_batch.stages.cutting import Cutting
from survey_batch.stages.frame_view import FrameInMemory, FrameTopInMemory
from survey_batch.surveys.sdss.camera import ccd
from survey_batch.surveys.sdss.files import FRAME_SHAPE, GRID, SKY_SHAPE, FieldKey
from survey_batch.surveys.sdss.reader import SdssFrames
from tests.jobs import archive_section
from tests.stages.jobs import cutouts_job as job

STRIP = np.random.default_rng(2).normal(size=(2 * GRID.step + FRAME_SHAPE[0], FRAME_SHAPE[1])).astype(np.float32)
SCALE = 0.396 / 3600


def frame(field, shift=0.0, rows=0.0, sky=100.0):
    """Field 10, 11 or 12 of one strip, whose rows run along RA."""
    first = (field - 10) * GRID.step
    crpix = np.array([1025.0 + shift, 745.0 + rows - (field - 11) * GRID.step])
    wcs = FrameWcs(np.array([30.0, 0.0]), crpix, np.array([[0.0, SCALE], [SCALE, 0.0]]))
    image = STRIP[first : first + FRAME_SHAPE[0]]
    places = (np.zeros(length, np.float32) for length in FRAME_SHAPE[::-1])
    level = Sky(np.full(SKY_SHAPE, sky, np.float32), *places)
    return FrameInMemory(Frame(image, np.ones(FRAME_SHAPE[1], np.float32), wcs, level))


class Source:
    """Frames in memory; everything else is not found."""

    bands = "gr"
    reader = SdssFrames(archive_section("sdss", root="-"))

    def __init__(self, frames):
        self.frames = frames

    def load(self, key, reach, objects=1):
        missing = NotFoundError("no such file")
        return {band: self.frames.get((key[-1], band), missing) for band in "gr"}

    def url(self, key, band):
        return f"{key[-1]}-{band}"

    def ccd(self, key, band):
        return self.reader.ccd(key, band)


def sky(field, x, y):
    ra, dec = to_astropy(frame(field).wcs).wcs_pix2world(x, y, 0)
    return float(ra), float(dec)


def cut_one(frames, position, field=11, **cutouts):
    return cut_many(frames, [position], field, **cutouts)


def cut_many(frames, positions, field=11, **cutouts):
    ra, dec = np.array(positions).T
    rows = {
        "ra": ra,
        "dec": dec,
        **{name: np.full(len(ra), value) for name, value in zip(FieldKey._fields, (301, 1, 2, field), strict=True)},
    }
    stage = make_stage(job(**cutouts), "cutouts")
    source = frames if isinstance(frames, Source) else Source(frames)
    return Cutting(stage.section, source).block(FieldKey._fields, rows, stage.empty_block(len(ra)))


def both(*fields):
    return {(field, band): frame(field) for field in fields for band in "gr"}


@pytest.mark.parametrize("size", [32, 33, 64])
def test_a_window_inside_is_ok_and_holds_the_frame_s_pixels(size):
    block = cut_one(both(11), sky(11, 700.2, 300.7), size=size)
    start_y, start_x = (int(np.ceil(value - size / 2)) for value in (300.7, 700.2))
    expected = STRIP[GRID.step + start_y : GRID.step + start_y + size, start_x : start_x + size]
    assert block.status.tolist() == [Status.OK]
    np.testing.assert_array_equal(block.data["flux"][0, 0], expected)
    assert block.data["x_object"][0, 0] == pytest.approx(700.2 - start_x, abs=1e-6)
    assert block.data["y_object"][0, 1] == pytest.approx(300.7 - start_y, abs=1e-6)


@pytest.mark.parametrize(("y", "neighbour"), [(1479.6, 12), (8.3, 10)])
def test_an_object_near_the_seam_is_cut_whole_from_the_neighbour(y, neighbour):
    block = cut_one(both(10, 11, 12), sky(11, 699.8, y))
    assert block.status.tolist() == [Status.OK]
    assert block.data["source_field"].tolist() == [neighbour]
    start = GRID.step + int(np.ceil(y - 32))
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


def rows_of_strip(y, size):
    """Rows of the undivided strip in the window of an object in row y of field 11."""
    start = GRID.step + int(np.ceil(y - size / 2))
    return slice(start, start + size)


@pytest.mark.parametrize("size", [129, 192, 300, 1024])
@pytest.mark.parametrize(("y", "beyond"), [(1430.6, 12), (40.3, 10)])
def test_a_window_larger_than_the_overlap_is_stitched_from_the_fields_it_touches(size, y, beyond):
    block = cut_one(both(10, 11, 12), sky(11, 700.2, y), size=size)
    columns = slice(int(np.ceil(700.2 - size / 2)), int(np.ceil(700.2 - size / 2)) + size)
    assert block.status.tolist() == [Status.OK]
    for band in (0, 1):
        np.testing.assert_array_equal(block.data["flux"][0, band], STRIP[rows_of_strip(y, size), columns])
    fields = {int(block.data[name][0]) for name in ("first_field", "last_field")}
    assert fields == ({11, beyond} if size > 129 else {int(block.data["source_field"][0])})


@pytest.mark.parametrize("offset", [-30, 30])
def test_a_window_is_whole_in_each_band_though_the_bands_are_offset(offset):
    """In no single field are both bands whole."""
    frames = both(10, 11, 12) | {(field, "r"): frame(field, rows=offset) for field in (10, 11, 12)}
    block = cut_one(frames, sky(11, 700.0, 1489 - 64 + 0.6 - min(offset, 0)), size=120)
    assert block.status.tolist() == [Status.OK]
    assert block.data["coverage"][0].tolist() == [1, 1]


@pytest.mark.parametrize("y", [1380.6, 1430.6])
def test_without_a_field_a_stitched_window_is_partial_and_says_which_one_is_missing(y):
    block = cut_one(both(10, 11), sky(11, 700.2, y), size=300)
    start = int(np.ceil(y - 150))
    expected = STRIP[GRID.step + start : GRID.step + 1489, 551:851]
    assert block.status.tolist() == [Status.PARTIAL]
    assert block.data["coverage"][0] == pytest.approx([(1489 - start) / 300] * 2)
    np.testing.assert_array_equal(block.data["flux"][0, 0, : 1489 - start], expected)
    assert np.isnan(block.data["flux"][0, 0, 1489 - start :]).all()
    assert block.problems[0].message.startswith("the archive has no field 12 beyond the edge; g: ")
    assert block.problems[0].source == "12-g"
    assert block.data["last_field"].tolist() == [11]


def test_a_field_that_cannot_be_reached_leaves_a_stitched_window_undecided():
    frames = both(10, 11) | {(12, band): TransientError("timeout") for band in "gr"}
    block = cut_one(frames, sky(11, 700.0, 1300.0), size=400)
    assert block.status.tolist() == [Status.UNREACHABLE]
    assert np.isnan(block.data["flux"]).all()
    assert block.data["source_field"].tolist() == [0]


def test_a_band_that_the_other_field_lacks_is_partial_alone():
    block = cut_one(both(11) | {(12, "g"): frame(12)}, sky(11, 700.0, 1400.0), size=300)
    assert block.status.tolist() == [Status.PARTIAL]
    assert block.data["coverage"][0, 0] == 1
    assert block.data["coverage"][0, 1] < 1
    assert block.problems[0].message.startswith("the archive has no field 12 beyond the edge; ")
    assert block.problems[0].message.partition("; ")[2].startswith("r: ")


@pytest.mark.parametrize("position", [(31.0, 1.0), (210.0, 0.0)])
@pytest.mark.parametrize("size", [64, 1024])
def test_for_an_object_that_is_not_there_no_other_field_is_asked_for(position, size):
    asked = []

    class Asked(Source):
        def load(self, key, reach, objects=1):
            asked.append(key[-1])
            return super().load(key, reach, objects)

    assert cut_one(Asked(both(11)), position, size=size).status.tolist() == [Status.OUTSIDE]
    assert asked == [11]


@pytest.mark.parametrize("size", [64, 33, 200])
@pytest.mark.parametrize("y", [700.3, 1430.6])
def test_registered_bands_have_the_object_in_the_middle_and_no_edge(size, y):
    frames = both(10, 11, 12) | {(field, "r"): frame(field, shift=0.4) for field in (10, 11, 12)}
    block = cut_one(frames, sky(11, 700.2, y), size=size, registration="subpixel")
    data = block.data
    assert block.status.tolist() == [Status.OK]
    assert np.isfinite(data["flux"]).all()
    assert data["x_object"][0].tolist() == data["y_object"][0].tolist() == [(size - 1) / 2] * 2
    for band in (0, 1):
        wcs = FrameWcs(*(data[name][0, band] for name in ("crval", "crpix", "cd")))
        x, y_found = to_astropy(wcs).wcs_world2pix(*sky(11, 700.2, y), 0)
        assert (x, y_found) == pytest.approx(((size - 1) / 2,) * 2, abs=1e-6)
    span_x, span_y = (subpixel_span(np.array([value]), size) for value in (700.2, GRID.step + y))
    expected = resample(cut(STRIP, span_x.start, span_y.start, size + MARGIN), span_x, span_y)[0]
    np.testing.assert_allclose(data["flux"][0, 0], expected, atol=1e-4)  # the WCS is good to 1e-5 pixel


def test_a_registered_cutout_near_the_side_is_missing_as_far_as_the_kernel_reaches():
    block = cut_one(both(11), sky(11, 20.25, 700.0), registration="subpixel")
    missing = np.isnan(block.data["flux"][0, 0]).any(axis=0)
    assert missing.tolist() == [True] * 16 + [False] * 48  # column j lies at j - 11.25 and needs pixels from j - 16
    assert block.data["coverage"][0, 0] == pytest.approx(48 / 64)
    assert block.status.tolist() == [Status.PARTIAL]


@pytest.mark.parametrize("registration", ["pixel", "subpixel"])
def test_ivar_is_that_of_the_field_which_gave_the_pixel_and_0_where_there_is_none(registration):
    frames = both(10, 11)
    frames[10, "g"] = frame(10, sky=400.0)
    block = cut_one(frames, sky(11, 100.0, 100.0), size=300, ivar=True, registration=registration)
    flux, ivar = block.data["flux"][0, 0], block.data["ivar"][0, 0]
    np.testing.assert_array_equal(ivar == 0, np.isnan(flux))
    assert (ivar == 0).any()
    gain, dark = ccd(1, 2, "g")
    for part, counts in ((ivar[:40, 60:], 400.0), (ivar[60:, 60:], 100.0)):
        expected = 1 / (counts / gain + dark)
        if registration == "pixel":
            assert np.mean(1 / part) == pytest.approx(1 / expected, rel=0.01)
        else:
            assert expected < 1 / np.mean(1 / part) < 1.42 * expected


@pytest.mark.parametrize("choice", [{}, {"registration": "subpixel", "ivar": True}, {"size": 300}])
def test_an_object_alone_is_bit_for_bit_the_object_in_a_block(choice):
    positions = [sky(11, x, y) for x, y in ((700.2, 1400.7), (300.9, 60.1), (1500.4, 800.0), (20.0, 1479.0))]
    together = cut_many(both(10, 11, 12), positions, **choice)
    for row, position in enumerate(positions):
        alone = cut_many(both(10, 11, 12), [position], **choice)
        for name, values in together.data.items():
            np.testing.assert_array_equal(alone.data[name][0], values[row], err_msg=name)


def test_the_aperture_correction_is_that_of_the_field_that_serves():
    frames = both(10, 11, 12)
    for (field, band), one in frames.items():
        factor = 1 + field / 1000 + (0.1 if band == "r" else 0)
        one.__dict__["correction"] = ApertureCorrection(factor, field / 1e4, field, field / 4)
    block = cut_many(frames, [sky(11, 700.0, 300.0), sky(11, 700.0, 1479.6), sky(11, 700.0, 1440.0)], size=200)
    assert block.data["source_field"].tolist() == [11, 12, 12]
    assert block.data["first_field"].tolist() == [11, 12, 11]  # the last one is stitched
    served = block.data["source_field"][:, None]
    expected = 1 + served / 1000 + np.array([0.0, 0.1])
    np.testing.assert_array_equal(block.data["aperture_correction"], expected.astype(np.float32))
    for name, values in (("aperture_correction_error", served / 1e4), ("psf_fwhm", served / 4)):
        np.testing.assert_array_equal(block.data[name], np.broadcast_to(values, (3, 2)).astype(np.float32))
    np.testing.assert_array_equal(block.data["aperture_correction_stars"], np.broadcast_to(served, (3, 2)))


def test_an_object_without_pixels_has_no_aperture_correction():
    block = cut_many(both(11), [sky(11, 700.0, 300.0), sky(11, 5000.0, 300.0)])
    assert np.isfinite(block.data["aperture_correction"][0]).all()
    assert np.isnan(block.data["aperture_correction"][1]).all()
    assert (block.data["aperture_correction_stars"][1] == 0).all()


def test_a_missing_band_has_no_aperture_correction_and_the_other_keeps_its_own():
    frames = both(11)
    del frames[11, "g"]
    block = cut_one(frames, sky(11, 700.0, 300.0))
    assert np.isfinite(block.data["aperture_correction"][0]).tolist() == [False, True]


def test_the_time_is_that_of_the_field_that_serves_and_unknown_where_the_file_says_none():
    frames = both(10, 11, 12)
    for (field, band), one in frames.items():
        time = field + 0.25 if band == "r" else np.nan
        frames[field, band] = FrameInMemory(replace(one.frame, mjd_tai=time))
    block = cut_many(frames, [sky(11, 700.0, 300.0), sky(11, 700.0, 1479.6), sky(11, 5000.0, 300.0)])
    expected = [[np.nan, 11.25], [np.nan, 12.25], [np.nan, np.nan]]  # the last one is off the frame
    np.testing.assert_array_equal(block.data["mjd_tai"], expected)


class Tops(Source):
    """Frames that have no more rows than were asked for; `rows` notes how many of which field."""

    def __init__(self, frames):
        super().__init__(frames)
        self.rows = {}

    def load(self, key, reach, objects=1):
        bands = super().load(key, reach, objects)
        return {
            band: self._top(key[-1], one, reach) if one.__class__ is FrameInMemory else one
            for band, one in bands.items()
        }

    def _top(self, field, one, reach):
        rows = self.rows[field] = max(reach(one.wcs), self.rows.get(field, 0))
        return FrameTopInMemory(FrameTop(one.frame.image[:rows], one.wcs, one.mjd_tai), b"", GRID)


@pytest.mark.parametrize("registration", ["pixel", "subpixel"])
@pytest.mark.parametrize("size", [1, 64, 129, 400])
def test_cutouts_from_the_rows_that_are_asked_for_are_those_from_whole_frames(size, registration):
    frames = both(10, 11, 12) | {(field, "r"): frame(field, shift=0.4, rows=0.7) for field in (10, 11, 12)}
    del frames[12, "g"]
    for y in (-300.0, -0.5, 3.2, 64.0, 500.9, 1361.0, 1424.6, 1488.4, 1700.0):
        wanted = {"size": size, "registration": registration, "aperture_correction": False}
        whole, part = (
            cut_many(source(frames), [sky(11, 700.2, y), sky(11, 2040.0, y - 90)], **wanted)
            for source in (Source, Tops)
        )
        assert part.status.tolist() == whole.status.tolist()
        assert [one.message for one in part.problems] == [one.message for one in whole.problems]
        for name, values in whole.data.items():
            np.testing.assert_array_equal(part.data[name], values, err_msg=f"{name} at {y}")


def test_no_more_rows_are_asked_for_than_windows_and_steps_need():
    source = Tops(both(10, 11, 12))
    cut_many(source, [sky(11, 700.0, 300.0), sky(11, 700.0, 200.0)], aperture_correction=False)
    assert source.rows == {11: 384}, "300 + 32, in steps of 64"
    cut_one(source, sky(11, 700.0, 1400.0), size=300, aperture_correction=False)
    assert source.rows[12] == 192, "row 1550 is row 189 of the next field"
