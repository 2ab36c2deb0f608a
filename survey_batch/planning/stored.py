"""The plan as it is stored below the output; workers read their rows from it."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from survey_batch.core.paths import join
from survey_batch.store.schema import Array, Axis, Shard
from survey_batch.store.small_files import DamagedFileError, opened_table, read_table, write_table

FIELDS_PER_GROUP = 4096
"""Fields in a row group of the stored plan. A shard is one field, which is smaller than a row group's metadata."""

Rows = Mapping[str, Array]
"""Some rows of the plan, column by column."""


def table_path(output: str, axis: str) -> str:
    """Return where a table of the plan is stored."""
    return join(output, "plan", f"{axis}s.parquet")


def store_table(output: str, axis: Axis, table: pa.Table, objects: int) -> None:
    """Write a table of the plan, with `objects` rows of objects per row group, which is one shard."""
    rows = objects if axis == "object" else FIELDS_PER_GROUP
    write_table(table_path(output, axis), table, row_group_size=rows, compression="zstd")


def read_rows_of(output: str, shard: Shard) -> Rows:
    """Read the plan's rows of one shard, on a worker."""
    group, first = (shard.index, 0) if shard.axis == "object" else divmod(shard.start, FIELDS_PER_GROUP)
    with opened_table(table_path(output, shard.axis)) as file:
        table = file.read_row_group(group).slice(first, len(shard))
    return {name: to_numpy(table[name]) for name in table.column_names}


def read_plan_columns(output: str, names: Sequence[str]) -> Rows:
    """Read some columns of all planned objects, in the order of the object axis; none if the plan lacks any of them."""
    with opened_table(table_path(output, "object")) as file:
        if not set(names) <= set(file.schema_arrow.names):
            return {}
        table = file.read(columns=list(names))
    return {name: to_numpy(table[name]) for name in names}


def planned_rows(output: str) -> int:
    """Count the planned objects; raise FileNotFoundError if no run has made a plan yet."""
    with opened_table(table_path(output, "object")) as file:
        return int(file.metadata.num_rows)


def read_plan_part(output: str, names: Sequence[str], rows: slice | None = None) -> pa.Table:
    """Read some columns of successive planned objects, or of all, without a Python object for each."""
    with opened_table(table_path(output, "object")) as file:
        if rows is None:
            return file.read(columns=list(names))
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        ends = np.cumsum([0, *sizes])
        first, last = np.searchsorted(ends, [rows.start, rows.stop], side="right") - [1, 0]
        groups = list(range(first, min(last, len(sizes))))
        return file.read_row_groups(groups, columns=list(names)).slice(rows.start - ends[first], rows.stop - rows.start)


def stored_columns(output: str, names: Sequence[str]) -> pa.Table | None:
    """Read some columns of all planned objects; return None if they are not stored, or cannot be read."""
    try:
        return read_plan_part(output, names)
    except (FileNotFoundError, DamagedFileError):
        return None


def stored_table(output: str, axis: Axis) -> pa.Table | None:
    """Read a whole table of the stored plan; return None if none is stored, or none that can be read."""
    try:
        return read_table(table_path(output, axis))
    except (FileNotFoundError, DamagedFileError):
        return None


def read_fields(output: str) -> dict[tuple[int, ...], int]:
    """Map each planned field to its index on the frame axis."""
    table = read_table(table_path(output, "frame"))
    return {key: index for index, key in enumerate(zip(*table.to_pydict().values(), strict=True))}


def to_numpy(column: pa.ChunkedArray) -> Array:
    """Turn a column into a numpy array; strings become Python objects."""
    return np.asarray(column.to_numpy())
