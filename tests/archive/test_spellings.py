"""`survey_batch.archive.spellings`: a file is found packed or not, and a miss costs few requests."""

import bz2
import gzip
from itertools import repeat

import pytest

from survey_batch.archive import download, spellings
from survey_batch.archive.download import Archive
from survey_batch.archive.spellings import split_ending, told
from survey_batch.core.errors import NotFoundError, TransientError
from tests.jobs import archive_section
from tests.servers import BUSY, PAGE, http_server

FITS = b"SIMPLE  =                    T".ljust(2880)
PACKED = {".fits": FITS, ".fits.gz": gzip.compress(FITS), ".fits.bz2": bz2.compress(FITS)}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(download, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(download, "WAIT_JITTER", 0.01)
    monkeypatch.setattr(spellings, "_found", {})


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a").mkdir()
    return tmp_path / "a"


def read(root, path, **settings):
    archive = Archive(archive_section(survey="lamost", root=str(root), **settings))
    return archive.read(path, lambda raw: raw, spellings.spellings(path)[1:])


def test_the_given_name_comes_first_and_no_name_twice():
    assert spellings.spellings("x/s.fits") == ("x/s.fits", "x/s.fits.gz", "x/s.fits.bz2")
    assert spellings.spellings("s.fits.bz2", ["", "t"])[:3] == ("s.fits.bz2", "s.fits.gz", "s.fits")
    assert spellings.spellings("x/s.fits.gz", [""])[3:] == ("s.fits.gz", "s.fits.bz2", "s.fits")
    assert spellings.spellings("spectrum/fits/17")[0] == "spectrum/fits/17"
    assert split_ending("A.FITS") == ("A", ".FITS")


def test_an_image_may_be_packed_in_tiles_and_a_miss_says_that_it_was_tried():
    names = spellings.spellings_of_image("x/s.fits")
    assert names == ("x/s.fits", "x/s.fits.gz", "x/s.fits.bz2", "x/s.fits.fz")
    assert told(names) == "tried with .fits, .fits.gz, .fits.bz2 and .fits.fz"
    assert spellings.spellings_of_image("x/s.fits.fz") == ("x/s.fits.fz",)


@pytest.mark.parametrize("given", [*PACKED, ""])
@pytest.mark.parametrize("there", PACKED)
def test_a_file_is_found_under_every_ending(folder, given, there):
    (folder / f"s{there}").write_bytes(PACKED[there])
    assert read(folder, f"s{given}") == PACKED[there]


def test_where_there_are_both_the_given_one_is_taken(folder):
    for ending, raw in PACKED.items():
        (folder / f"s{ending}").write_bytes(raw)
    for ending, raw in PACKED.items():
        assert read(folder, f"s{ending}") == raw


def test_a_server_is_asked_once_for_each_file_after_the_first(folder):
    for number in range(5):
        (folder / f"s{number}.fits.bz2").write_bytes(PACKED[".fits.bz2"])
    with http_server(folder) as server:
        for number in range(5):
            read(server.url, f"s{number}.fits")
        assert sum(server.requests.values()) == 3 + 4


def test_a_miss_costs_a_request_for_each_ending_and_says_so(folder):
    with http_server(folder) as server:
        with pytest.raises(NotFoundError, match=r"404.*tried with \.fits, \.fits\.gz and \.fits\.bz2") as caught:
            read(server.url, "s.fits")
        assert dict(server.requests) == {"/s.fits": 1, "/s.fits.gz": 1, "/s.fits.bz2": 1}
    assert str(caught.value).startswith(f"{server.url}/s.fits:")


def test_a_failure_at_one_name_leaves_the_file_to_the_next_run(folder):
    with http_server(folder, {"/s.fits.gz": repeat(BUSY)}) as server:
        with pytest.raises(TransientError, match=r"s\.fits\.gz.*503"):
            read(server.url, "s.fits", attempts=2)
        assert server.requests["/s.fits"] == 1


def test_what_passes_at_one_name_is_tried_again(folder):
    (folder / "s.fits.gz").write_bytes(PACKED[".fits.gz"])
    with http_server(folder, {"/s.fits.gz": [BUSY]}) as server:
        assert read(server.url, "s.fits") == PACKED[".fits.gz"]


def test_a_page_instead_of_the_file_is_not_a_miss(folder):
    (folder / "s.fits.gz").write_bytes(PACKED[".fits.gz"])
    with http_server(folder, {"/s.fits": repeat(PAGE)}) as server, pytest.raises(TransientError, match="HTML"):
        read(server.url, "s.fits")


def test_a_file_in_the_cache_under_another_name_costs_no_request(folder, tmp_path):
    (folder / "s.fits.bz2").write_bytes(PACKED[".fits.bz2"])
    with http_server(folder) as server:
        read(server.url, "s.fits", cache=str(tmp_path / "cache"))
        asked = sum(server.requests.values())
        assert read(server.url, "s.fits", cache=str(tmp_path / "cache")) == PACKED[".fits.bz2"]
        assert sum(server.requests.values()) == asked


def test_what_was_tried_is_told_in_a_few_words():
    names = spellings.spellings("e/301/s.fits.bz2", ["", "7/1"])
    assert told(names) == "tried with .fits.bz2, .fits.gz and .fits in e/301, the root and 7/1"
