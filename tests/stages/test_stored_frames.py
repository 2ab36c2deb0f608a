"""Frames of the product are those of the archive, and parts of them are read together from an object store."""

from itertools import count

import fsspec
import numpy as np
import pyarrow as pa
import pytest

from survey_batch.core.errors import NotFoundError, ObjectError, UnreadableError
from survey_batch.core.status import Status
from survey_batch.images.aperture_correction import ApertureCorrection
from survey_batch.planning.stored import store_table
from survey_batch.stages import stored_frames
from survey_batch.stages.frame_source import CORRECTION_VARIABLES, SKY_VARIABLES
from survey_batch.stages.frame_view import FrameInMemory
from survey_batch.stages.stored_frames import FramePart, StoredFrames, read_patches
from survey_batch.store.products import create_product, write_shard
from survey_batch.store.schema import Schema, Shard, Variable
from tests.stages.test_frame_source import ALL, COLUMNS, ROWS, frame, source

__all__ = ["source"]

NUMBERS = count()

STATUSES = {1: (Status.OK, Status.OK), 3: (Status.OK, Status.NOT_FOUND), 4: (Status.UNREADABLE, Status.FAILED)}


@pytest.fixture
def stored(source, tmp_path):
    """The same frames as a product of fields 1, 3 and 4; the others are in the archive alone."""
    return StoredFrames(store(str(tmp_path / "out")), source)


def store(output):
    """Make the product and its plan."""
    plane = ("frame", "band")
    variables = (
        Variable("image", (*plane, "y", "x"), "f4"),
        Variable("calibration", (*plane, "x"), "f4"),
        Variable("crval", (*plane, "axis"), "f8"),
        Variable("crpix", (*plane, "axis"), "f8"),
        Variable("cd", (*plane, "axis", "world"), "f8"),
        Variable("sky", (*plane, "sky_y", "sky_x"), "f4"),
        Variable("sky_column", (*plane, "x"), "f4"),
        Variable("sky_row", (*plane, "y"), "f4"),
        Variable("mjd_tai", plane, "f8"),
        *(Variable(name, plane, "f4") for name in CORRECTION_VARIABLES.values()),
    )
    sizes = {"frame": 3, "band": 2, "y": ROWS, "x": COLUMNS, "axis": 2, "world": 2, "sky_y": 2, "sky_x": 2}
    create_product(output, Schema("frames", "frame", sizes, 1, variables, status_dims=plane), {"provenance": {}})
    for place, (number, status) in enumerate(STATUSES.items()):
        one = frame(number)
        values = {"image": one.image, "calibration": one.calibration, **vars(one.wcs)}
        values |= {name: getattr(one.sky, part) for part, name in SKY_VARIABLES.items()}
        values["mjd_tai"] = one.mjd_tai
        values |= {name: np.float32(number + 0.5) for name in CORRECTION_VARIABLES.values()}
        data = {name: np.stack([value, value])[np.newaxis] for name, value in values.items()}
        write_shard(output, "frames", Shard("frame", place, place, place + 1), data, np.array([status], np.uint8))
    store_table(output, "frame", pa.table({"field": list(STATUSES)}), 1)
    return output


def test_what_the_product_says_of_a_field_is_read_once_and_its_pixels_when_asked_for(stored, monkeypatch):
    read, fields = stored_frames.read_rows, []
    monkeypatch.setattr(stored_frames, "read_rows", lambda *given: fields.append(given[2]) or read(*given))
    first = [stored.load((number,), ALL) for number in STATUSES]
    assert [stored.load((number,), ALL) for number in STATUSES] == first
    assert len(fields) == len(STATUSES)
    assert {type(one) for bands in first for one in bands.values()} > {stored_frames.StoredFrame}


def test_a_stored_frame_is_the_archive_s(stored, source):
    here, there = stored.load((1,), ALL)["r"], source.load((1,), ALL)["r"]
    rows, columns = slice(1, 4), slice(2, 8)
    np.testing.assert_array_equal(here.pixels(rows, columns), there.pixels(rows, columns))
    np.testing.assert_array_equal(here.calibration(), there.calibration())
    for part in ("crval", "crpix", "cd"):
        np.testing.assert_array_equal(getattr(here.wcs, part), getattr(there.wcs, part))
    for part in SKY_VARIABLES:
        np.testing.assert_array_equal(getattr(here.sky(), part), getattr(there.sky(), part))
    assert here.mjd_tai == there.mjd_tai == 51465.3
    assert here.correction == ApertureCorrection(1.5, 1.5, 1.5, 1.5)


def test_a_stored_frame_that_is_missing_says_so_with_its_address(stored):
    gone = stored.load((3,), ALL)["r"]
    assert type(gone) is NotFoundError
    assert str(gone) == f"{stored.url((3,), 'r')} is not_found in frames.zarr"
    assert [type(one) for one in stored.load((4,), ALL).values()] == [UnreadableError, ObjectError]


def test_a_field_that_the_product_lacks_comes_from_the_archive(stored, source):
    assert type(stored.load((5,), ALL)["g"]) is FrameInMemory
    assert sorted(source.reader.asked) == [(5, "g"), (5, "r")]


@pytest.mark.parametrize("noise", [False, True])
def test_parts_of_frames_in_an_object_store_are_read_together_and_are_the_same(stored, source, monkeypatch, noise):
    output = store(f"memory://frames-{next(NUMBERS)}")
    calls, read = [], stored_frames.read_parts
    monkeypatch.setattr(stored_frames, "read_parts", lambda *given: calls.append(given) or read(*given))
    answers = []
    for frames in (stored, StoredFrames(output, source)):
        one, other = frames.load((1,), ALL), frames.load((5,), ALL)  # the product lacks field 5
        part = slice(1, 4), slice(2, 8)
        parts = [FramePart(one["g"], *part), FramePart(other["r"], *part), FramePart(one["r"], *part)]
        answers.append(list(read_patches(parts, noise=noise)))
    for here, there in zip(*answers, strict=True):
        np.testing.assert_array_equal(here.pixels, there.pixels)
        assert (here.noise is None) == (there.noise is None) == (not noise)
        if noise:
            np.testing.assert_array_equal(here.noise[0], there.noise[0])
            for name in SKY_VARIABLES:
                np.testing.assert_array_equal(getattr(here.noise[1], name), getattr(there.noise[1], name))
    assert [given[0] for given in calls] == [output]
    fsspec.filesystem("memory").rm(output, recursive=True)
