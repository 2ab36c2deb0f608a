"""`problems.parquet`: why each row that is not `ok` is not, and what it was made from."""

import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from fsspec.core import url_to_fs

from survey_batch.paths import join, read_bytes, write_bytes
from survey_batch.work import PROBLEM_SCHEMA

ALIKE = ((r"\S*\d\S*|\S*/\S*", "#"), (r"\b[ugriz]: ", ""), (r"([^;]+)(; [^;]+)+", r"\1"))
"""What makes two messages one reason: numbers and paths, the band, and the same said of further bands."""


def collect_problems(output: str) -> int:
    """Put the shards' notes together into `<output>/problems.parquet`; return how many there are."""
    filesystem, folder = url_to_fs(join(output, "problems"))
    filesystem.invalidate_cache()
    parts = sorted(filesystem.glob(f"{folder}/*.parquet")) if filesystem.exists(folder) else []
    buffer, count = io.BytesIO(), 0
    with pq.ParquetWriter(buffer, PROBLEM_SCHEMA, compression="zstd") as writer:
        for part in parts:
            table = pq.read_table(io.BytesIO(filesystem.cat_file(part)))
            writer.write_table(table)
            count += table.num_rows
    write_bytes(join(output, "problems.parquet"), buffer.getvalue())
    return count


def read_problems(output: str) -> pa.Table:
    """Read `problems.parquet`; empty where no run has ended yet."""
    try:
        return pq.read_table(io.BytesIO(read_bytes(join(output, "problems.parquet"))))
    except FileNotFoundError:
        return PROBLEM_SCHEMA.empty_table()


def count_reasons(problems: pa.Table, limit: int = 20) -> list[tuple[str, str, str, int]]:
    """Count problems by (stage, status, reason), most frequent first.

    Reasons that differ only in numbers and names count as one, shown by its first message.
    """
    if not problems.num_rows:
        return []
    pattern = problems["message"]
    for expression, instead in ALIKE:
        pattern = pc.replace_substring_regex(pattern, expression, instead)
    grouped = (
        problems.append_column("pattern", pattern)
        .group_by(["stage", "status", "pattern"], use_threads=False)
        .aggregate([("message", "first"), ("message", "count")])
        .sort_by([("message_count", "descending")])
        .slice(0, limit)
    )
    columns = ("stage", "status", "message_first", "message_count")
    return list(zip(*(grouped[name].to_pylist() for name in columns), strict=True))
