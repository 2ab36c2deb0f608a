"""Frames straight from the archive: each is read once, no further than needed, and those that are missing say why."""

import bz2
import re
from types import SimpleNamespace

import numpy as np
import pytest

from survey_batch.config.job import Job
from survey_batch.core.errors import NotFoundError, ReaderError, TransientError, UnreadableError
from survey_batch.core.status import Status
from survey_batch.images.frame import Frame, FrameGrid, FrameTop, FrameWcs, Sky
from survey_batch.stages import frame_view
from survey_batch.stages.frame_source import (
    FEW,
    FIELDS_IN_MEMORY,
    ArchiveFrames,
)
from survey_batch.stages.frame_view import FrameInMemory, FrameTopInMemory
from survey_batch.surveys.sdss.reader import SdssFrames
from tests.jobs import archive_section
from tests.servers import http_server

ROWS, COLUMNS = 6, 8


def ALL(_):  # noqa: N802
    """Ask for all rows."""
    return ROWS


def frame(number, sky=True):
    """A small frame whose every value tells its number."""
    wcs = FrameWcs(np.array([number, 1.0]), np.array([2.0, 3.0]), np.eye(2) * number)
    level = Sky(np.full((2, 2), number, np.float32), np.zeros(COLUMNS, np.float32), np.ones(ROWS, np.float32))
    image = np.arange(ROWS * COLUMNS, dtype=np.float32).reshape(ROWS, COLUMNS) + 100 * number
    return Frame(image, np.full(COLUMNS, number, np.float32), wcs, level if sky else None, mjd_tai=51464.3 + number)


class Reader:
    """A reader of files that hold the number of their field."""

    fits, ceiling, corrects, stitches, reads_tops = False, 1000, True, False, True
    grid = FrameGrid(ROWS, COLUMNS, overlap=1)

    def __init__(self):
        self.asked = []

    def path(self, field, band):
        return f"{field[-1]}-{band}"

    def other_paths(self, field, band, *, remote):
        return (f"{field[-1]}-{band}.bz2",)

    def beside(self, field, band, *, sky):
        return ()

    def read(self, raw, field, band, *, sky):
        self.asked.append((field[-1], band))
        if not raw.isdigit():
            raise UnreadableError("no number")
        return frame(int(raw), sky)


@pytest.fixture
def source(tmp_path):
    """Frames of an archive in a folder, where field 3 lacks a band and field 4 is broken."""
    archive = tmp_path / "archive"
    archive.mkdir()
    for name in ("1-g", "1-r", "2-g", "3-g", "5-g", "5-r", "6-g", "6-r"):
        (archive / name).write_bytes(name[:1].encode())
    (archive / "2-r.bz2").write_bytes(bz2.compress(b"2"))
    for name in ("4-g", "4-r"):
        (archive / name).write_bytes(b"broken")
    section = Job.model_validate(
        {
            "name": "t",
            "output": "o",
            "stages": ["frames"],
            "catalog": {"path": "c"},
            "archive": {"survey": "sdss", "root": str(archive)},
        }
    ).archive
    origin = SimpleNamespace(archive=section, images=Reader)
    return ArchiveFrames(origin, "gr", sky=True)


def test_a_field_has_each_band_or_the_reason_why_not(source):
    assert [type(one) for one in source.load((3,), ALL).values()] == [FrameInMemory, NotFoundError]
    assert [type(one) for one in source.load((4,), ALL).values()] == [UnreadableError, UnreadableError]
    assert source.url((3,), "r") in str(source.load((3,), ALL)["r"])


def test_a_frame_of_another_name_is_found_and_decompressed(source):
    assert {band: one.calibration()[0] for band, one in source.load((2,), ALL).items()} == {"g": 2, "r": 2}


def test_a_reader_that_fails_in_a_way_of_its_own_is_no_end_of_the_run(source, monkeypatch):
    monkeypatch.setattr(source.reader, "read", lambda *_, sky: {}["SKY"])  # noqa: ARG005
    error = source.load((1,), ALL)["g"]
    assert error.status == Status.FAILED
    assert f"the reader of survey 'sdss' failed on {source.url((1,), 'g')} with KeyError: 'SKY'" in str(error)


def test_a_reader_that_does_not_know_a_field_is_named_with_it(source, monkeypatch):
    monkeypatch.setattr(source.reader, "ccd", lambda *_: [][0], raising=False)
    with pytest.raises(ReaderError, match=r"the reader of survey 'sdss' failed on field \(1,\) with IndexError"):
        source.ccd((1,), "g")


@pytest.mark.parametrize(("path", "said"), [(lambda *_: [][0], "IndexError"), (lambda *_: None, "returned None")])
def test_a_reader_without_a_path_for_a_field_fails_its_bands_alone(source, monkeypatch, path, said):
    monkeypatch.setattr(source.reader, "path", path)
    error = source.load((1,), ALL)["g"]
    assert isinstance(error, ReaderError)
    assert re.search(rf"the reader of survey 'sdss' failed on field \(1,\) with .*{said}", str(error))
    assert source.url((1,), "g") == "", "which is asked for to report the error"


def test_a_reader_that_returns_no_frame_is_told(source, monkeypatch):
    monkeypatch.setattr(source.reader, "read", lambda *_, sky: None)  # noqa: ARG005
    assert "read returned NoneType and must return a Frame" in str(source.load((1,), ALL)["g"])


