"""The law for files from elsewhere, and the check of one file against it.

Any bytes give a result, or an error of the package's base class that names the file: within 5 s of processor time and
1 GB of memory, and without a storm of warnings.
"""

import logging
import resource
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from survey_batch.core.errors import ReaderError, SurveyBatchError

SECONDS = 5.0
"""Processor time within which a file is read or refused."""
MEMORY = 1 << 30
"""Bytes that reading may take beyond what the process has."""
MOST_WARNINGS = 10
"""Warnings and log lines of level WARNING that a file may cause."""


class TooSlow(BaseException):
    """Raised in the reader when its time is over; no reader catches it."""


@dataclass(frozen=True)
class Verdict:
    """What became of a file.

    Attributes
    ----------
    kind
        `read`, `refused`, or `broken` if the law is broken.
    said
        The error's message, or how the law is broken.
    seconds
        Processor time.
    foreign
        Type of another library's error behind a refusal, "" if there is none.
    """

    kind: str
    said: str = ""
    seconds: float = 0.0
    foreign: str = ""


def judge(read: Callable[[Path], Any], path: Path, name: str = "") -> Verdict:
    """Read a file and say whether the law was kept.

    Parameters
    ----------
    read
        The reader.
    path
        The file.
    name
        What an error must name; by default the file's name.
    """
    heard = _Heard()
    begun, before = time.process_time(), _peak()
    error: BaseException | None = None
    with warnings.catch_warnings(record=True) as told, heard.listening(), _time_limit():
        warnings.simplefilter("always")
        try:
            read(path)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as raised:
            error = raised
    seconds, grown = time.process_time() - begun, _peak() - before
    broken = _broken(error, name or path.name)
    if seconds > SECONDS:
        broken = broken or f"took {seconds:.1f} s"
    if grown > MEMORY:
        broken = broken or f"took {grown / 1e9:.1f} GB"
    if len(told) + heard.count > MOST_WARNINGS:
        first = str(told[0].message) if told else heard.first
        broken = broken or f"gave {len(told) + heard.count} warnings, the first: {first[:200]}"
    if broken:
        return Verdict("broken", broken, seconds)
    if error is None:
        return Verdict("read", "", seconds)
    cause = error.__cause__
    foreign = "" if cause is None or isinstance(cause, SurveyBatchError) else type(cause).__name__
    return Verdict("refused", str(error), seconds, foreign)


def _broken(error: BaseException | None, name: str) -> str:
    """Say how an error breaks the law; "" if it does not."""
    if error is None:
        return ""
    behind: BaseException | None = error
    seen: set[int] = set()
    while behind is not None and id(behind) not in seen:  # some libraries raise errors that are their own context
        if isinstance(behind, MemoryError | RecursionError):
            return f"{type(behind).__name__} behind {type(error).__name__}: {str(error)[:300]}"
        seen.add(id(behind))
        behind = behind.__cause__ or behind.__context__
    if isinstance(error, ReaderError):
        return f"{str(error)[:300]}\n{error.traceback[-700:]}"
    if not isinstance(error, SurveyBatchError):
        return f"{type(error).__name__}: {str(error)[:300]} ({_where(error)})"
    if name not in str(error):
        return f"does not name the file: {str(error)[:300]}"
    return ""


def _where(error: BaseException) -> str:
    """Return the last line of code of a traceback that is ours, and the last of all."""
    places, step = [], error.__traceback__
    while step is not None:
        places.append(f"{step.tb_frame.f_code.co_filename}:{step.tb_lineno}")
        step = step.tb_next
    ours = [place for place in places if "survey_batch/" in place]
    return ", ".join(dict.fromkeys([*ours[-1:], *places[-1:]]))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def _time_limit() -> Iterator[None]:
    """Raise `TooSlow` when the time is over, where signals can be had."""
    if not hasattr(signal, "SIGVTALRM"):
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise TooSlow(f"still reading after {SECONDS:g} s")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


class _Heard(logging.Handler):
    """Counter of log lines that tell of something strange."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count, self.first = 0, ""

    def emit(self, record: logging.LogRecord) -> None:
        """Count a line."""
        self.count += 1
        self.first = self.first or record.getMessage()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Count while the block runs."""
        root = logging.getLogger()
        root.addHandler(self)
        try:
            yield
        finally:
            root.removeHandler(self)
