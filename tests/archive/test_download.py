"""`survey_batch.archive.download`: what comes out is the file, or an error that says what came instead."""

import gzip
import pickle
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from itertools import repeat
from urllib.parse import urlsplit

import pytest
import s3fs
from pydantic import ValidationError

from survey_batch.archive import download, holds
from survey_batch.archive.content import ANY
from survey_batch.archive.decompress import decompress
from survey_batch.archive.download import Archive
from survey_batch.archive.fits_units import extensions, primary_unit
from survey_batch.archive.traffic import Traffic
from survey_batch.core.errors import ConfigurationError, NotFoundError, TransientError, UnreadableError
from survey_batch.core.paths import read_bytes
from tests.archive_files import BZ2, FITS, GZ, archive
from tests.jobs import archive_section
from tests.servers import (
    BUSY,
    FORBIDDEN,
    PAGE,
    RESET,
    SHORT,
    Fault,
    free_ports,
    http_server,
    nginx_server,
    s3_server,
    too_many_requests,
)

pytestmark = pytest.mark.usefixtures("short_waits")


def test_files_come_as_they_lie_in_a_folder_and_on_a_server(folder):
    with http_server(folder) as server:
        for name in ("a.fits", "a.fits.gz", "sub/a.fits.bz2", "odd name+#?.fits"):
            expected = (folder / name).read_bytes()
            assert archive(folder).read(name, bytes) == expected
            assert archive(f"file://{folder}").read(name, bytes) == expected
            assert archive(server.url + "/").read(name, bytes) == expected


def test_a_file_that_comes_at_once_costs_no_machinery_of_retries(folder, monkeypatch):
    monkeypatch.setattr(download.stamina, "retry_context", None)
    assert archive(folder).read("a.fits", bytes) == FITS
    with http_server(folder) as server:
        assert archive(server.url).read("a.fits", bytes) == FITS


def test_where_a_file_is(folder):
    assert archive(folder).locate("sub/x") == f"{folder}/sub/x"
    assert archive("https://host/dr17/").locate("a b/x") == "https://host/dr17/a%20b/x"
    assert archive("s3://bucket/dr17").locate("a/x") == "s3://bucket/dr17/a/x"


def test_the_server_is_told_who_asks_and_asked_not_to_encode(folder):
    with http_server(folder) as server:
        archive(server.url).read("a.fits", bytes)
    assert server.headers[0]["User-Agent"].startswith("survey-batch")
    assert server.headers[0]["Accept-Encoding"] == "identity"


def test_a_file_that_is_not_there_is_not_asked_for_twice(folder):
    with http_server(folder, {"/gone": [Fault(status=410)]}) as server:
        for name in ("missing.fits", "sub", "gone"):
            with pytest.raises(NotFoundError, match=f"{server.url}/{name}.*40|410"):
                archive(server.url).read(name, bytes)
            assert server.requests[f"/{name}"] == 1
    for name in ("missing.fits", "sub", "a.fits/x"):
        with pytest.raises(NotFoundError, match=str(folder / name)):
            archive(folder).read(name, bytes)


@pytest.mark.parametrize(
    "fault",
    [BUSY, PAGE, SHORT, RESET, Fault(body=b""), Fault(status=429), Fault(status=500), Fault(delay=3.0)],
    ids=["503 page", "200 page", "short", "reset", "empty", "429", "500", "slow"],
)
def test_what_passes_is_tried_again(folder, fault):
    # aiohttp itself repeats a request whose connection was reset, once.
    faults = [fault] * (4 if fault is RESET else 2)
    with http_server(folder, {"/sub/a.fits.bz2": faults}) as server:
        files = archive(server.url, timeout=2.0)
        assert files.read("sub/a.fits.bz2", bytes) == BZ2
    traffic = files.traffic.take()
    assert (traffic.requests, traffic.retries, traffic.bytes) == (3, 2, len(BZ2))
    assert files.traffic.take() == Traffic()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (BUSY, "503"),
        (SHORT, "payload|bytes came"),
        (RESET, "Disconnected|reset|OSError"),
        (too_many_requests("0"), "429"),
    ],
    ids=["busy", "short", "reset", "too many"],
)
def test_what_never_passes_is_left_to_the_next_run(folder, fault, said):
    with http_server(folder, {"/a.fits": repeat(fault)}) as server:
        with pytest.raises(TransientError, match=said) as caught:
            archive(server.url, attempts=4).read("a.fits", bytes)
        assert server.requests["/a.fits"] == (8 if fault is RESET else 4)
    assert f"{server.url}/a.fits" in str(caught.value)
    assert "(4 attempts); the next run tries again" in str(caught.value)


