"""Files on a web server, and what its answers mean."""

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import quote

import aiohttp
import fsspec
import fsspec.asyn
import yarl

from survey_batch.archive.attempt import LONGEST_WAIT, AttemptError, Download, Received, Span, length_told, part_of
from survey_batch.core.errors import NotFoundError, TransientError, UnreadableError

_WORTH_RETRYING = {408, 425, 429}
"""Besides 5xx: request timeout, too early, too many requests."""

_UNDONE = ("", "identity", "gzip", "x-gzip")
"""Content codings that do no harm: a file that is packed once more is unpacked later, by its content."""


class HttpSource:
    """Files on a web server, through the session of fsspec's HTTP file system.

    Proxies (`HTTPS_PROXY`, …) and logins (`~/.netrc`) are taken from the environment.

    Parameters
    ----------
    root
        Address above all files.
    timeout, rate_min
        As in `Download`.
    address
        Turns a file's name into the part of its URL after the root.
    """

    remote = True

    def __init__(self, root: str, timeout: float, rate_min: float, address: Callable[[str], str] = quote) -> None:
        self._root = root.rstrip("/")
        self._patience = timeout, rate_min
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
                "timeout": aiohttp.ClientTimeout(sock_connect=timeout, sock_read=timeout),
                "trust_env": True,
            },
        )

    def locate(self, path: str) -> str:
        """Return the file's URL."""
        return f"{self._root}/{self._address(path)}"

    def read(self, path: str, span: Span | None = None) -> Received:
        """Ask for the file once, or for a span of it; a server may answer with the whole file to a first span."""
        try:
            received: Received = fsspec.asyn.sync(self._fs.loop, self._get, self.locate(path), span)
        except (aiohttp.ClientError, OSError) as error:
            raise AttemptError(f"{type(error).__name__}: {error}") from error
        return received

    async def _get(self, url: str, span: Span | None) -> Received:
        session = await self._fs.set_session()
        headers = {"Range": span.header} if span else {}
        async with (
            Download(*self._patience).watched() as download,
            session.get(yarl.URL(url, encoded=True), headers=headers) as response,
        ):
            _check_status(response, part=span is not None)
            said = response.headers.get("Content-Range", "") if response.status == 206 else None
            length = length_told(span, said) if span is not None else None
            async for block in response.content.iter_any():
                download.add(block)
        expected, came = response.content_length, len(download.body)
        if expected is not None and came != expected:
            raise AttemptError(f"{came} bytes came, {expected} were announced")
        if span is not None and length is not None:
            version = f"{response.headers.get('ETag')} {response.headers.get('Last-Modified')}"
            return part_of(span, bytes(download.body), length, version)
        # aiohttp raises an error if the last piece of a body in pieces is missing.
        in_pieces = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
        coding = response.headers.get("Content-Encoding", "").strip()
        return Received(
            bytes(download.body), expected is not None or in_pieces, "" if coding.lower() in _UNDONE else coding
        )


def _user_agent() -> str:
    try:
        return f"survey-batch/{version('survey-batch')}"
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "survey-batch"


def _check_status(response: Any, *, part: bool) -> None:
    """Raise an error for answers other than 200 (and 206 for a part), by whether another attempt can help."""
    if part and response.status == 206:
        return
    status, said = response.status, f"the server answered {response.status} {response.reason or ''}".strip()
    if status in (404, 410):
        raise AttemptError(said, NotFoundError, attempts=1)
    if part and status == 501:
        raise AttemptError(said, UnreadableError, attempts=1)
    wait = retry_after(response.headers.get("Retry-After"), response.headers.get("Date"))
    if status in _WORTH_RETRYING or status >= 500 or (status >= 400 and wait is not None):
        if wait is not None and wait > LONGEST_WAIT:
            raise AttemptError(f"{said} and asks to come back in {wait:.0f} s", attempts=1, wait=wait)
        raise AttemptError(said, wait=wait)
    if status != 200:
        # A refusal (401, 403, …) is about who asks, not about the file, so the next run may try again.
        # What refuses a part may give the whole file, so that decides.
        kind = UnreadableError if part else TransientError
        raise AttemptError(f"{said}: a login, a proxy or a blocked address?", kind, attempts=1)


def retry_after(value: str | None, date: str | None = None) -> float | None:
    """Read a Retry-After header: seconds or an HTTP date (RFC 9110, 10.2.3).

    Parameters
    ----------
    value
        The header.
    date
        The server's time in the same answer, if it gave one: its clock and ours may differ.

    Returns
    -------
    float or None
        Seconds; None if the header has no usable value.
    """
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    until, now = _seconds(value), _seconds(date)
    return None if until is None else max(0.0, until - (time.time() if now is None else now))


def _seconds(date: str | None) -> float | None:
    try:
        return None if date is None else parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
