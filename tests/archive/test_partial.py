"""Files of which only the beginning is needed: no more is fetched, and everything that goes wrong is told as ever."""

import bz2
import gzip
import random
from contextlib import nullcontext

import pytest
import s3fs

from survey_batch.archive import download
from survey_batch.archive.decompress import SDSS_CEILING, Inflater
from survey_batch.archive.download import Archive
from survey_batch.core.errors import NotFoundError, TransientError, UnreadableError
from tests.archive_files import archive
from tests.jobs import archive_section
from tests.servers import BUSY, FORBIDDEN, NOT_FOUND, PAGE, RESET, SHORT, Fault, http_server, s3_server

pytestmark = pytest.mark.usefixtures("short_waits", "small_parts")

CONTENT = b"SIMPLE  =                    T".ljust(2880) + random.Random(2).randbytes(900_000)
"""Ten blocks of bzip2 at level 1; each takes about 100 kB packed."""
RAW = bz2.compress(CONTENT, 1)
NAME = "a.fits.bz2"
NEEDED = 350_000
MOST = 500_000
"""More bytes than four blocks of the file need; it has 900,000."""


@pytest.fixture
def small_parts(monkeypatch):
    """Ask for the first block or so."""
    monkeypatch.setattr(download, "FIRST_BYTES", 130_000)


@pytest.fixture
def files(tmp_path):
    """An archive with one file."""
    (tmp_path / NAME).write_bytes(RAW)
    return tmp_path


def start(file):
    """Read the header, and then some more, as a reader of frames does."""
    inflater = Inflater(file.raw, SDSS_CEILING, more=file.more)
    assert inflater.upto(2880)[:2880] == CONTENT[:2880]
    return bytes(inflater.upto(NEEDED)[:NEEDED])


def test_no_more_comes_than_is_needed(files):
    with http_server(files, parts=True) as server:
        there = archive(server.url)
        assert there.read_part(NAME, start) == CONTENT[:NEEDED]
    traffic = there.traffic.take()
    assert traffic.requests == server.requests[f"/{NAME}"] == 2
    assert NEEDED < traffic.bytes == server.sent < MOST
    assert traffic.retries == 0
    here = archive(files)
    assert here.read_part(NAME, start) == CONTENT[:NEEDED]
    assert NEEDED < here.traffic.take().bytes < MOST


def test_a_reader_may_keep_the_file_and_ask_for_more_until_its_end(files):
    with http_server(files, parts=True) as server:
        file = archive(server.url).read_part(NAME, lambda file: file)
        assert not file.is_whole
        while file.more(200_000):
            pass
        assert file.raw == RAW
        assert file.is_whole
        assert server.requests[f"/{NAME}"] == 5
        assert server.sent == len(RAW)


def test_a_plain_file_comes_no_further_either(files):
    (files / "a.fits").write_bytes(CONTENT)
    with http_server(files, parts=True) as server:
        assert archive(server.url).read_part("a.fits", start) == CONTENT[:NEEDED]
        assert server.sent == NEEDED


def test_a_file_of_which_most_is_needed_comes_whole_at_once(files):
    with http_server(files, parts=True) as server:
        assert archive(server.url).read_part(NAME, start, most=True) == CONTENT[:NEEDED]
        assert server.requests[f"/{NAME}"] == 1


def test_a_cache_gets_whole_files_and_a_part_never_lies_in_it(files, tmp_path):
    with http_server(files, parts=True) as server:
        for _ in range(2):
            cached = archive(server.url, cache=str(tmp_path / "cache"))
            assert cached.read_part(NAME, start) == CONTENT[:NEEDED]
        assert server.requests[f"/{NAME}"] == 1
    (kept,) = (tmp_path / "cache").rglob(NAME)
    assert kept.read_bytes() == RAW


def test_where_requests_pause_there_is_one_for_a_file(files):
    with http_server(files, parts=True) as server:
        assert archive(server.url, pause=0.01).read_part(NAME, start) == CONTENT[:NEEDED]
        assert server.requests[f"/{NAME}"] == 1


def test_a_server_that_knows_no_parts_sends_the_whole_file_once(files):
    with http_server(files) as server:
        assert archive(server.url).read_part(NAME, start) == CONTENT[:NEEDED]
        assert server.requests[f"/{NAME}"] == 1


@pytest.mark.parametrize("fault", [BUSY, SHORT, RESET, Fault(sent=0.5, framing="chunked")])
@pytest.mark.parametrize("which", [0, 1])
def test_a_part_that_does_not_come_or_not_whole_is_asked_for_again(files, fault, which):
    # aiohttp itself repeats a request whose connection was reset, once.
    faults = [None] * which + [fault] * (2 if fault is RESET else 1)
    with http_server(files, {f"/{NAME}": faults}, parts=True) as server:
        there = archive(server.url)
        assert there.read_part(NAME, start) == CONTENT[:NEEDED]
    traffic = there.traffic.take()
    assert (traffic.requests, traffic.retries) == (3, 1)
    assert NEEDED < traffic.bytes < MOST


