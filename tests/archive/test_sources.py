"""Where files come from, and what one attempt at a file makes of it."""

import time
from email.utils import formatdate
from pathlib import Path

import pytest

from survey_batch.archive import sources
from survey_batch.archive.sources import (
    AttemptError,
    FolderSource,
    HttpSource,
    S3Source,
    folder_of,
    open_source,
    retry_after,
)
from survey_batch.core.errors import ConfigurationError, NotFoundError, TransientError
from tests.servers import BUSY, FORBIDDEN, Fault, http_server, too_many_requests


def failed(source, path):
    with pytest.raises(AttemptError) as failure:
        source.read(path)
    return failure.value


@pytest.mark.parametrize(
    ("root", "kind"),
    [
        ("/archive", FolderSource),
        ("file:///archive", FolderSource),
        ("http://host/dr17", HttpSource),
        ("https://host:8443", HttpSource),
        ("s3://bucket/dr17", S3Source),
    ],
)
def test_a_root_says_what_kind_of_source_it_is(root, kind):
    assert type(open_source(root, 1.0)) is kind
    assert (folder_of(root) is not None) == (kind is FolderSource)


def test_a_folder_may_be_that_of_the_user_and_need_not_exist(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folder_of("~/archive") == tmp_path / "archive"
    assert folder_of("file:///a/b") == Path("/a/b")
    assert folder_of("a/b") == Path("a/b")


@pytest.mark.parametrize(
    ("root", "said"),
    [
        ("ftp://host/x", "expected a folder"),
        ("http:///x", "expected a folder"),
        ("s3:///x", "expected a folder"),
        ("http://host:port/x", "is not an address"),
        ("https://me:secret@host/x", "put them into ~/.netrc"),
        ("s3://me@bucket/x", "put them into ~/.netrc"),
    ],
)
def test_a_root_that_is_none_is_refused_without_its_password(root, said):
    with pytest.raises(ConfigurationError, match=said) as refused:
        folder_of(root)
    assert "secret" not in str(refused.value)


def test_a_folder_tells_what_is_not_there_from_what_cannot_be_read(tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    source = FolderSource(tmp_path)
    assert source.read("a") == b"content"
    assert source.locate("sub/a") == f"{tmp_path}/sub/a"
    for path in ("absent", "a/below", "."):
        failure = failed(source, path)
        assert (failure.error_type, failure.attempts) == (NotFoundError, 1), path
    with pytest.raises(ConfigurationError, match="is not a folder here: is its file system mounted"):
        FolderSource(tmp_path / "mnt").read("a")


@pytest.mark.parametrize(
    ("error", "attempts", "said"),
    [(PermissionError(13, "no"), 1, "no permission"), (OSError(5, "Input/output error"), None, "reading failed: .*5")],
)
def test_a_file_of_a_folder_that_fails_may_be_tried_later(tmp_path, monkeypatch, error, attempts, said):
    def fail(_):
        raise error

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(AttemptError, match=said) as failure:
        FolderSource(tmp_path).read("a")
    assert (failure.value.error_type, failure.value.attempts) == (TransientError, attempts)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("archive")
    (root / "a").write_bytes(b"0123456789")
    answers = {
        "busy": BUSY,
        "later": too_many_requests("7"),
        "much-later": too_many_requests("3600"),
        "teapot": Fault(status=418),
        "forbidden": FORBIDDEN,
        "gone": Fault(status=410),
    }
    for name in answers:
        (root / name).write_bytes(b"x")
    with http_server(root, {f"/{name}": [fault] * 3 for name, fault in answers.items()}) as running:
        yield HttpSource(running.url, 5.0)


@pytest.mark.parametrize(
    ("name", "error", "attempts", "wait", "said"),
    [
        ("absent", NotFoundError, 1, None, "404"),
        ("gone", NotFoundError, 1, None, "410 Gone"),
        ("busy", TransientError, None, None, "503"),
        ("later", TransientError, None, 7.0, "429"),
        ("much-later", TransientError, 1, None, "429 .* asks to come back in 3600 s"),
        ("forbidden", TransientError, 1, None, "403 .*a login, a proxy or a blocked address?"),
        ("teapot", TransientError, 1, None, "418"),
    ],
)
def test_the_answer_of_a_server_decides_whether_another_attempt_can_help(server, name, error, attempts, wait, said):
    with pytest.raises(AttemptError, match=said) as failure:
        server.read(name)
    found = failure.value
    assert (found.error_type, found.attempts, found.wait) == (error, attempts, wait)


def test_a_file_that_is_larger_than_any_is_not_read_to_its_end(server, monkeypatch):
    assert server.read("a") == b"0123456789"
    monkeypatch.setattr(sources, "LARGEST_FILE", 9)
    failure = failed(server, "a")
    assert "more than 9 bytes came" in str(failure)
    assert failure.attempts == 1


def test_the_name_of_a_file_is_made_an_address():
    assert HttpSource("http://host/dr17/", 1.0).locate("a b/c#d") == "http://host/dr17/a%20b/c%23d"
    assert HttpSource("http://host", 1.0, lambda path: f"get?file={path}").locate("a") == "http://host/get?file=a"


class Bucket:
    """A bucket that answers with an error."""

    def __init__(self, error):
        self.error = error

    def cat_file(self, _):
        raise self.error


def s3_with(error):
    source = S3Source("s3://bucket/dr17/", 1.0)
    source._fs = Bucket(error)
    return source


def test_an_object_that_is_not_there_is_told_from_a_bucket_that_is_not():
    source = s3_with(FileNotFoundError("a"))
    assert source.locate("a/b") == "s3://bucket/dr17/a/b"
    failure = failed(source, "a")
    assert (failure.error_type, failure.attempts) == (NotFoundError, 1)
    error, cause = FileNotFoundError("a"), Exception()
    cause.response = {"Error": {"Code": "NoSuchBucket"}}
    error.__cause__ = cause
    with pytest.raises(ConfigurationError, match="archive.root 's3://bucket/dr17': there is no such bucket"):
        s3_with(error).read("a")


def test_a_bucket_without_credentials_says_which_variables_to_set():
    botocore = pytest.importorskip("botocore.exceptions")
    with pytest.raises(ConfigurationError, match=r"no credentials; set AWS_ACCESS_KEY_ID .*FSSPEC_S3_ANON=true"):
        s3_with(botocore.NoCredentialsError()).read("a")
    assert failed(s3_with(PermissionError("denied")), "a").attempts == 1
    assert failed(s3_with(botocore.EndpointConnectionError(endpoint_url="x")), "a").attempts is None


def test_retry_after_is_read_in_both_forms():
    assert retry_after("17") == 17
    assert retry_after(formatdate(time.time() + 60, usegmt=True)) == pytest.approx(60, abs=5)
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("soon") is None
    assert retry_after(None) is None
