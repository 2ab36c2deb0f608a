"""Sorting of more rows than memory holds: into buckets on the disk, each of which is then sorted by itself."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Array = npt.NDArray[Any]

BATCH_ROWS = 1 << 16
"""Rows of a batch."""

KEY = "sort key"
"""Column by which the rows of a bucket are sorted."""


class Sorter:
    """Rows of one schema, given in any order and taken back bucket by bucket.

    Each table that is added is one Arrow file in the folder, with one record batch for each bucket. A bucket is read
    at the same index of every file.
    """

    def __init__(self, folder: Path, buckets: int) -> None:
        self._folder, self._buckets = folder, buckets
        self._paths: list[Path] = []
        self._numbers = itertools.count()
        folder.mkdir(parents=True)

    def add(self, table: pa.Table, bucket: Array, key: Array) -> None:
        """Add rows; `bucket` and `key`, (rows,) integers each, say where each belongs.

        Several threads may add rows of different keys; rows of one key stay in the order in which they were added.
        """
        path = self._folder / f"{next(self._numbers)}.arrow"
        order = np.argsort(bucket.astype(np.min_scalar_type(self._buckets)), kind="stable")
        ordered = table.append_column(KEY, pa.array(key)).take(pa.array(order)).combine_chunks()
        ends = np.searchsorted(bucket[order], np.arange(self._buckets + 1))
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, ordered.schema) as writer:
            for first, last in itertools.pairwise(ends):
                writer.write_batch(_one_batch(ordered.slice(first, last - first)))
        self._paths.append(path)

    def bucket(self, number: int) -> pa.Table:
        """Return the rows of a bucket, sorted by their key."""
        return pa.concat_tables(self.parts(number))

    def parts(self, number: int) -> Iterator[pa.Table]:
        """Yield the rows of a bucket, sorted by their key, `BATCH_ROWS` at a time; one part at least."""
        whole = pa.Table.from_batches(list(self._read(number)))
        order = np.argsort(np.asarray(whole[KEY]), kind="stable")
        whole = whole.drop_columns(KEY).combine_chunks()  # of which Arrow takes rows three times as fast
        for first in range(0, max(len(order), 1), BATCH_ROWS):
            yield whole.take(pa.array(order[first : first + BATCH_ROWS]))

    def _read(self, number: int) -> Iterator[pa.RecordBatch]:
        for path in self._paths:
            with pa.OSFile(str(path), "rb") as file:
                yield pa.ipc.open_file(file).get_batch(number)


def in_batches(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Cut successive tables anew, into tables of so many rows; the last may have fewer."""
    waiting: list[pa.Table] = []
    count = 0
    for table in tables:
        waiting.append(table)
        count += table.num_rows
        while count >= rows:
            whole = pa.concat_tables(waiting)
            yield whole.slice(0, rows)
            waiting, count = [whole.slice(rows)], count - rows
    if count:
        yield pa.concat_tables(waiting)


def takeable(table: pa.Table) -> pa.Table:
    """Turn views of text and bytes, from which Arrow cannot take rows, into their plain types."""
    fields = [pa.field(field.name, _plain(field.type)) for field in table.schema]
    return table.cast(pa.schema(fields)) if pa.schema(fields) != table.schema else table


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain(field.type)) for field in kind])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_plain(kind.value_type), kind.list_size)
    if pa.types.is_map(kind):
        return pa.map_(_plain(kind.key_type), _plain(kind.item_type))
    if pa.types.is_large_list(kind):
        return pa.large_list(_plain(kind.value_type))
    if pa.types.is_list(kind):
        return pa.list_(_plain(kind.value_type))
    return {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}.get(kind, kind)


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