@pytest.mark.parametrize(
    "fault",
    [
        Fault(whole=True),
        Fault(status=416, body=b""),
        FORBIDDEN,
        Fault(status=501),
        Fault(status=206),
        Fault(headers={"Content-Range": "bytes 7-9/900000"}),
        Fault(headers={"Content-Range": "a part"}),
        Fault(headers={"ETag": "another"}),
        Fault(change=lambda raw: raw + bytes(100)),
        Fault(change=lambda raw: bytes(len(raw))),
        Fault(body=gzip.compress(RAW), headers={"Content-Encoding": "gzip"}),
    ],
    ids=["whole", "416", "403", "501", "206", "elsewhere", "nonsense", "version", "length", "zeros", "packed"],
)
@pytest.mark.parametrize("which", [0, 1])
def test_after_anything_odd_the_whole_file_is_asked_for(files, fault, which):
    with http_server(files, {f"/{NAME}": [None] * which + [fault]}, parts=True) as server:
        assert archive(server.url).read_part(NAME, start) == CONTENT[:NEEDED]
        taken_whole = fault.whole and which == 0
        assert taken_whole or "Range" not in server.headers[-1]


@pytest.mark.parametrize(
    ("fault", "error"),
    [(NOT_FOUND, NotFoundError), (BUSY, TransientError), (Fault(status=403), TransientError), (PAGE, TransientError)],
    ids=["404", "503", "403", "page"],
)
def test_what_a_server_says_of_a_file_it_says_of_a_part(files, fault, error):
    said = []
    for read in ("read", "read_part"):
        with http_server(files, {f"/{NAME}": [fault] * 99}, parts=True) as server:
            with pytest.raises(error) as caught:
                getattr(archive(server.url, attempts=2), read)(NAME, start)
            said.append(str(caught.value).replace(server.url, "…"))
    assert said[0] == said[1]


@pytest.mark.parametrize("remote", [True, False])
@pytest.mark.parametrize(
    "damaged",
    [RAW[:150_000] + b"\0\0" + RAW[150_002:], RAW[:300_000], RAW[:50_000], b"<html>no file", b"", RAW[:3]],
    ids=["changed", "cut short", "short", "page", "empty", "tiny"],
)
def test_a_damaged_file_is_told_as_if_it_had_come_whole(files, damaged, remote):
    (files / NAME).write_bytes(damaged)
    said = []
    with http_server(files, parts=True) if remote else nullcontext() as server:
        for read in ("read", "read_part"):
            there = archive(server.url if remote else files, attempts=2)
            with pytest.raises((UnreadableError, TransientError)) as caught:
                getattr(there, read)(NAME, start if read == "read_part" else _start_of_whole)
            said.append((caught.type, str(caught.value)))
    assert said[0] == said[1]


def _start_of_whole(raw):
    return Inflater(raw, SDSS_CEILING).upto(NEEDED)


def test_damage_behind_what_is_needed_does_no_harm(files):
    (files / NAME).write_bytes(RAW[:700_000])
    with http_server(files, parts=True) as server:
        assert archive(server.url).read_part(NAME, start) == CONTENT[:NEEDED]


def test_a_file_of_another_name_is_found(files):
    with http_server(files, parts=True) as server:
        assert archive(server.url).read_part("a.fits", start, [NAME]) == CONTENT[:NEEDED]
        assert server.sent < MOST + 100


def test_every_request_for_a_part_waits_for_its_turn(files):
    turns = []

    class Turn(nullcontext):
        def __enter__(self):
            turns.append(self)

    with http_server(files, parts=True) as server:
        there = Archive(archive_section(survey="sdss", root=server.url), Turn)
        assert there.read_part(NAME, start) == CONTENT[:NEEDED]
    assert len(turns) == 2


@pytest.mark.slow
def test_parts_come_from_a_bucket(files, tmp_path):
    with s3_server(tmp_path / "s3"):
        bucket = s3fs.S3FileSystem()
        bucket.mkdir("parts")
        bucket.pipe_file(f"parts/{NAME}", RAW)
        bucket.pipe_file("parts/empty.fits.bz2", b"")
        there = archive("s3://parts")
        assert there.read_part(NAME, start) == CONTENT[:NEEDED]
        traffic = there.traffic.take()
        assert traffic.requests == 2
        assert NEEDED < traffic.bytes < MOST
        file = there.read_part(NAME, lambda file: file)
        bucket.pipe_file(f"parts/{NAME}", RAW[:-1] + b"x")
        with pytest.raises(UnreadableError, match="changed while it came"):
            file.more(1000)
        with pytest.raises(NotFoundError):
            there.read_part("none.fits.bz2", start)
        with pytest.raises(TransientError):
            archive("s3://parts", attempts=1).read_part("empty.fits.bz2", start)
