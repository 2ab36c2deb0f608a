"""`problems.parquet`: the reason for each row that is not `ok`, and the row's source."""

import logging
import re
from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.core.paths import join
from survey_batch.core.redaction import redacted
from survey_batch.core.status import Status
from survey_batch.store.small_files import DamagedFileError, opened_table

log = logging.getLogger(__name__)

ALL = "problems.parquet"
"""All notes together, as the last run that ended left them."""

PROBLEM_SCHEMA = pa.schema(
    [
        ("object_id", pa.string()),
        ("stage", pa.string()),
        ("status", pa.string()),
        ("message", pa.string()),
        ("source", pa.string()),
        ("time", pa.timestamp("ms", tz="UTC")),
        ("row", pa.int64()),
    ]
)

ALIKE = (
    (r"""(\B|\bb)('[^']*'|"[^"]*")""", "#"),
    (r"\S*\d\S*|\S*/\S*", "#"),
    (r"#( #)+", "#"),
    (r"\b\w: ", ""),
    (r"([^;]+)(; [^;]+)+", r"\1"),
)
"""Parts of messages to ignore when reasons are compared: names in quotes, numbers and paths, the band, and repeats for
further bands."""

Reason = tuple[str, str, int]
"""Status, message, and number of rows."""
SHOWN_REASONS = 5
"""Reasons shown for a shard or a stage while it runs."""
MOST_REASONS = 200
"""Reasons remembered for a stage; the rarest are dropped beyond this number."""

SHOWN = ["object_id", "stage", "status", "message", "row"]
"""Columns shown to users. Source and time would double the memory; they are in the file for those who need them."""

SLICE_ROWS = 1 << 16
"""Problems read, and their reasons compared, at a time."""


@dataclass(frozen=True)
class Problem:
    """Why one row of a block is not `ok`, and its source (URL or path); the traceback is for the run's log alone.

    None of the three shows credentials.
    """

    row: int
    status: Status
    message: str
    source: str
    traceback: str = ""

    def __post_init__(self) -> None:
        for name in ("message", "source", "traceback"):
            object.__setattr__(self, name, redacted(getattr(self, name)))

    def at(self, row: int) -> "Problem":
        """Return the problem of another row; what it says is redacted already."""
        moved = copy(self)
        object.__setattr__(moved, "row", row)
        return moved


class Reasons:
    """Counter of the commonest reasons by (status, reason); messages that differ only in numbers and names are one."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._shortest: dict[tuple[str, str], str] = {}

    def add(self, reasons: Sequence[Reason]) -> None:
        """Count the reasons of a shard, or take them back where the numbers of rows are negative."""
        for status, message, count in reasons:
            key = (status, pattern_of(message))
            self._counts[key] += count
            self._shortest[key] = min(self._shortest.get(key, message), message, key=len)
            if self._counts[key] <= 0:
                del self._counts[key], self._shortest[key]
        if len(self._counts) > MOST_REASONS:
            for key, _ in self._counts.most_common()[MOST_REASONS // 2 :]:
                del self._counts[key], self._shortest[key]

    def most(self, limit: int = SHOWN_REASONS) -> list[Reason]:
        """Return the commonest reasons, each with its shortest message."""
        return [(key[0], self._shortest[key], count) for key, count in self._counts.most_common(limit)]


def reasons_of(problems: Sequence[Problem]) -> tuple[Reason, ...]:
    """Summarize the problems of a shard in a few numbers for the client."""
    reasons = Reasons()
    reasons.add([(problem.status.name.lower(), problem.message, 1) for problem in problems])
    return tuple(reasons.most())


def tracebacks_of(problems: Sequence[Problem]) -> tuple[str, ...]:
    """Return a few different tracebacks of a shard's problems."""
    return tuple(dict.fromkeys(problem.traceback for problem in problems if problem.traceback))[:SHOWN_REASONS]


def pattern_of(message: str) -> str:
    """Return the part that all messages of one reason share."""
    for expression, instead in ALIKE:
        message = re.sub(expression, instead, message)
    return message


def read_problems(output: str) -> pa.Table:
    """Read the columns `SHOWN` of `problems.parquet`; the table is empty if no run has ended yet."""
    try:
        with opened_table(join(output, ALL)) as file:
            batches = list(file.iter_batches(SLICE_ROWS, columns=SHOWN))
    except FileNotFoundError:
        batches = []
    except DamagedFileError as error:
        log.warning("%s", error)
        batches = []
    return pa.Table.from_batches(batches, schema=pa.schema([PROBLEM_SCHEMA.field(name) for name in SHOWN]))


class ProblemCount(NamedTuple):
    """How many rows have a problem.

    Attributes
    ----------
    stage : str
        Name of the stage.
    status : str
        Status of the rows in its product.
    reason : str
        Why; reasons that differ only in numbers and names are one, shown by the shortest of them.
    count : int
        How many rows.
    """

    stage: str
    status: str
    reason: str
    count: int  # type: ignore[assignment]  # hides a method of tuples


def count_reasons(problems: pa.Table, limit: int = 20) -> list[ProblemCount]:
    """Count problems by stage, status and reason, most frequent first.

    Reasons that differ only in numbers and names count as one, shown with its shortest message, the plainest.
    """
    parts = [_reasons(problems.slice(first, SLICE_ROWS)) for first in range(0, problems.num_rows, SLICE_ROWS)]
    if not parts:
        return []
    grouped = (
        _shortest_first(pa.concat_tables(parts))
        .group_by(["stage", "status", "pattern"], use_threads=False)
        .aggregate([("message", "first"), ("count", "sum")])
        .sort_by([("count_sum", "descending")])
        .slice(0, limit)
    )
    columns = ("stage", "status", "message_first", "count_sum")
    return list(map(ProblemCount, *(grouped[name].to_pylist() for name in columns)))


def _reasons(problems: pa.Table) -> pa.Table:
    """Count the reasons of some problems."""
    pattern = problems["message"]
    for expression, instead in ALIKE:
        pattern = pc.replace_substring_regex(pattern, expression, instead)
    return (
        _shortest_first(problems.select(["stage", "status", "message"]).append_column("pattern", pattern))
        .group_by(["stage", "status", "pattern"], use_threads=False)
        .aggregate([("message", "first"), ("message", "count")])
        .rename_columns({"message_first": "message", "message_count": "count"})
    )


def _shortest_first(problems: pa.Table) -> pa.Table:
    """Sort by the length of the message; those of one length stay in their order."""
    return problems.take(pc.sort_indices(pc.utf8_length(problems["message"])))
