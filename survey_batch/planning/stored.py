"""The plan as it is stored below the output: files of a few hundred shards each, from which workers read their rows.

A reader of Parquet reads a file's footer first, which describes every row group. In a file of all shards it would grow
with the catalogue, and each shard would pay for it. `objects.parquet` holds the first rows and, where there are more,
says how many files follow (`objects-00001.parquet`, …) and how many rows there are in all; it is written last.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from survey_batch.core.cores import do_on_cores, on_cores
from survey_batch.core.paths import files_in, join, remove
from survey_batch.planning.footers import footer_of, forget_plan, read_group
from survey_batch.planning.hashing import hash_of
from survey_batch.store.schema import Array, Axis, Shard
from survey_batch.store.small_files import DamagedFileError, opened_table, read_table, write_table

FIELDS_PER_GROUP = 4096
"""Fields in a row group of the stored plan. A shard is one field, which is smaller than a row group's metadata."""

GROUPS_PER_PART = 256
"""Row groups in a file of the stored plan; of objects, each is one shard."""

PARTS = b"survey_batch.parts"
"""Key of the first file's metadata that say how many files and rows there are, if there are several files."""

Rows = Mapping[str, Array]
"""Some rows of the plan, column by column."""


def table_path(output: str, axis: str, part: int = 0) -> str:
    """Return where a part of a table of the plan is stored; the first part is where smaller plans are whole."""
    return join(output, "plan", f"{axis}s-{part:05d}.parquet" if part else f"{axis}s.parquet")


def store_table(output: str, axis: Axis, table: pa.Table, objects: int) -> None:
    """Write a table of the plan, with `objects` rows of objects per row group, which is one shard.

    Parts that are stored already stay as they are. The first part is written last, and names the others.
    """

    def store(part: tuple[str, pa.Table]) -> None:
        if not _holds(*part):
            write_table(*part, row_group_size=_group_rows(axis, objects), compression="zstd")

    parts = list(_parts(output, axis, table, objects))
    do_on_cores(store, parts[1:])
    store(parts[0])
    kept = {path.rpartition("/")[2] for path, _ in parts}
    for path in files_in(join(output, "plan"), ".parquet"):
        name = path.rpartition("/")[2]
        if name.startswith(f"{axis}s-") and name not in kept:
            remove(join(output, "plan", name))
    forget_plan()


def parts_not_stored(
    output: str, axis: Axis, table: pa.Table, objects: int, leave_out: Collection[str] = ()
) -> list[str]:
    """List the files of a table of the plan that are missing or damaged, or hold other rows.

    Some columns may be left out of the comparison.
    """
    parts = list(_parts(output, axis, table, objects))
    held = on_cores(lambda part: _holds(*part, leave_out), parts)
    return [path for (path, _), holds in zip(parts, held, strict=True) if not holds]