def test_a_server_that_cannot_be_reached_is_no_end_of_the_run(source, monkeypatch):
    def away(*_):
        raise TransientError("no answer")

    monkeypatch.setattr(source.archive, "read", away)
    assert [type(one) for one in source.load((1,), ALL).values()] == [TransientError, TransientError]


def test_the_last_fields_are_kept_and_the_one_not_used_for_longest_is_read_again(source):
    for field in (1, 2, 3, 1, 5):
        source.load((field,), ALL)
    assert len(source._fields) == FIELDS_IN_MEMORY == 3
    source.reader.asked.clear()
    source.load((1,), ALL)
    assert source.reader.asked == []
    source.load((2,), ALL)
    assert sorted(source.reader.asked) == [(2, "g"), (2, "r")]


def test_the_correction_is_measured_once_and_only_when_it_is_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(frame_view, "measure_correction", lambda *given: asked.append(given) or "measured")
    one = FrameInMemory(frame(1))
    one.pixels(slice(None), slice(None))
    assert not asked
    assert one.correction == one.correction == "measured"
    assert len(asked) == 1


def test_a_frame_that_was_read_without_its_sky_has_none():
    with pytest.raises(ValueError, match="read without its sky"):
        FrameInMemory(frame(1, sky=False)).sky()


@pytest.fixture
def tops(source, monkeypatch):
    """The same archive, read no further than needed; the reader notes how many rows it read of which band."""
    read = []

    def read_top(file, field, band, rows):
        one = frame(int(file.whole()))
        read.append((band, rows(one.wcs)))
        return FrameTop(one.image[: rows(one.wcs)], one.wcs, one.mjd_tai)

    monkeypatch.setattr(source.reader, "read_top", read_top, raising=False)
    source.whole, source.read = False, read
    return source


def test_only_the_rows_asked_for_are_read_and_more_only_where_there_are_too_few(tops):
    first = tops.load((1,), lambda _: 2)
    assert sorted(tops.read) == [("g", 2), ("r", 2)]
    np.testing.assert_array_equal(first["g"].pixels(slice(0, 2), slice(None)), frame(1).image[:2])
    assert tops.load((1,), lambda _: 1) is first
    tops.read.clear()
    more = tops.load((1,), lambda _: 4)["r"]
    assert sorted(tops.read) == [("g", 4), ("r", 4)]
    np.testing.assert_array_equal(more.pixels(slice(0, 4), slice(None)), frame(1).image[:4])


def test_more_rows_are_read_from_the_file_that_is_there(tops, monkeypatch):
    tops.load((1,), lambda _: 2)
    monkeypatch.setattr(tops.archive, "read_part", lambda *_, **__: pytest.fail("fetched again"))
    assert len(tops.load((1,), ALL)["g"].frame.image) == ROWS


def test_a_file_that_is_damaged_further_down_is_fetched_once_more(tops, monkeypatch):
    tops.load((1,), lambda _: 2)
    monkeypatch.setattr(tops.archive, "read_part", lambda *_, **__: "fetched again")

    def damaged(*_):
        raise UnreadableError("damaged")

    monkeypatch.setattr(tops.reader, "read_top", damaged)
    assert set(tops.load((1,), ALL).values()) == {"fetched again"}


def test_the_first_rows_have_neither_calibration_nor_sky_nor_correction(tops):
    one = tops.load((1,), lambda _: 2)["g"]
    assert isinstance(one, FrameTopInMemory)
    for asked in (one.calibration, one.sky, lambda: one.correction):
        with pytest.raises(ValueError, match="first rows"):
            asked()


def test_a_band_that_is_missing_is_not_asked_for_again(tops):
    assert [type(one) for one in tops.load((3,), lambda _: 2).values()] == [FrameTopInMemory, NotFoundError]
    tops.read.clear()
    tops.load((3,), ALL)
    assert tops.read == [("g", ROWS)]


def test_the_first_rows_of_a_real_frame_come_alone_and_the_others_when_they_are_asked_for(real_data):
    field, band, root = (301, 1043, 5, 25), "r", real_data / "sdss"
    expected = ArchiveFrames(sdss(root), band, sky=False).load(field, ALL)[band].frame.image
    with http_server(root, parts=True) as server:
        source = ArchiveFrames(sdss(server.url), band, sky=False, whole=False)
        size = (root / source.reader.path(field, band)).stat().st_size
        few = source.load(field, lambda _: 400)[band].frame.image
        assert server.sent < 0.4 * size
        np.testing.assert_array_equal(few, expected[:400])
        all_rows = source.load(field, lambda _: len(expected))[band].frame.image
        np.testing.assert_array_equal(all_rows, expected)
        assert server.sent <= size, "nothing came twice"
        ArchiveFrames(sdss(server.url), band, sky=False, whole=False).load(field, lambda _: 400, FEW + 1)
    assert sorted(server.requests.values()) == [4]


def sdss(root):
    """What stages know of an archive of SDSS."""
    section = archive_section("sdss", root=str(root))
    return SimpleNamespace(archive=section, images=lambda: SdssFrames(section))


def test_bands_are_decoded_while_more_of_another_one_comes(tops, monkeypatch):
    free = []

    class File:
        raw = b"SIMPLE  ="

        def more(self, _):
            free.append(tops._decoding.acquire(blocking=False))
            tops._decoding.release()
            return b""

    monkeypatch.setattr(tops.reader, "read_top", lambda file, *_: file.upto(10))
    with pytest.raises(TypeError):  # what it returns is no FrameTop
        tops._top(File(), (1,), "g", ALL)
    assert free == [True]
    assert not tops._decoding.locked()
