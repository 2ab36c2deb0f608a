"""`survey_batch.archive.cache`: files of a remote archive that are kept, and what is not."""

import logging
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import pytest

from survey_batch.archive import content
from survey_batch.archive.cache import FileCache
from survey_batch.archive.traffic import Traffic
from survey_batch.core.errors import TransientError
from tests.archive_files import BZ2, FITS, archive
from tests.servers import PAGE, http_server

pytestmark = pytest.mark.usefixtures("short_waits")


def cache(folder, root="https://host/dr17/"):
    return FileCache(None if folder is None else str(folder), root, content.FITS)


def test_a_file_is_kept_below_its_server_and_root_until_it_is_forgotten(tmp_path):
    kept = cache(tmp_path)
    assert kept.read("sub/a.fits") is None
    kept.write("sub/a.fits", FITS)
    assert kept.read("sub/a.fits") == (tmp_path / "host/dr17/sub/a.fits").read_bytes() == FITS
    assert cache(tmp_path, "https://host/dr18").read("sub/a.fits") is None
    for _ in range(2):
        kept.forget("sub/a.fits")
    assert kept.read("sub/a.fits") is None


def test_without_a_folder_nothing_is_kept():
    none = cache(None)
    none.write("a.fits", FITS)
    none.forget("a.fits")
    assert none.read("a.fits") is None


def test_what_cannot_be_read_or_is_no_such_file_is_not_there_and_the_log_says_why(tmp_path, caplog):
    kept = cache(tmp_path)
    (tmp_path / "host/dr17/a.fits").mkdir(parents=True)
    kept.write("b.fits", b"<html>")
    assert kept.read("a.fits") is kept.read("b.fits") is None
    assert "cannot read" in caplog.messages[0]
    assert "b.fits is damaged in the cache (an HTML page); downloading it again" in caplog.messages[1]


def test_a_file_is_downloaded_once(folder, tmp_path):
    with http_server(folder) as server:
        for _ in range(2):
            files = archive(server.url + "/sub", cache=str(tmp_path / "cache"))
            assert files.read("a.fits.bz2", bytes) == BZ2
        assert server.requests["/sub/a.fits.bz2"] == 1
    assert files.traffic.take() == Traffic(cache_hits=1)
    (cached,) = [file for file in (tmp_path / "cache").rglob("*") if file.is_file()]
    assert cached.read_bytes() == BZ2
    assert cached.relative_to(tmp_path / "cache").as_posix() == f"{server.url[7:]}/sub/a.fits.bz2"


def test_a_damaged_file_is_downloaded_again(folder, tmp_path, caplog):
    with http_server(folder) as server:
        files = archive(server.url, cache=str(tmp_path / "cache"))
        files.read("a.fits", bytes)
        (cached,) = (tmp_path / "cache").rglob("a.fits")
        cached.write_bytes(b"")
        with caplog.at_level(logging.WARNING):
            assert files.read("a.fits", bytes) == FITS
    assert cached.read_bytes() == FITS
    assert "damaged in the cache" in caplog.text


def test_what_was_refused_is_not_kept(folder, tmp_path):
    with http_server(folder, {"/a.fits": repeat(PAGE)}) as server, pytest.raises(TransientError):
        archive(server.url, cache=str(tmp_path / "cache")).read("a.fits", bytes)
    assert not (tmp_path / "cache").exists()


def test_a_cache_leaves_no_temporary_files_and_can_be_shared(folder, tmp_path):
    with http_server(folder) as server, ThreadPoolExecutor(4) as pool:
        files = archive(server.url, cache=str(tmp_path / "cache"))
        assert set(pool.map(lambda name: files.read(name, bytes), ["a.fits"] * 8)) == {FITS}
    (cached,) = [file for file in (tmp_path / "cache").rglob("*") if file.is_file()]
    (tmp_path / "ordinary").touch()
    assert cached.stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_cache_that_cannot_be_written_costs_only_the_cache(folder, tmp_path, caplog):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with http_server(folder) as server:
        assert archive(server.url, cache=str(tmp_path / "cache")).read("a.fits", bytes) == FITS
    assert "cannot keep" in caplog.text