def test_a_server_that_does_not_answer_is_left_to_the_next_run(folder):
    (port,) = free_ports(1)
    with pytest.raises(TransientError, match="Connect"):
        archive(f"http://127.0.0.1:{port}", attempts=2).read("a.fits", bytes)
    slow = {"/a.fits": repeat(Fault(delay=0.5))}
    with http_server(folder, slow) as server, pytest.raises(TransientError, match="no answer in time"):
        archive(server.url, attempts=2, timeout=0.1).read("a.fits", bytes)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (PAGE, "got an HTML page"),
        (Fault(body=gzip.compress(PAGE.body), headers={"Content-Encoding": "gzip"}), "gzip of something"),
        (Fault(body=b"{}"), "2 bytes that begin with"),
        (Fault(body=b""), "got an empty file"),
    ],
    ids=["page", "encoded page", "json", "nothing"],
)
def test_a_page_is_never_taken_for_a_file_and_of_a_server_never_final(folder, fault, said):
    with http_server(folder, {"/a.fits.gz": repeat(fault)}) as server:
        with pytest.raises(TransientError, match=f"{said}.* in place of the file .3 attempts.; the next run") as caught:
            archive(server.url).read("a.fits.gz", bytes)
        assert server.requests["/a.fits.gz"] == download.PAGE_ATTEMPTS
    assert f"{server.url}/a.fits.gz" in str(caught.value)
    (folder / "page.fits").write_bytes(fault.body)
    with pytest.raises(UnreadableError, match=said):
        archive(folder).read("page.fits", bytes)


@pytest.mark.parametrize("end", [-9, 100, 1, 0])
@pytest.mark.parametrize("raw", [FITS, GZ, BZ2], ids=["FITS", "gzip", "bzip2"])
def test_a_truncated_file_in_a_folder_is_unreadable(tmp_path, raw, end):
    def read(raw):
        extensions(primary_unit(decompress(raw, 10**6)))

    (tmp_path / "a").write_bytes(raw[:end])
    with pytest.raises(UnreadableError, match=f"{tmp_path}/a") as caught:
        archive(tmp_path).read("a", read)
    assert "browser" not in str(caught.value)  # which is for what a server sends


@pytest.mark.parametrize(
    ("name", "body", "error"),
    [
        ("a.txt", b'{"error": "try again later"}', TransientError),
        ("a.txt", b"\n<Error>SlowDown</Error>", TransientError),
        ("a.json", b'{"flux": []}', UnreadableError),
        ("a.txt", b"3700 nan", UnreadableError),
    ],
    ids=["JSON", "XML", "its own JSON", "its own text"],
)
def test_a_file_of_the_surveys_own_kind_is_told_from_a_message_by_its_form(folder, name, body, error):
    def read(_):
        raise UnreadableError("no flux")

    (folder / name).write_bytes(body)
    with http_server(folder) as server:
        files = Archive(archive_section(survey="sdss", root=server.url), content=ANY)
        with pytest.raises(error, match=f"{server.url}/{name}: no flux"):
            files.read(name, read)


