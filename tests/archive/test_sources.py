"""Where files come from, and what one attempt at a file in a folder makes of it."""

from pathlib import Path

import pytest

from survey_batch.archive import sources
from survey_batch.archive.attempt import AttemptError, Received
from survey_batch.archive.http_source import HttpSource
from survey_batch.archive.s3_source import S3Source
from survey_batch.archive.sources import FolderSource, folder_of, mean_size, open_source
from survey_batch.core.errors import ConfigurationError, NotFoundError, TransientError


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
    assert type(open_source(root, 1.0, 5.0)) is kind
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
    assert source.read("a") == Received(b"content")
    assert source.locate("sub/a") == f"{tmp_path}/sub/a"
    for path in ("absent", "a/below", "."):
        failure = failed(source, path)
        assert (failure.error_type, failure.attempts) == (NotFoundError, 1), path
    with pytest.raises(ConfigurationError, match="is not a folder here: is its file system mounted"):
        FolderSource(tmp_path / "mnt").read("a")
    (tmp_path / "mnt").mkdir()
    with pytest.raises(ConfigurationError, match="is an empty folder here: is its file system mounted"):
        FolderSource(tmp_path / "mnt").read("a")


@pytest.mark.parametrize(
    ("error", "attempts", "said"),
    [(PermissionError(13, "no"), 1, "no permission"), (OSError(5, "Input/output error"), None, "reading failed: .*5")],
)
def test_a_file_of_a_folder_that_fails_may_be_tried_later(tmp_path, monkeypatch, error, attempts, said):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(sources, "open", fail, raising=False)
    with pytest.raises(AttemptError, match=said) as failure:
        FolderSource(tmp_path).read("a")
    assert (failure.value.error_type, failure.value.attempts) == (TransientError, attempts)


def test_the_mean_size_is_that_of_the_files_that_are_there_in_any_spelling(tmp_path):
    (tmp_path / "a.fits").write_bytes(b"1" * 10)
    (tmp_path / "b.fits.gz").write_bytes(b"1" * 30)
    files = [("a.fits", "a.fits.gz"), ("b.fits", "b.fits.gz"), ("c.fits",), ("\0",)]
    assert mean_size(str(tmp_path), files) == 20
    assert mean_size(str(tmp_path), files[2:]) is None
    assert mean_size(str(tmp_path / "none"), files) is None
    assert mean_size("https://host.invalid/dr1", files) is None
