"""One attempt at one file: from a folder, over HTTP, or from an S3 bucket.

A source either returns a file's bytes or raises `AttemptError`, which says what came, which error that means in the
end, and whether another attempt can help. Retries, limits and the cache are in `download`.
"""

import importlib
import os
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import aiohttp
import fsspec
import fsspec.asyn
import yarl

from survey_batch.core.errors import ConfigurationError, NotFoundError, SurveyBatchError, TransientError
from survey_batch.core.paths import is_url

LARGEST_FILE = 256_000_000
"""Bytes after which a download is stopped; the largest file of these surveys has 4 MB."""

LONGEST_WAIT = 300.0
"""Longest wait in seconds; a server that asks for more is left alone until the next run."""

_WORTH_RETRYING = {408, 425, 429}
"""Besides 5xx: request timeout, too early, too many requests."""


class AttemptError(Exception):
    """One attempt failed.

    Parameters
    ----------
    reason
        What came.
    error_type
        The error to raise if no further attempt succeeds.
    attempts
        How many attempts this kind of failure deserves; None means as many as the job allows.
    wait
        Seconds that the server asked to wait, if it did.
    """

    def __init__(
        self,
        reason: str,
        error_type: type[SurveyBatchError] = TransientError,
        attempts: int | None = None,
        wait: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.error_type = error_type
        self.attempts = attempts
        self.wait = wait
        self.number = 1


class FileSource(Protocol):
    """Where files come from."""

    remote: bool
    """Whether requests count against the run-wide limit and are worth caching."""

    def locate(self, path: str) -> str:
        """Return the URL or file name of `path`."""

    def read(self, path: str) -> bytes:
        """Read `path` in one attempt, or raise `AttemptError`."""


def open_source(root: str, timeout: float, address: Callable[[str], str] = quote) -> FileSource:
    """Return the source for an archive's root: a folder, `http(s)://host/…` or `s3://bucket/…`.

    Parameters
    ----------
    root
        Folder or address above all files.
    timeout
        Seconds without an answer after which an attempt has failed.
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
    return S3Source(root, timeout) if urlsplit(root).scheme == "s3" else HttpSource(root, timeout, address)


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


class FolderSource:
    """Files in a folder of this machine or of a shared file system."""

    remote = False

    def __init__(self, root: Path) -> None:
        self._root = root

    def locate(self, path: str) -> str:
        """Return the file's name."""
        return str(self._root / path)

    def read(self, path: str) -> bytes:
        """Read the file; a missing root is a `ConfigurationError`, not a million missing files."""
        try:
            return (self._root / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            if not self._root.is_dir():
                raise ConfigurationError(
                    f"archive.root {self._root} is not a folder here: is its file system mounted?"
                ) from error
            raise AttemptError("no such file", NotFoundError, attempts=1) from error
        except PermissionError as error:
            raise AttemptError("no permission to read it", attempts=1) from error
        except OSError as error:
            raise AttemptError(f"reading failed: {error}") from error


class HttpSource:
    """Files on a web server, through the session of fsspec's HTTP file system.

    Proxies (`HTTPS_PROXY`, …) and logins (`~/.netrc`) are taken from the environment.
    """

    remote = True

    def __init__(self, root: str, timeout: float, address: Callable[[str], str] = quote) -> None:
        self._root = root.rstrip("/")
        self._address = address
        self._fs: Any = fsspec.filesystem(
            "http",
            skip_instance_cache=True,
            client_kwargs={
                # A .gz file is often sent as "Content-Encoding: gzip"; decoding it would make it another file.
                "auto_decompress": False,
                "headers": {
                    "User-Agent": _user_agent(),
                    "Accept-Encoding": "identity",
                },
                # A server may pause for at most `timeout`, and trickle data for twenty times as long.
                "timeout": aiohttp.ClientTimeout(total=20 * timeout, sock_connect=timeout, sock_read=timeout),
                "trust_env": True,
            },
        )

    def locate(self, path: str) -> str:
        """Return the file's URL."""
        return f"{self._root}/{self._address(path)}"

    def read(self, path: str) -> bytes:
        """Ask for the file once."""
        try:
            body: bytes = fsspec.asyn.sync(self._fs.loop, self._get, self.locate(path))
        except TimeoutError as error:
            raise AttemptError("no answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise AttemptError(f"{type(error).__name__}: {error}") from error
        return body

    async def _get(self, url: str) -> bytes:
        session = await self._fs.set_session()
        async with session.get(yarl.URL(url, encoded=True)) as response:
            _check_status(response)
            body = await _read_body(response)
        expected = response.content_length
        if expected is not None and len(body) != expected:
            raise AttemptError(f"{len(body)} bytes came, {expected} were announced")
        return body


def _user_agent() -> str:
    try:
        return f"survey-batch/{version('survey-batch')}"
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "survey-batch"


def _check_status(response: Any) -> None:
    """Raise an error for answers other than 200, by whether another attempt can help."""
    status, said = response.status, f"the server answered {response.status} {response.reason or ''}".strip()
    if status in (404, 410):
        raise AttemptError(said, NotFoundError, attempts=1)
    if status in _WORTH_RETRYING or status >= 500:
        wait = retry_after(response.headers.get("Retry-After"))
        if wait is not None and wait > LONGEST_WAIT:
            raise AttemptError(f"{said} and asks to come back in {wait:.0f} s", attempts=1)
        raise AttemptError(said, wait=wait)
    if status != 200:
        # A refusal (401, 403, …) is about who asks, not about the file, so the next run may try again.
        raise AttemptError(f"{said}: a login, a proxy or a blocked address?", attempts=1)


def retry_after(value: str | None) -> float | None:
    """Read a Retry-After header: seconds or an HTTP date (RFC 9110, 10.2.3); None if it has no usable value."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


async def _read_body(response: Any) -> bytes:
    body = bytearray()
    async for block in response.content.iter_any():
        body += block
        if len(body) > LARGEST_FILE:
            raise AttemptError(f"more than {LARGEST_FILE} bytes came, more than any survey file has", attempts=1)
    return bytes(body)


class S3Source:
    """Files in an S3 bucket.

    The endpoint and the credentials come only from the environment, as with every AWS tool:
    `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_PROFILE`, …;
    `FSSPEC_S3_ANON=true` reads a public bucket without any.
    """

    remote = True

    def __init__(self, root: str, timeout: float) -> None:
        self._root = root.rstrip("/")
        try:
            importlib.import_module("s3fs")
        except ImportError as error:
            raise ConfigurationError(
                f"archive.root {root!r} needs the package s3fs: pip install survey-batch[s3]"
            ) from error
        anonymous = os.environ.get("FSSPEC_S3_ANON", "").lower() in ("1", "true", "yes")
        # fsspec keeps one file system per thread and settings; if it is discarded on a worker, it cannot close its
        # connections cleanly. The endpoint is passed here so that it is among the settings.
        self._fs: Any = fsspec.filesystem(
            "s3",
            anon=anonymous,
            endpoint_url=os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"),
            config_kwargs={"connect_timeout": timeout, "read_timeout": timeout},
        )

    def locate(self, path: str) -> str:
        """Return the object's URL."""
        return f"{self._root}/{path}"

    def read(self, path: str) -> bytes:
        """Ask for the object once."""
        from botocore.exceptions import BotoCoreError, NoCredentialsError

        try:
            body: bytes = self._fs.cat_file(self.locate(path))
        except FileNotFoundError as error:
            self._check_bucket(error)
            raise AttemptError("no such object", NotFoundError, attempts=1) from error
        except NoCredentialsError as error:
            raise ConfigurationError(
                f"{self._root}: no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                "FSSPEC_S3_ANON=true for a public bucket"
            ) from error
        except PermissionError as error:
            raise AttemptError(f"access denied: {error}", attempts=1) from error
        except (OSError, BotoCoreError) as error:
            raise AttemptError(f"{type(error).__name__}: {error}") from error
        return body

    def _check_bucket(self, error: FileNotFoundError) -> None:
        response = getattr(error.__cause__, "response", {})
        if response.get("Error", {}).get("Code") == "NoSuchBucket":
            raise ConfigurationError(f"archive.root {self._root!r}: there is no such bucket") from error