def test_a_refusal_is_not_argued_with_and_not_final(folder):
    with http_server(folder, {"/a.fits": repeat(FORBIDDEN)}) as server:
        with pytest.raises(TransientError, match=r"403.*login"):
            archive(server.url).read("a.fits", bytes)
        assert server.requests["/a.fits"] == 1


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("a.fits.gz", GZ),
        ("sub/a.fits.bz2", gzip.compress(BZ2)),
        ("a.fits.gz", gzip.compress(GZ)),
    ],
    ids=["the file's own gzip", "gzip around bzip2", "gzip around gzip"],
)
def test_content_encoding_changes_no_file(folder, name, body):
    fault = Fault(body=body, headers={"Content-Encoding": "gzip", "Content-Type": "application/x-fits"})
    with http_server(folder, {f"/{name}": [fault]}) as server:
        assert archive(server.url).read(name, bytes) == (folder / name).read_bytes()
        assert server.requests[f"/{name}"] == 1


@pytest.mark.parametrize("form", [str, lambda wait: formatdate(time.time() + wait, usegmt=True)], ids=["s", "date"])
def test_retry_after_holds_the_host_for_every_file_and_archive(folder, form):
    """Requests that were under way are answered; none begins before the time."""
    wait = 2
    with (
        http_server(folder, {"/sub/a.fits.bz2": [too_many_requests(form(wait))]}) as server,
        ThreadPoolExecutor(9) as pool,
    ):
        told = pool.submit(archive(server.url).read, "sub/a.fits.bz2", bytes)
        while not holds.held(urlsplit(server.url).netloc):
            time.sleep(0.01)
        others = [pool.submit(archive(server.url).read, name, bytes) for name in ("a.fits", "a.fits.gz") * 4]
        assert {each.result() for each in others} == {FITS, GZ}
        assert told.result() == BZ2
    first, *rest = server.times
    assert len(rest) == 9
    assert min(rest) - first >= wait - 1.1  # a date has whole seconds


def test_retry_after_is_obeyed(folder):
    with http_server(folder, {"/a.fits": [too_many_requests("1")]}) as server:
        assert archive(server.url).read("a.fits", bytes) == FITS
    first, second = server.times
    assert second - first >= 1.0


def test_a_server_that_wants_an_hour_gets_it(folder):
    with http_server(folder, {"/a.fits": repeat(too_many_requests("3600"))}) as server:
        with pytest.raises(TransientError, match="asks to come back in 3600 s"):
            archive(server.url).read("a.fits", bytes)
        with pytest.raises(TransientError, match=r"127.0.0.1:\d+ asked for no requests in the next 3[56]\d\d s"):
            archive(server.url).read("a.fits.gz", bytes)
        assert server.requests == {"/a.fits": 1}


def test_a_limit_holds_over_threads(folder):
    limit = threading.BoundedSemaphore(2)
    with http_server(folder, delay=0.03) as server:
        files = Archive(archive_section(survey="sdss", root=server.url), lambda: limit)
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda name: files.read(name, bytes), ["a.fits"] * 24)) == {FITS}
    assert server.most_open_requests == 2
    assert files.traffic.take().requests == 24


def test_an_archive_can_be_pickled(folder):
    with http_server(folder) as server:
        files = pickle.loads(pickle.dumps(archive(server.url)))  # noqa: S301
        assert files.read("a.fits", bytes) == FITS


@pytest.mark.parametrize("path", ["../secret", "sub/../../x", "/etc/passwd", "a\0b"])
def test_a_path_may_not_leave_the_archive(folder, path):
    with pytest.raises(UnreadableError, match="below the archive's root"):
        archive(folder).read(path, bytes)


def test_a_root_that_is_not_mounted_is_not_a_million_missing_files(tmp_path):
    with pytest.raises(ConfigurationError, match="mounted"):
        archive(tmp_path / "nowhere").read("a.fits", bytes)


@pytest.mark.parametrize("root", ["ftp://host/dr17", "http:///dr17", "s3://"])
def test_a_root_of_another_kind_is_refused(root):
    with pytest.raises(ConfigurationError, match="expected a folder"):
        archive(root)


@pytest.mark.parametrize("root", ["http://host:99999/dr17", "http://[::1/dr17"])
def test_a_root_that_is_no_address_is_refused(root):
    with pytest.raises(ConfigurationError, match="not an address"):
        archive(root)


