"""One attempt at one file: what came, or why it failed, and the time that it may take."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from survey_batch.core.errors import SurveyBatchError, TransientError, UnreadableError
from survey_batch.core.redaction import redacted

LARGEST_FILE = 256_000_000
"""Bytes after which a download is stopped; the largest file of these surveys has 4 MB."""

LONGEST_WAIT = 300.0
"""Longest wait in seconds; a server that asks for more is left alone until the next run."""


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
        super().__init__(redacted(reason))  # a server may repeat what it was told
        self.error_type = error_type
        self.attempts = attempts
        self.wait = wait
        self.number = 1


class Span(NamedTuple):
    """Some bytes of a file that are asked for."""

    start: int
    stop: int
    version: str = ""
    """What came with bytes asked for before, as `Received.version`: these must be of the same file. Empty: of any."""

    @property
    def header(self) -> str:
        """The value of HTTP's header `Range`."""
        return f"bytes={self.start}-{self.stop - 1}"


class Received(NamedTuple):
    """The bytes that one attempt brought."""

    raw: bytes
    whole: bool = True
    """Whether it is certain that no byte is missing: a folder or bucket holds no more, or a server announced as many.
    A server that closes the connection after a file of unknown length does not say whether it sent all of it."""
    coding: str = ""
    """How a server packed the file for the way, if it did and this package cannot undo it."""
    length: int | None = None
    """Bytes of the whole file if these are only a `Span` of it; None if this is the whole file."""
    version: str = ""
    """What tells this file from another one at the same address, if these are only a `Span` of it."""


def length_told(span: Span, content_range: str | None) -> int | None:
    """Return the length of the file of which a span is about to come; None if the whole file comes instead.

    Parameters
    ----------
    span
        What was asked for.
    content_range
        The answer's header Content-Range (RFC 9110, 14.4); None if it has none.

    Raises
    ------
    AttemptError
        Something else comes.
    """
    if content_range is None and span.start == 0:
        return None
    said = _CONTENT_RANGE.fullmatch(content_range or "")
    if said is None or int(said[1]) != span.start:
        raise AttemptError("the server does not send the part of the file that was asked for", UnreadableError, 1)
    return int(said[2])


_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


def part_of(span: Span, raw: bytes, length: int, version: str) -> Received:
    """Return what came for a span: all its bytes that the file has, and of the same file as those before.

    Raises
    ------
    AttemptError
        It is something else.
    """
    version = f"{version} {length}"
    if span.version not in ("", version):
        raise AttemptError("the file changed while it came", UnreadableError, attempts=1)
    if len(raw) != max(0, min(span.stop, length) - span.start):
        raise AttemptError(f"{len(raw)} bytes came in place of bytes {span.start} to {span.stop} of {length}")
    return Received(raw) if len(raw) == length else Received(raw, length=length, version=version)


class Download:
    """The body of one answer while it comes.

    It may take `timeout` until the answer begins, and as much longer as `rate_min` allows for the bytes that have
    come. So a server that sends a byte now and then cannot hold a file, or a connection, for hours.

    Parameters
    ----------
    timeout
        Seconds without an answer, or without a further byte, after which the attempt has failed.
    rate_min
        Lowest rate [kB/s].
    """

    def __init__(self, timeout: float, rate_min: float) -> None:
        self.body = bytearray()
        self._timeout, self._rate_min = timeout, rate_min
        self._limit = asyncio.timeout(timeout)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator["Download"]:
        """Raise an `AttemptError` if what runs inside takes too long."""
        self._begun = asyncio.get_running_loop().time()
        try:
            async with self._limit:
                yield self
        except TimeoutError as error:
            raise AttemptError(self._too_slow()) from error

    def add(self, block: bytes) -> None:
        """Take some more bytes, and allow time for the next ones."""
        self.body += block
        if len(self.body) > LARGEST_FILE:
            raise AttemptError(f"more than {LARGEST_FILE} bytes came, more than any survey file has", attempts=1)
        self._limit.reschedule(self._begun + self._timeout + len(self.body) / (1000 * self._rate_min))

    def _too_slow(self) -> str:
        if not self.body:
            return "no answer in time"
        if not self._limit.expired():
            return f"nothing came for {self._timeout:g} s after {len(self.body)} bytes"
        seconds = asyncio.get_running_loop().time() - self._begun
        rate = len(self.body) / 1000 / seconds
        return (
            f"{len(self.body)} bytes came in {seconds:.0f} s: {rate:.2g} kB/s, and archive.rate_min is "
            f"{self._rate_min:g} kB/s"
        )
