"""Tables and arrays with more rows than should be in memory: they lie in temporary files, which are mapped.

The system keeps as much of a mapped file in memory as there is room for, and drops the rest. The files have no names,
so that nothing stays behind, not even after a kill. They are where `TMPDIR` says.
"""

import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from survey_batch.core.errors import SurveyBatchError

IN_MEMORY_ROWS = 1 << 22
"""Tables and arrays with at most so many rows stay in memory."""


def gather(tables: Iterable[pa.Table]) -> pa.Table:
    """Put tables with the same columns one after the other, without all of them in memory.

    Parameters
    ----------
    tables
        One at least. Columns that some of them lack are null there.

    Returns
    -------
    pyarrow.Table
        A column of numbers without nulls, or of codes of a dictionary, is one chunk, which numpy reads without a copy.
    """
    remaining = iter(tables)
    kept: list[pa.Table] = []
    rows = 0
    for table in remaining:
        kept.append(table)
        rows += table.num_rows
        if rows > IN_MEMORY_ROWS:
            return _on_disk(chain(kept, remaining))
    return pa.concat_tables(kept, promote_options="default")


def room(rows: int, kind: npt.DTypeLike) -> npt.NDArray[Any]:
    """Make an array of one number per row, not yet filled; a long one is a mapped file."""
    size = rows * np.dtype(kind).itemsize
    if rows <= max(IN_MEMORY_ROWS, 0):
        return np.empty(rows, kind)
    with _no_room_told(), tempfile.TemporaryFile(prefix="survey-batch-") as file:
        file.truncate(size)
        if hasattr(os, "posix_fallocate"):  # so that no write fails for want of room: it would end the process
            os.posix_fallocate(file.fileno(), 0, size)
        return np.frombuffer(mmap.mmap(file.fileno(), size), kind)


def slices(table: pa.Table, rows: int) -> Iterator[pa.Table]:
    """Cut a table into slices of so many rows; one empty slice if it has none."""
    return (table.slice(first, rows) for first in range(0, max(table.num_rows, 1), rows))


def _on_disk(tables: Iterator[pa.Table]) -> pa.Table:
    first = next(tables)
    schema = first.schema
    columns = {field.name: _column_of(field.type) for field in schema}
    for table in chain([first], tables):
        if not table.schema.equals(schema):
            whole = pa.concat_tables([schema.empty_table(), table], promote_options="default")
            if not whole.schema.equals(schema):  # a column was null so far, or is new
                before = _table(columns, schema)
                return pa.concat_tables([before, table, *tables], promote_options="default")
            table = whole
        for name, column in columns.items():
            for chunk in table[name].chunks:
                column.add(chunk)
    return _table(columns, schema)


def _table(columns: dict[str, "_Column"], schema: pa.Schema) -> pa.Table:
    return pa.table({name: column.whole() for name, column in columns.items()}, metadata=schema.metadata)


class _File:
    """A file without a name, to which bytes are added until it is mapped."""

    def __init__(self) -> None:
        with _no_room_told():
            self.file = tempfile.TemporaryFile(prefix="survey-batch-")  # noqa: SIM115 - open until it is mapped
        self.size = 0

    def add(self, data: Any) -> int:
        """Add bytes, and return where they begin."""
        begin = self.size
        with _no_room_told():
            self.size += self.file.write(memoryview(data).cast("B"))
        return begin

    def mapped(self) -> pa.Buffer:
        """Return all of it."""
        with self.file:
            if not self.size:
                return pa.py_buffer(b"")
            with _no_room_told():
                self.file.flush()
            return pa.py_buffer(mmap.mmap(self.file.fileno(), self.size, access=mmap.ACCESS_READ))


@contextmanager
def _no_room_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = tempfile.tempdir or "any folder"  # to ask for it would fail once more
        raise SurveyBatchError(
            f"the columns of this catalogue cannot be put into temporary files in {where} ({error}): "
            "set TMPDIR to a folder with more room, up to 300 bytes a row"
        ) from error