def test_a_password_in_the_root_is_refused_and_not_repeated():
    with pytest.raises(ValidationError, match=r"credentials\.md") as caught:
        archive("https://me:secret@host/dr17")
    assert "secret" not in caught.value.errors()[0]["msg"]


class TestRead:
    def reader(self, raw):
        if raw != FITS:
            raise UnreadableError("damaged")
        return len(raw)

    def test_what_the_reader_makes_of_the_file(self, folder):
        assert archive(folder).read("a.fits", self.reader) == len(FITS)

    def test_a_file_damaged_on_the_way_is_fetched_again_past_the_cache(self, folder, tmp_path):
        with http_server(folder, {"/a.fits": [Fault(body=FITS[:-1])]}) as server:
            files = archive(server.url, cache=str(tmp_path / "cache"))
            assert files.read("a.fits", self.reader) == len(FITS)
            assert files.read("a.fits", bytes) == FITS
            assert server.requests["/a.fits"] == 2

    def test_a_file_damaged_in_the_archive_is_unreadable_with_its_url(self, folder, tmp_path):
        with http_server(folder, {"/a.fits": repeat(Fault(body=FITS[:-1]))}) as server:
            files = archive(server.url, cache=str(tmp_path / "cache"))
            with pytest.raises(UnreadableError, match=f"{server.url}/a.fits: damaged"):
                files.read("a.fits", self.reader)
            assert server.requests["/a.fits"] == 2
        assert not list((tmp_path / "cache").rglob("*.fits"))


def test_nginx_that_limits_the_rate_gives_every_file_in_the_end(folder, tmp_path):
    with nginx_server(folder, tmp_path / "nginx", rate=1) as url:
        files = archive(url, attempts=20)
        with ThreadPoolExecutor(2) as pool:
            assert set(pool.map(lambda name: files.read(name, bytes), ["sub/a.fits.bz2"] * 2)) == {BZ2}
        assert files.traffic.take().retries > 0
        with pytest.raises(NotFoundError):
            files.read("sub/missing.fits.bz2", bytes)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as endpoint:
        server = s3fs.S3FileSystem(skip_instance_cache=True)
        server.mkdir("survey")
        server.pipe_file("survey/dr17/sub/a.fits.bz2", BZ2)
        yield endpoint


@pytest.mark.usefixtures("bucket")
class TestS3:
    def test_an_object_is_read(self):
        files = archive("s3://survey/dr17")
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(lambda name: files.read(name, bytes), ["sub/a.fits.bz2"] * 8)) == {BZ2}

    def test_an_object_that_is_not_there(self):
        with pytest.raises(NotFoundError, match="s3://survey/dr17/missing"):
            archive("s3://survey/dr17").read("missing", bytes)

    def test_a_small_object_is_one_request(self, monkeypatch):
        asked = []
        call = s3fs.S3FileSystem._call_s3

        async def counted(files, method, *arguments, **options):
            asked.append(method)
            return await call(files, method, *arguments, **options)

        monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", counted)
        assert archive("s3://survey/dr17").read("sub/a.fits.bz2", bytes) == BZ2
        assert read_bytes("s3://survey/dr17/sub/a.fits.bz2") == BZ2
        assert asked == ["get_object", "get_object"]

    def test_a_bucket_that_is_not_there_is_the_jobs_fault(self):
        with pytest.raises(ConfigurationError, match="no such bucket"):
            archive("s3://elsewhere/dr17").read("sub/a.fits.bz2", bytes)

    def test_a_server_that_is_gone(self, monkeypatch):
        (port,) = free_ports(1)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        with pytest.raises(TransientError, match=r"\(2 attempts\)"):
            archive("s3://survey/dr17", attempts=2, timeout=1).read("sub/a.fits.bz2", bytes)


def test_s3_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ConfigurationError, match=r"pip install survey-batch\[s3\]"):
        archive("s3://survey/dr17")
