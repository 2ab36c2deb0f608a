"""Columns one by one of a table that is given batch by batch, and back: through files in a temporary folder.

FITS and VOTable fix the width of a row in the header, before the first row. It depends on all values of each column.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from survey_batch.catalog.values import one_array
from survey_batch.results.export.changes import Changes
from survey_batch.results.export.joined import Joined
from survey_batch.results.export.sorting import BATCH_ROWS
from survey_batch.store.schema import Array


def staged(table: Joined, folder: Path) -> "Staged":
    """Write a table to a folder, to be read column by column."""
    path = folder / "staged.parquet"
    columns = [str(index) for index in range(len(table.schema))]
    schema = pa.schema([field.with_name(column) for field, column in zip(table.schema, columns, strict=True)])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for part in table.batches():
            writer.write_table(pa.table(part.columns, schema=schema))
    return Staged(table.schema, table.rows, path)


@dataclass(frozen=True)
class Staged:
    """A table on the disk."""

    schema: pa.Schema
    rows: int
    path: Path

    def batches(self, names: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Read all columns, or those of these names, some rows at a time."""
        fields = [(index, field) for index, field in enumerate(self.schema) if names is None or field.name in names]
        columns, schema = [str(index) for index, _ in fields], pa.schema([field for _, field in fields])
        for batch in pq.ParquetFile(self.path).iter_batches(BATCH_ROWS, columns=columns):
            yield pa.Table.from_batches([batch]).rename_columns(schema.names).cast(schema)

    def fields(self, changes: Changes) -> list[pa.Field]:
        """Return each column and, for a struct, each of its fields as a column `struct.field`."""
        return [field for top in self.schema for field in _flat_fields(top, changes)]

    def columns(self) -> Iterator[pa.Array]:
        """Read one column after the other, as `fields` lists them."""
        for index, field in enumerate(self.schema):
            column = one_array(pq.read_table(self.path, columns=[str(index)]).column(0))
            yield from _flat_columns(column.cast(field.type) if column.type != field.type else column)


def _is_split(kind: pa.DataType) -> bool:
    return bool(pa.types.is_struct(kind) and kind.num_fields)


def _flat_fields(field: pa.Field, changes: Changes) -> Iterator[pa.Field]:
    if not _is_split(field.type):
        yield field
        return
    inner = [
        part.with_name(f"{field.name}.{part.name}").with_metadata(part.metadata or field.metadata)
        for part in field.type
    ]
    changes.note(f"fields are columns of their own: {', '.join(part.name for part in inner)}", field.name)
    for part in inner:
        yield from _flat_fields(part, changes)


def _flat_columns(column: pa.Array) -> Iterator[pa.Array]:
    if not _is_split(column.type):
        yield column
        return
    for part in column.flatten():
        yield from _flat_columns(part)


class RowFile:
    """Columns of numbers of a fixed width, written one by one and read back as rows.

    Parameters
    ----------
    folder : pathlib.Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kinds: list[tuple[np.dtype[Any], tuple[int, ...]]] = []

    def add(self, column: Array) -> None:
        """Add a column, (rows, ...)."""
        np.ascontiguousarray(column).tofile(self._path(len(self._kinds)))
        self._kinds.append((column.dtype, column.shape[1:]))

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return sum(kind.itemsize * math.prod(shape) for kind, shape in self._kinds)

    def rows(self, count: int) -> Iterator[Array]:
        """Yield packed big-endian rows, some at a time."""
        fields: Any = [(f"f{index}", kind.newbyteorder(">"), shape) for index, (kind, shape) in enumerate(self._kinds)]
        for first in range(0, count, BATCH_ROWS):
            part: Any = np.empty(min(BATCH_ROWS, count - first), np.dtype(fields))
            for index, (kind, shape) in enumerate(self._kinds):
                width = math.prod(shape)
                skipped = first * width * kind.itemsize
                flat = np.fromfile(self._path(index), kind, len(part) * width, offset=skipped)
                part[f"f{index}"] = flat.reshape(len(part), *shape)
            yield part

    def _path(self, index: int) -> Path:
        return self._folder / f"column-{index}"
