"""Columns one by one of a table that is given batch by batch, and back: through files in a temporary folder.

FITS and VOTable fix the width of a row in the header, before the first row. It depends on all values of each column.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from survey_batch.catalog.values import one_array
from survey_batch.core.sorting import BATCH_ROWS
from survey_batch.results.export.changes import Changes
from survey_batch.results.export.joined import Joined
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
        for batch in pq.ParquetFile(self.path, pre_buffer=False).iter_batches(BATCH_ROWS, columns=columns):
            yield pa.Table.from_batches([batch]).rename_columns(schema.names).cast(schema)

    def fields(self, changes: Changes) -> list[pa.Field]:
        """Return each column and, for a struct, each of its fields as a column `struct.field`."""
        return [field for top in self.schema for field in _flat_fields(top, changes)]

    def columns(self) -> Iterator["Column"]:
        """Yield the columns, as `fields` lists them, to be read one after the other."""
        for index, field in enumerate(self.schema):
            yield from _flat_columns(Column(self.path, str(index), field.type, field.type))


@dataclass(frozen=True)
class Column:
    """A column of a staged table, or a field of one that is a struct.

    Attributes
    ----------
    path, name
        Where it is stored.
    stored, kind : pyarrow.DataType
        Types of the stored column and of this one.
    fields : tuple of int
        How to get from the one to the other.
    """

    path: Path
    name: str
    stored: pa.DataType
    kind: pa.DataType
    fields: tuple[int, ...] = ()

    def blocks(self) -> Iterator[pa.Array]:
        """Read some rows at a time."""
        for batch in pq.ParquetFile(self.path, pre_buffer=False).iter_batches(BATCH_ROWS, columns=[self.name]):
            yield self._part(batch.column(0))

    def whole(self) -> pa.Array:
        """Read all rows."""
        return self._part(one_array(pq.read_table(self.path, columns=[self.name]).column(0)))

    def _part(self, values: pa.Array) -> pa.Array:
        coded = pa.types.is_dictionary(self.stored)  # Parquet gives the values, which is what is written
        part = values if coded or values.type == self.stored else values.cast(self.stored)
        for index in self.fields:
            part = part.flatten()[index]
        return part


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


def _flat_columns(column: Column) -> Iterator[Column]:
    if not _is_split(column.kind):
        yield column
        return
    for index, part in enumerate(column.kind):
        yield from _flat_columns(replace(column, kind=part.type, fields=(*column.fields, index)))


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
        self.add_blocks([column], column[:0])

    def add_blocks(self, blocks: Iterable[Array], like: Array) -> None:
        """Add a column some rows at a time; `like` has its type and the shape of its values, and no rows."""
        with self._path(len(self._kinds)).open("wb") as file:
            for block in blocks:
                np.ascontiguousarray(block).tofile(file)
        self._kinds.append((like.dtype, like.shape[1:]))

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
