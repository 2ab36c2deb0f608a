"""Where an archive's files come from: a folder, a web server, or an S3 bucket.

A source either returns what came or raises an `AttemptError`, which says what came, which error that means in the end,
and whether another attempt can help. Retries, limits and the cache are in `download`.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from io import FileIO
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

from survey_batch.archive.attempt import AttemptError, Received, Span, part_of
from survey_batch.core.errors import ConfigurationError, NotFoundError
from survey_batch.core.paths import is_url


class FileSource(Protocol):
    """Where files come from."""

    remote: bool
    """Whether requests count against the run-wide limit and are worth caching."""

    def locate(self, path: str) -> str:
        """Return the URL or file name of `path`."""

    def read(self, path: str, span: Span | None = None) -> Received:
        """Read `path`, or a span of it, in one attempt, or raise `AttemptError`."""


def open_source(root: str, timeout: float, rate_min: float, address: Callable[[str], str] = quote) -> FileSource:
    """Return the source for an archive's root: a folder, `http(s)://host/…` or `s3://bucket/…`.

    Parameters
    ----------
    root
        Folder or address above all files.
    timeout, rate_min
        Time that an attempt may take, as in `archive.attempt.Download`.
    address
        Turns a file's name into the part of its URL after the root, for a web server.

    Raises
    ------
    ConfigurationError
        The root is none of these, holds a password, or needs a package that is not installed.
    """
    folder = folder_of(root)
    if folder is not None:
        return FolderSource(folder)
    if urlsplit(root).scheme == "s3":
        from survey_batch.archive.s3_source import S3Source  # these two import aiohttp, which a folder does not need

        return S3Source(root, timeout, rate_min)
    from survey_batch.archive.http_source import HttpSource

    return HttpSource(root, timeout, rate_min, address)


def folder_of(root: str) -> Path | None:
    """Return the folder that an archive's root names, even if it does not exist; None for a server or a bucket.

    Raises
    ------
    ConfigurationError
        The root is none of these, or holds a password.
    """
    try:
        parts = urlsplit(root)
        _ = parts.port
    except ValueError as error:
        raise ConfigurationError(f"archive.root {root!r} is not an address: {error}") from error
    if parts.password or parts.username:
        raise ConfigurationError("archive.root holds a user name or password: put them into ~/.netrc instead")
    if (parts.scheme in ("http", "https") and parts.hostname) or (parts.scheme == "s3" and parts.netloc):
        return None
    if parts.scheme == "file" or not is_url(root):
        return Path(parts.path if parts.scheme == "file" else root).expanduser()
    raise ConfigurationError(f"archive.root {root!r}: expected a folder, http(s)://host/… or s3://bucket/…")


def mean_size(root: str, files: Iterable[Sequence[str]]) -> int | None:
    """Return the mean size of some files of a folder, in bytes.

    Parameters
    ----------
    root
        Of the archive.
    files
        The paths of each file below the root, as it may be spelled; the first that is there counts.

    Returns
    -------
    int or None
        None for a server or a bucket, where each file would cost a request, and if none of the files is there.
    """
    folder = folder_of(root)
    found = [next(filter(None, (_size(folder / path) for path in paths)), 0) for paths in files] if folder else []
    sizes = [size for size in found if size]
    return sum(sizes) // len(sizes) if sizes else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):  # a name that no file can have
        return 0


def _span_of(file: FileIO, span: Span) -> Received:
    about = os.fstat(file.fileno())
    file.seek(span.start)
    return part_of(span, file.read(span.stop - span.start), about.st_size, str(about.st_mtime_ns))


class FolderSource:
    """Files in a folder of this machine or of a shared file system."""

    remote = False

    def __init__(self, root: Path) -> None:
        self._root = root
        self._prefix = f"{root}/"  # to join Paths for each message costs as much as to open the file

    def locate(self, path: str) -> str:
        """Return the file's name."""
        return self._prefix + path

    def read(self, path: str, span: Span | None = None) -> Received:
        """Read the file; a root that is not there or empty is a `ConfigurationError`, not a million missing files."""
        try:
            with open(self._prefix + path, "rb", buffering=0) as file:  # noqa: PTH123 - a Path costs half as much again
                return Received(file.read()) if span is None else _span_of(file, span)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            self._check_root(error)
            raise AttemptError("no such file", NotFoundError, attempts=1) from error
        except PermissionError as error:
            raise AttemptError("no permission to read it", attempts=1) from error
        except OSError as error:
            raise AttemptError(f"reading failed: {error}") from error

    def _check_root(self, error: OSError) -> None:
        """Refuse a root that holds nothing at all: below an empty mount point, every file seems to be missing."""
        try:
            with os.scandir(self._root) as entries:
                fault = "" if next(entries, None) else "is an empty folder here"
        except OSError:
            fault = "is not a folder here"
        if fault:
            raise ConfigurationError(f"archive.root {self._root} {fault}: is its file system mounted?") from error