class _Column:
    """A column of any type in memory; others keep the larger part of their bytes in files."""

    def __init__(self, kind: pa.DataType) -> None:
        self.kind = kind
        self.chunks: list[Any] = []

    def add(self, chunk: pa.Array) -> None:
        """Add the values of some rows."""
        self.chunks.append(chunk)

    def whole(self) -> pa.ChunkedArray:
        """Return all values."""
        return pa.chunked_array(self.chunks, self.kind)


class _Numbers(_Column):
    """Integers or floats."""

    def __init__(self, kind: pa.DataType) -> None:
        super().__init__(kind)
        self.file = _File()

    def add(self, chunk: pa.Array) -> None:
        valid = _validity(chunk)
        values = np.ascontiguousarray(chunk.fill_null(0) if valid is not None else chunk)
        if values.size:
            self.chunks.append((len(chunk), valid, self.file.add(values)))

    def whole(self) -> pa.ChunkedArray:
        data = self.file.mapped()
        if all(valid is None for _, valid, _ in self.chunks):
            rows = sum(length for length, _, _ in self.chunks)
            return pa.chunked_array([pa.Array.from_buffers(self.kind, rows, [None, data])])
        arrays = [
            pa.Array.from_buffers(self.kind, length, [valid, data.slice(begin)]) for length, valid, begin in self.chunks
        ]
        return pa.chunked_array(arrays, self.kind)


class _Codes(_Column):
    """Text with few distinct values."""

    def __init__(self, kind: pa.DataType) -> None:
        super().__init__(kind)
        self.codes, self.code_of = _Numbers(pa.int32()), dict[str, int]()

    def add(self, chunk: pa.Array) -> None:
        names = chunk.dictionary.to_pylist()
        code = pa.array([self.code_of.setdefault(name, len(self.code_of)) for name in names], pa.int32())
        self.codes.add(code.take(chunk.indices))

    def whole(self) -> pa.ChunkedArray:
        names = pa.array(self.code_of, self.kind.value_type)
        return pa.chunked_array(
            [pa.DictionaryArray.from_arrays(chunk, names) for chunk in self.codes.whole().chunks],
            pa.dictionary(pa.int32(), self.kind.value_type),
        )


class _Texts(_Column):
    """Text with many distinct values, in chunks as they came: the offsets of each have 32 bits."""

    def __init__(self, kind: pa.DataType) -> None:
        super().__init__(kind)
        self.offsets, self.data = _File(), _File()

    def add(self, chunk: pa.Array) -> None:
        if not len(chunk):
            return
        _, offsets, data = chunk.buffers()
        ends = np.frombuffer(offsets, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        text = memoryview(data or b"")[ends[0] : ends[-1]]
        places = self.offsets.add(np.ascontiguousarray(ends - ends[0])), self.data.add(text)
        self.chunks.append((len(chunk), _validity(chunk), *places))

    def whole(self) -> pa.ChunkedArray:
        offsets, data = self.offsets.mapped(), self.data.mapped()
        arrays = [
            pa.Array.from_buffers(self.kind, length, [valid, offsets.slice(begin), data.slice(text)])
            for length, valid, begin, text in self.chunks
        ]
        return pa.chunked_array(arrays, self.kind)


def _column_of(kind: pa.DataType) -> _Column:
    if pa.types.is_string(kind):
        return _Texts(kind)
    if pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type):
        return _Codes(kind)
    return _Numbers(kind) if pa.types.is_integer(kind) or pa.types.is_floating(kind) else _Column(kind)


def _validity(chunk: pa.Array) -> pa.Buffer | None:
    """Return which values are not null, from the first bit on; None if all are."""
    if not chunk.null_count:
        return None
    return pa.array(np.asarray(chunk.is_valid())).buffers()[1]
