"""Download of whole, checked files from a survey archive, with retries, a run-wide limit, a cache and counts.

Only files of the kind that an archive holds are returned (FITS: plain, gzip or bzip2; or images): a maintenance page
that a server sends with status 200 is recognised by its first bytes. A failure ends as one of three errors:
`NotFoundError` (the archive has no such file), `UnreadableError` (it has something else under that name) or
`TransientError` (a later run may succeed).
"""

import contextlib
import logging
import random
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlsplit

import stamina

from survey_batch.archive.content import FITS, Content, undo_content_coding
from survey_batch.archive.decompress import describe
from survey_batch.archive.limits import Limiter, run_wide_limiter
from survey_batch.archive.sources import LARGEST_FILE, AttemptError, open_source
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
    NotFoundError: "the archive has no file of that name; if many are missing, check {located_by}",
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
        self._source = open_source(section.root, section.timeout, address)
        self._limiter = limiter or run_wide_limiter(urlsplit(section.root).netloc, section.connections)

    def __reduce__(self) -> tuple[type["Archive"], tuple[object, ...]]:
        return Archive, (self.section, self._limiter, self.content, self.address)

    def locate(self, path: str) -> str:
        """Return the full URL or file name of `path`."""
        return self._source.locate(path)

    @property
    def remote(self) -> bool:
        """Whether each look-up of a file is a request to a server."""
        return self._source.remote

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
            The file is not of the archive's content, or the reader cannot use it.
        TransientError
            The network or the server failed at every attempt, or refused.
        ConfigurationError
            The root does not exist, or credentials are missing.
        ReaderError
            The reader raised an error that is none of ours.
        """
        for _ in range(2 if self.remote else 1):
            name, raw = self._fetch((path, *others))
            try:
                with reader_of(self.section.survey, self.locate(name)):
                    return reader(raw)
            except UnreadableError as error:
                failure = error
                self.forget(name)
        raise UnreadableError(f"{self.locate(name)}: {failure}") from failure

    def _fetch(self, names: Sequence[str]) -> tuple[str, bytes]:
        """Return the file's name in the archive, and its bytes; try the next name only after a definite miss."""
        for name in names:
            if name.startswith("/") or ".." in name.split("/") or "\0" in name:
                raise UnreadableError(f"{name!r} does not lie below the archive's root: correct the catalogue")
            if (raw := self._read_cache(name)) is not None:
                return name, raw
        missing: dict[str, NotFoundError] = {}
        for name in in_order(self.section.root, names) if self.remote else names:
            try:
                raw = self._download(name)
            except NotFoundError as error:
                missing[name] = error
                continue
            remember(self.section.root, names, name)
            self._write_cache(name, raw)
            return name, raw
        first = missing[names[0]]
        raise NotFoundError(f"{first}; {told(names)}" if len(names) > 1 else str(first)) from first

    def forget(self, path: str) -> None:
        """Remove a file from the cache, if it is there."""
        if (cached := self._cache_path(path)) is not None:
            cached.unlink(missing_ok=True)

    def _download(self, path: str) -> bytes:
        """Try until the file arrives, or until no further attempt can help."""
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
                    return self._attempt(path, attempt.num)
        except AttemptError as error:
            raise self._final_error(path, error) from error
        raise AssertionError("retry_context returns or raises")

    def _attempt(self, path: str, number: int) -> bytes:
        self.traffic.add(requests=1, retries=int(number > 1))
        try:
            with self._turn():
                start = time.monotonic()
                try:
                    raw = undo_content_coding(self._source.read(path), LARGEST_FILE)
                finally:
                    self.traffic.add(seconds=time.monotonic() - start)
                    self._rest()
            if not self.content.allows(raw):
                attempts = PAGE_ATTEMPTS if self.remote else 1
                raise AttemptError(self.content.complaint(raw), UnreadableError, attempts)
        except AttemptError as error:
            error.number = number
            logger.info("%s: %s (attempt %d)", self.locate(path), error, number)
            raise
        self.traffic.add(bytes=len(raw))
        if not self.remote:
            noticed(self.locate(path))
        return raw

    def _turn(self) -> contextlib.AbstractContextManager[object]:
        """Return the context of one request."""
        return self._limiter() if self.remote else contextlib.nullcontext()

    def _rest(self) -> None:
        """Pause before the next request may start in place of this one."""
        if self.remote and self.section.pause:
            time.sleep(self.section.pause)

    def _final_error(self, path: str, error: AttemptError) -> SurveyBatchError:
        attempts = f" ({error.number} attempts)" if error.number > 1 else ""
        advice = _ADVICE[error.error_type].format(located_by=find_survey(self.section.survey).located_by())
        return error.error_type(f"{self.locate(path)}: {error}{attempts}; {advice}")

    def _cache_path(self, path: str) -> Path | None:
        """Return a file's path in the cache, separate for each archive: `<cache>/<host>/<path of the root>/<path>`."""
        if self.section.cache is None or not self.remote:
            return None
        root = urlsplit(self.section.root)
        return Path(self.section.cache).expanduser() / root.netloc / root.path.strip("/") / path

    def _read_cache(self, path: str) -> bytes | None:
        if (cached := self._cache_path(path)) is None:
            return None
        try:
            raw = cached.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            logger.warning("cannot read %s in the cache: %s", cached, error)
            return None
        if not self.content.allows(raw):
            logger.warning("%s is damaged in the cache (%s); downloading it again", cached, describe(raw))
            return None
        self.traffic.add(cache_hits=1)
        return raw

    def _write_cache(self, path: str, raw: bytes) -> None:
        """Write under a temporary name first, so that a file under its own name is always whole."""
        if (cached := self._cache_path(path)) is None:
            return
        try:
            cached.parent.mkdir(parents=True, exist_ok=True)
            temporary = cached.with_name(f".{cached.name}.{uuid.uuid4().hex}")
            try:
                temporary.write_bytes(raw)
                temporary.replace(cached)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("cannot keep %s in the cache: %s", cached, error)


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
