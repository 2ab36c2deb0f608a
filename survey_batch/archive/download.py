"""Download of checked files from a survey archive, with retries, a run-wide limit, a cache and counts.

Only files of the kind that an archive holds are returned (FITS: plain, gzip or bzip2; or images). A failure ends as one
of three errors:

- `NotFoundError`: the archive has no such file.
- `UnreadableError`: the file came whole and is wrong. It is fetched once more before it is given up.
- `TransientError`: everything else, so that a later run may succeed. This includes what a server says in place of the
  file, whatever its status (`Content.is_message`), and a file that may not have come whole: fewer bytes came than the
  server announced, or it announced nothing, closed the connection, and the file itself does not show its end.

A file in a folder is always whole, and there nobody says "not now".

Where only the first part of a file is needed, no more comes (`Archive.read_part`); if it is odd, the whole decides.
"""

import logging
import random
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from typing import TypeVar
from urllib.parse import quote, urlsplit

import stamina

from survey_batch.archive.attempt import LONGEST_WAIT, AttemptError, Received, Span
from survey_batch.archive.cache import FileCache
from survey_batch.archive.content import FITS, Content, checked, doubt_of
from survey_batch.archive.decompress import kind_of
from survey_batch.archive.holds import held, hold
from survey_batch.archive.limits import Limiter, run_wide_limiter
from survey_batch.archive.partial import FIRST_BYTES, PartialFile, takes_parts
from survey_batch.archive.sources import open_source
from survey_batch.archive.spellings import in_order, remember, told
from survey_batch.archive.traffic import OF_THIS_PROCESS, TrafficCounter
from survey_batch.config.file_reader import reader_of
from survey_batch.config.job import ArchiveSection
from survey_batch.config.survey import find_survey
from survey_batch.core.errors import NotFoundError, SurveyBatchError, TransientError, UnreadableError
from survey_batch.core.world import noticed

logger = logging.getLogger(__name__)

T = TypeVar("T")

PAGE_ATTEMPTS = 3
"""Attempts at a file if something else comes in its place: a maintenance page goes away, a wrong file stays."""

FIRST_WAIT = 1.0
"""Seconds before the second attempt; doubled for each further one."""

WAIT_JITTER = 1.0
"""Most seconds added at random, so that many threads do not come back at once."""

MOST_WAIT = 60.0

_ADVICE: dict[type[SurveyBatchError], str] = {
    NotFoundError: "if many are missing, check {located_by}",
    TransientError: "the next run tries again",
    UnreadableError: "open the address in a browser to see what the archive sends",
}


