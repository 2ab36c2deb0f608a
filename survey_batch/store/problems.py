"""`problems.parquet`: why each row that is not `ok` is not, and what it was made from."""

import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from fsspec.core import url_to_fs

from survey_batch.core.paths import files_in, join, read_bytes, write_bytes
from survey_batch.core.status import Status
from survey_batch.store.products import Shard

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

ALIKE = ((r"\S*\d\S*|\S*/\S*", "#"), (r"\b[ugriz]: ", ""), (r"([^;]+)(; [^;]+)+", r"\1"))
"""What makes two messages one reason: numbers and paths, the band, and the same said of further bands."""

Reason = tuple[str, str, int]
"""Status, message, and how many rows."""
SHOWN_REASONS = 5
"""Of a shard or a stage, while it runs."""
MOST_REASONS = 200
"""That are remembered of a stage; rare ones beyond are forgotten."""

SHOWN = ["object_id", "stage", "status", "message"]
"""What is shown of problems; source and time take as much memory again and are for those who look into the file."""

SLICE_ROWS = 1 << 16
"""Problems that are read, and whose reasons are compared, at a time."""


@dataclass(frozen=True)
class Problem:
    """Why one row of a block is not `ok`, and what it was made from (URL or path)."""

    row: int
    status: Status
    message: str
    source: str


class Reasons:
    """Counts the commonest reasons by (status, reason); what differs only in numbers and names counts as one."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._first: dict[tuple[str, str], str] = {}

    def add(self, reasons: Sequence[Reason]) -> None:
        """Count those of a shard."""
        for status, message, count in reasons:
            key = (status, pattern_of(message))
            self._counts[key] += count
            self._first.setdefault(key, message)
        if len(self._counts) > MOST_REASONS:
            for key, _ in self._counts.most_common()[MOST_REASONS // 2 :]:
                del self._counts[key], self._first[key]

    def most(self, limit: int = SHOWN_REASONS) -> list[Reason]:
        """The commonest, each with the message that came first."""
        return [(key[0], self._first[key], count) for key, count in self._counts.most_common(limit)]


def reasons_of(problems: Sequence[Problem]) -> tuple[Reason, ...]:
    """Sum up the problems of a shard: few numbers, for the client."""
    reasons = Reasons()
    reasons.add([(problem.status.name.lower(), problem.message, 1) for problem in problems])
    return tuple(reasons.most())


def pattern_of(message: str) -> str:
    """What messages of one reason have in common."""
    for expression, instead in ALIKE:
        message = re.sub(expression, instead, message)
    return message


def problems_path(output: str, stage: str, shard: Shard) -> str:
    """Where a shard's problems are noted before it is committed."""
    return join(output, "problems", f"{stage}-{shard.index:06d}.parquet")


def note_problems(
    output: str,
    stage: str,
    shard: Shard,
    done: npt.NDArray[np.bool_],
    problems: Sequence[Problem],
    names: Sequence[str],
) -> None:
    """Note the problems of the rows just done, under their objects' names; rows done earlier keep theirs."""
    path, now = problems_path(output, stage, shard), datetime.now(UTC)
    noted = _noted(path)
    kept = [note for note in noted if not done[note["row"] - shard.start]]
    new = [
        {
            "object_id": name,
            "stage": stage,
            "status": problem.status.name.lower(),
            "message": problem.message,
            "source": problem.source,
            "time": now,
            "row": shard.start + problem.row,
        }
        for problem, name in zip(problems, names, strict=True)
    ]
    if noted or new:
        buffer = io.BytesIO()
        notes = sorted(kept + new, key=lambda note: note["row"])
        pq.write_table(pa.Table.from_pylist(notes, schema=PROBLEM_SCHEMA), buffer)
        write_bytes(path, buffer.getvalue())


def _noted(path: str) -> list[dict[str, Any]]:
    try:
        return pq.read_table(io.BytesIO(read_bytes(path))).to_pylist()  # type: ignore[no-any-return]
    except FileNotFoundError:
        return []


def problems_of(output: str, stage: str, shards: Iterable[Shard]) -> pa.Table:
    """Read what one stage noted of some shards."""
    noted = [note for shard in shards for note in _noted(problems_path(output, stage, shard))]
    return pa.Table.from_pylist(noted, schema=PROBLEM_SCHEMA)


def collect_problems(output: str) -> int:
    """Put the shards' notes together into `<output>/problems.parquet`; return how many there are."""
    folder = join(output, "problems")
    filesystem, _ = url_to_fs(folder)
    parts = files_in(folder, ".parquet")
    buffer, count = io.BytesIO(), 0
    with pq.ParquetWriter(buffer, PROBLEM_SCHEMA, compression="zstd") as writer:
        for part in parts:
            table = pq.read_table(io.BytesIO(filesystem.cat_file(part)))
            writer.write_table(table)
            count += table.num_rows
    write_bytes(join(output, "problems.parquet"), buffer.getvalue())
    return count


def read_problems(output: str) -> pa.Table:
    """Read of `problems.parquet` what is shown of it (`SHOWN`); empty where no run has ended yet."""
    try:
        raw = read_bytes(join(output, "problems.parquet"))
    except FileNotFoundError:
        return PROBLEM_SCHEMA.empty_table().select(SHOWN)
    batches = pq.ParquetFile(io.BytesIO(raw)).iter_batches(SLICE_ROWS, columns=SHOWN)
    return pa.Table.from_batches(batches, schema=pa.schema([PROBLEM_SCHEMA.field(name) for name in SHOWN]))


def count_reasons(problems: pa.Table, limit: int = 20) -> list[tuple[str, str, str, int]]:
    """Count problems by (stage, status, reason), most frequent first.

    Reasons that differ only in numbers and names count as one, shown by its first message.
    """
    parts = [_reasons(problems.slice(first, SLICE_ROWS)) for first in range(0, problems.num_rows, SLICE_ROWS)]
    if not parts:
        return []
    grouped = (
        pa.concat_tables(parts)
        .group_by(["stage", "status", "pattern"], use_threads=False)
        .aggregate([("message", "first"), ("count", "sum")])
        .sort_by([("count_sum", "descending")])
        .slice(0, limit)
    )
    columns = ("stage", "status", "message_first", "count_sum")
    return list(zip(*(grouped[name].to_pylist() for name in columns), strict=True))


def _reasons(problems: pa.Table) -> pa.Table:
    """Count the reasons of some problems."""
    pattern = problems["message"]
    for expression, instead in ALIKE:
        pattern = pc.replace_substring_regex(pattern, expression, instead)
    return (
        problems.select(["stage", "status", "message"])
        .append_column("pattern", pattern)
        .group_by(["stage", "status", "pattern"], use_threads=False)
        .aggregate([("message", "first"), ("message", "count")])
        .rename_columns({"message_first": "message", "message_count": "count"})
    )