def _parts(output: str, axis: Axis, table: pa.Table, objects: int) -> Iterator[tuple[str, pa.Table]]:
    """Cut a table into files."""
    rows = GROUPS_PER_PART * _group_rows(axis, objects)
    own = table.schema.metadata or {}
    count = max(1, -(-table.num_rows // rows))
    said = {PARTS: json.dumps({"files": count, "rows": table.num_rows}).encode()} if count > 1 else {}
    for number in range(count):
        metadata = {**own, **said} if number == 0 else own
        yield (
            table_path(output, axis, number),
            table.slice(number * rows, rows).replace_schema_metadata(metadata or None),
        )


def _group_rows(axis: Axis, objects: int) -> int:
    return objects if axis == "object" else FIELDS_PER_GROUP


def _holds(path: str, part: pa.Table, leave_out: Collection[str] = ()) -> bool:
    """Tell whether a file holds these rows, and says the same of them."""
    try:
        found = read_table(path)
    except (FileNotFoundError, DamagedFileError):
        return False
    if leave_out:
        found, part = (table.select(sorted({*table.column_names} - {*leave_out})) for table in (found, part))
        return hash_of(found) == hash_of(part)
    return (found.schema.metadata or {}) == (part.schema.metadata or {}) and hash_of(found) == hash_of(part)


def read_rows_of(output: str, shard: Shard) -> Rows:
    """Read the plan's rows of one shard, on a worker."""
    group, first = (shard.index, 0) if shard.axis == "object" else divmod(shard.start, FIELDS_PER_GROUP)
    part, group = divmod(group, GROUPS_PER_PART)
    table = read_group(table_path(output, shard.axis, part), group).slice(first, len(shard))
    return {name: to_numpy(table[name]) for name in table.column_names}


@dataclass(frozen=True)
class Stored:
    """What the first file of a table of the stored plan says.

    Attributes
    ----------
    names
        Columns.
    files, rows
        Files, and rows in all of them.
    part_rows
        Rows in each file but the last.
    """

    names: tuple[str, ...]
    files: int
    rows: int
    part_rows: int

    @classmethod
    def of(cls, output: str, axis: str, *, fresh: bool = True) -> "Stored":
        """Read the first footer, or take the one that this process keeps.

        Raises
        ------
        FileNotFoundError
            No run has made a plan yet.
        DamagedFileError
            It cannot be read.
        """
        path = table_path(output, axis)
        footer = _read_footer(path) if fresh else footer_of(path)
        said, rows = json.loads((footer.metadata or {}).get(PARTS, b"{}")), footer.num_rows
        names = tuple(footer.schema.to_arrow_schema().names)
        return cls(names, said.get("files", 1), said.get("rows", rows), rows)


def _read_footer(path: str) -> pq.FileMetaData:
    with opened_table(path) as file:
        return file.metadata


def read_plan_columns(output: str, names: Sequence[str]) -> Rows:
    """Read some columns of all planned objects, in the order of the object axis; none if the plan lacks any of them."""
    if not set(names) <= set(Stored.of(output, "object").names):
        return {}
    table = read_plan_part(output, names)
    return {name: to_numpy(table[name]) for name in names}


def planned_rows(output: str, axis: str = "object") -> int:
    """Count the planned rows of an axis; raise FileNotFoundError if no run has made a plan yet."""
    return Stored.of(output, axis).rows


def read_plan_part(output: str, names: Sequence[str], rows: slice | None = None) -> pa.Table:
    """Read some columns of successive planned objects, or of all, without a Python object for each.

    Raises
    ------
    FileNotFoundError
        No run has made a plan yet.
    DamagedFileError
        A file of the plan is missing, or cannot be read.
    """
    stored = Stored.of(output, "object")
    start, stop = (0, stored.rows) if rows is None else (rows.start, rows.stop)
    size = max(stored.part_rows, 1)
    tables = []
    first = min(start // size, stored.files - 1)
    for part in range(first, max(first + 1, min(-(-stop // size), stored.files))):
        path = table_path(output, "object", part)
        try:
            with opened_table(path) as file:
                tables.append(_rows_between(file, names, start - part * size, stop - part * size))
        except FileNotFoundError as error:
            raise DamagedFileError(path, "it is missing") from error
    return pa.concat_tables(tables).replace_schema_metadata(tables[0].schema.metadata)


def _rows_between(file: Any, names: Sequence[str], start: int, stop: int) -> pa.Table:
    """Read rows of one file, which may have fewer on both sides."""
    sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    ends = np.cumsum([0, *sizes])
    start, stop = max(start, 0), min(stop, int(ends[-1]))
    first, last = np.searchsorted(ends, [start, stop], side="right") - [1, 0]
    groups = list(range(first, min(last, len(sizes))))
    return file.read_row_groups(groups, columns=list(names)).slice(start - ends[first], stop - start)


def stored_table(output: str, axis: Axis) -> pa.Table | None:
    """Read a whole table of the stored plan; return None if none is stored, or none that can be read."""
    try:
        files = Stored.of(output, axis).files
        return pa.concat_tables([read_table(table_path(output, axis, part)) for part in range(files)])
    except (FileNotFoundError, DamagedFileError):
        return None


def to_numpy(column: pa.ChunkedArray) -> Array:
    """Turn a column into a numpy array; strings become Python objects."""
    return np.asarray(column.to_numpy())