class Archive:
    """A survey's files, below a root that is a folder, `http(s)://…` or `s3://…`.

    Any number of threads may use one archive at once. A pickled copy keeps the settings and opens new connections.

    Parameters
    ----------
    section
        The job's table `[archive]`.
    limiter
        Returns a context in which one request may run; by default at most `section.connections` requests run
        at one time in the whole run. Reads from a folder or the cache are not limited.
    content
        What its files hold; anything else is refused.
    address
        Turns a file's name into the part of its URL after the root, for a web server. Folders, buckets and the cache
        use the name itself.

    Attributes
    ----------
    traffic
        Counts of what was downloaded.
    remote
        Whether each look-up of a file is a request to a server.

    Raises
    ------
    ConfigurationError
        The root cannot be used.
    """

    def __init__(
        self,
        section: ArchiveSection,
        limiter: Limiter | None = None,
        content: Content = FITS,
        address: Callable[[str], str] = quote,
    ) -> None:
        self.section = section
        self.content = content
        self.address = address
        self.traffic = TrafficCounter(OF_THIS_PROCESS)
        self._source = open_source(section.root, section.timeout, section.rate_min, address)
        self.remote = self._source.remote
        self._host = urlsplit(section.root).netloc
        self._cache = FileCache(section.cache if self.remote else None, section.root, content)
        self._limiter = limiter or run_wide_limiter(self._host, section.connections)
        self._in_parts = takes_parts(section)

    def __reduce__(self) -> tuple[type["Archive"], tuple[object, ...]]:
        return Archive, (self.section, self._limiter, self.content, self.address)

    def locate(self, path: str) -> str:
        """Return the full URL or file name of `path`."""
        return self._source.locate(path)

    def read(self, path: str, reader: Callable[[bytes], T], others: Sequence[str] = ()) -> T:
        """Fetch a file and read it; fetch an unreadable remote file once more, bypassing the cache.

        Parameters
        ----------
        path
            The file below the root.
        reader
            Turns the file's bytes into the result, or raises `UnreadableError`.
        others
            Other names under which the archive may have the file (`spellings`), tried if `path` does not exist.

        Raises
        ------
        NotFoundError
            The archive has no such file.
        UnreadableError
            The file came whole, and is not of the archive's content or of no use to the reader.
        TransientError
            The network or the server failed at every attempt, refused, or sent something else or not all of it.
        ConfigurationError
            The root does not exist, or credentials are missing.
        ReaderError
            The reader raised an error that is none of ours.
        """
        for _ in range(2 if self.remote else 1):
            name, received = self._fetch((path, *others))
            try:
                with reader_of(self.section.survey, self.locate(name)):
                    return reader(received.raw)
            except UnreadableError as error:
                failure = error
                self._cache.forget(name)
        doubt = doubt_of(received, name, self.content) if self.remote else ""
        if doubt:
            raise TransientError(f"{self.locate(name)}: {failure}{doubt}; {_ADVICE[TransientError]}") from failure
        raise UnreadableError(f"{self.locate(name)}: {failure}") from failure

    def read_part(
        self, path: str, reader: Callable[[PartialFile], T], others: Sequence[str] = (), *, most: bool = False
    ) -> T:
        """Fetch no more of a file than its reader asks for, and read it; raise errors as `read` does.

        Files are fetched whole where a cache keeps them, and where requests pause, as parts take more of them; also if
        the server sends no parts, the file is neither bzip2 nor plain FITS, or the reader finds a part unreadable.

        Parameters
        ----------
        path, others
            As in `read`.
        reader
            Turns the file into the result, or raises `UnreadableError`. It may keep the file, and ask for more of it.
        most
            Whether it will ask for most of the file, which is then fetched whole.
        """
        if self._in_parts and not most:
            with suppress(UnreadableError):
                name, received = self._fetch((path, *others), Span(0, FIRST_BYTES))
                if received.length is None or kind_of(received.raw) in ("bz2", "fits"):
                    with reader_of(self.section.survey, self.locate(name)):
                        return reader(PartialFile(received, partial(self._download, name)))
        return self.read(path, lambda raw: reader(PartialFile(Received(raw), partial(self._download, path))), others)

    def _fetch(self, names: Sequence[str], span: Span | None = None) -> tuple[str, Received]:
        """Return the file's name in the archive, and what came; try the next name only after a definite miss."""
        for name in names:
            if name.startswith("/") or "\0" in name or (".." in name and ".." in name.split("/")):
                raise UnreadableError(f"{name!r} does not lie below the archive's root: correct the catalogue")
            if self.remote and (raw := self._cache.read(name)) is not None:
                self.traffic.add(cache_hits=1)
                return name, Received(raw)
        missing: dict[str, NotFoundError] = {}
        for name in in_order(self.section.root, names) if self.remote else names:
            try:
                received = self._download(name, span)
            except NotFoundError as error:
                missing[name] = error
                continue
            if self.remote:
                remember(self.section.root, names, name)
            if received.length is None:
                self._cache.write(name, received.raw)
            return name, received
        first = missing[names[0]]
        raise NotFoundError(f"{first}; {told(names)}" if len(names) > 1 else str(first)) from first

    def _download(self, path: str, span: Span | None = None) -> Received:
        """Try until the file arrives, or until no further attempt can help."""
        try:
            # Nearly always this is all: the machinery of further attempts costs as much as a small file.
            return self._attempt(path, span, 1)
        except AttemptError as error:
            if not _backoff(error):
                raise self._final_error(path, error) from error
            return self._retry(path, span, error)

    def _retry(self, path: str, span: Span | None, first: AttemptError) -> Received:
        """Try again after a first attempt that failed, if another one can help."""
        attempts = stamina.retry_context(
            on=_backoff,
            attempts=self.section.attempts,
            timeout=None,
            wait_initial=FIRST_WAIT,
            wait_max=MOST_WAIT,
            wait_jitter=WAIT_JITTER,
        )
        try:
            for attempt in attempts:
                with attempt:
                    if attempt.num == 1:
                        raise first
                    return self._attempt(path, span, attempt.num)
        except AttemptError as error:
            raise self._final_error(path, error) from error
        raise AssertionError("retry_context returns or raises")

    def _attempt(self, path: str, span: Span | None, number: int) -> Received:
        try:
            with self._limiter() if self.remote else nullcontext():
                received = self._request(path, span, number)
            if received.length is None:
                received = checked(received, path, self.content, PAGE_ATTEMPTS if self.remote else 1)
        except AttemptError as error:
            error.number = number
            logger.info("%s: %s (attempt %d)", self.locate(path), error, number)
            raise
        self.traffic.add(bytes=len(received.raw))
        if not self.remote:
            noticed(self.locate(path))
        return received

    def _request(self, path: str, span: Span | None, number: int) -> Received:
        """Ask for a file once, no earlier than its host allows; note if the host asks to be left alone."""
        if self.remote:
            self._wait_for_host()
        start = time.monotonic()
        try:
            return self._source.read(path, span)
        except AttemptError as error:
            if error.wait:
                hold(self._host, error.wait)
            raise
        finally:
            self.traffic.add(requests=1, retries=number > 1, seconds=time.monotonic() - start)
            self._rest()

    def _wait_for_host(self) -> None:
        while (left := held(self._host)) > 0:
            if left > LONGEST_WAIT:
                reason = f"not asked for: {self._host} asked for no requests in the next {left:.0f} s"
                raise AttemptError(reason, attempts=1)
            time.sleep(left)

    def _rest(self) -> None:
        """Pause before the next request may start in place of this one."""
        if self.remote and self.section.pause:
            time.sleep(self.section.pause)

    def _final_error(self, path: str, error: AttemptError) -> SurveyBatchError:
        attempts = f" ({error.number} attempts)" if error.number > 1 else ""
        told = f"{self.locate(path)}: {error}{attempts}"
        if error.error_type is UnreadableError and not self.remote:  # no server is to be asked what it sends
            return UnreadableError(told)
        advice = _ADVICE[error.error_type].format(located_by=find_survey(self.section.survey).located_by())
        return error.error_type(f"{told}; {advice}")


def _backoff(error: Exception) -> bool | float:
    """Tell stamina whether to try again and, if the server said so, after how long."""
    if not isinstance(error, AttemptError):
        return False
    if error.attempts is not None and error.number >= error.attempts:
        return False
    if error.wait is None:
        return True
    # All threads were told the same time. Spread them, or all but one are turned away again.
    return error.wait + random.uniform(0, WAIT_JITTER)  # noqa: S311
