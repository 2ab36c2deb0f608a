"""One attempt at one file: what came, or why it failed, and the time that it may take."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from survey_batch.core.errors import SurveyBatchError, TransientError
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


class Received(NamedTuple):
    """The bytes that one attempt brought."""

    raw: bytes
    whole: bool = True
    """Whether it is certain that no byte is missing: a folder or bucket holds no more, or a server announced as many.
    A server that closes the connection after a file of unknown length does not say whether it sent all of it."""
    coding: str = ""
    """How a server packed the file for the way, if it did and this package cannot undo it."""


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
