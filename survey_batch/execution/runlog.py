"""The structured log of a run: JSON lines next to the products.

A log that grows over days is thinned: lines about single shards that are neither among the first nor among the newest
are left out.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from itertools import accumulate, takewhile
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import Any

from survey_batch.core.paths import is_url, join, write_bytes
from survey_batch.core.redaction import redacted, redacted_values
from survey_batch.core.wording import counted

PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
UPLOAD_SECONDS = 30.0
"""Minimum time between two uploads."""
UPLOAD_PAUSE = 10.0
"""Minimum time between two uploads, as a multiple of the last upload's duration: the log grows, and the run waits."""
MOST_BYTES = 64_000_000
"""Size from which on a log is thinned: about 100,000 shards."""
HEAD, TAIL, BETWEEN = 1 / 64, 1 / 2, 1 / 8
"""Shares of that size that are kept: of the first lines, of the newest, and of other lines than those about shards."""
LOGGERS = ("survey_batch", "distributed")
"""Loggers to record: all of our messages, and Dask's warnings, which the command line does not show."""


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, and the fields given by `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record, without credentials."""
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{key: value for key, value in vars(record).items() if key not in PLAIN},
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        # Before they are written as JSON, which puts a backslash before the quotes around a password.
        return json.dumps(redacted_values(line), default=lambda other: redacted(str(other)))


class DiskHandler(logging.FileHandler):
    """Handler that says once that the log cannot be written; a full disk must not hide what the run itself says."""

    told = False
    most = MOST_BYTES

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, and thin the log if it has become too large."""
        super().emit(record)
        if self.stream is not None and os.fstat(self.stream.fileno()).st_size > self.most:
            self._thin()

    def _thin(self) -> None:
        try:
            kept = thinned(Path(self.baseFilename).read_text(encoding="utf-8").splitlines(), self.most)
            write_bytes(self.baseFilename, ("\n".join(kept) + "\n").encode())
            before, self.stream = self.stream, self._open()
        except OSError:  # such as a full disk: the log goes on as it is
            self.most *= 2
        else:
            if before is not None:
                before.close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Say what is wrong, where logging would show a traceback for each record."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self.told:
            self.told = True
            sys.stderr.write(f"WARNING the log {self.baseFilename} cannot be written: {error}\n")

    def flush(self) -> None:
        """Write what is left; when a record is written, `handleError` tells of an error."""
        with suppress(OSError) if self.told else nullcontext():
            super().flush()

    def close(self) -> None:
        """Close the file, whatever is left to be written."""
        with suppress(OSError):
            super().close()


class UploadHandler(logging.Handler):
    """Handler that keeps lines in memory and uploads all of them now and then: an object store cannot append."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.lines: list[str] = []
        self.size = 0
        self.next_upload = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Store a line and upload if it is time."""
        self.lines.append(self.format(record))
        self.size += len(self.lines[-1]) + 1
        if self.size > MOST_BYTES:
            self.lines = thinned(self.lines, MOST_BYTES)
            self.size = sum(map(len, self.lines)) + len(self.lines)
        if time.monotonic() > self.next_upload:
            with suppress(Exception):  # another upload will follow, and the last one raises any error
                self.flush()

    def flush(self) -> None:
        """Upload all lines."""
        begun = time.monotonic()
        try:
            write_bytes(self.url, ("\n".join(self.lines) + "\n").encode())
        finally:
            ended = time.monotonic()
            self.next_upload = ended + max(UPLOAD_SECONDS, UPLOAD_PAUSE * (ended - begun))


def thinned(lines: Sequence[str], most: int) -> list[str]:
    """Leave out what is about single shards from the middle of a log, and say so in a line of its own.

    Parameters
    ----------
    lines
        The log.
    most
        Size from which on it is thinned; about two thirds of it at most are left.
    """
    first = _within(lines, HEAD * most)
    newest = max(first, len(lines) - _within(lines[::-1], TAIL * most))
    others = [line for line in lines[first:newest] if '"event": "shard"' not in line]
    kept = others[len(others) - _within(others[::-1], BETWEEN * most) :]
    left_out = newest - first - len(kept)
    told = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "level": "info",
        "logger": __name__,
        "message": f"{counted(left_out, 'line')} left out here, because the log had become too large",
        "event": "thinned",
    }
    return [*lines[:first], *kept, json.dumps(told), *lines[newest:]]


def _within(lines: Sequence[str], nbytes: float) -> int:
    """Count the first lines that have at most so many characters together."""
    ends = accumulate(len(line) + 1 for line in lines)
    return sum(1 for _ in takewhile(lambda end: end <= nbytes, ends))


@contextmanager
def run_log(output: str) -> Iterator[str]:
    """Write the package's log records and Dask's warnings to `<output>/log/<time>.jsonl` inside a `with` block."""
    path = join(output, "log", f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}.jsonl")
    handler = _handler(path)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("survey_batch")
    level = logger.level
    logger.setLevel(logging.INFO)
    # LocalCluster raises the level of each StreamHandler on Dask's logger; this handler is not a StreamHandler.
    relay = MemoryHandler(capacity=1, target=handler)
    relay.addFilter(_is_ours_or_warns)
    relay.setLevel(logging.INFO)
    for name in LOGGERS:
        logging.getLogger(name).addHandler(relay)
    try:
        yield path
    finally:
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(relay)
        logger.setLevel(level)
        relay.close()
        handler.flush()
        handler.close()


def _is_ours_or_warns(record: logging.LogRecord) -> bool:
    return record.name.startswith("survey_batch") or record.levelno >= logging.WARNING


def _handler(path: str) -> logging.Handler:
    if is_url(path):
        return UploadHandler(path)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return DiskHandler(path, mode="a", encoding="utf-8")
