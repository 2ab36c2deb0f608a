"""A catalogue file as a source of columns, whatever its format."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import fsspec
import pyarrow as pa

BATCH_ROWS = 1 << 17
"""Rows that are read at a time, where the format allows it."""


@dataclass(frozen=True)
class Rows:
    """Columns of successive rows of a catalogue, in input order.

    Attributes
    ----------
    table
        The columns asked for, named as in the file.
    unreadable
        Reason by place in the table, for lines that could not be told apart into fields; null in each column.
    """

    table: pa.Table
    unreadable: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """A catalogue file.

    Attributes
    ----------
    url
        Where it is.
    names
        Its columns.
    batches
        Reads some of them, batch by batch.
    text
        Whether its format has no types: each column is text, and empty where a value is absent.
    """

    url: str
    names: tuple[str, ...]
    batches: Callable[[Sequence[str]], Iterator[Rows]]
    text: bool = False

    def read(self, names: Sequence[str]) -> Rows:
        """Read all rows at once."""
        tables: list[pa.Table] = []
        unreadable: dict[int, str] = {}
        first = 0
        for rows in self.batches(names):
            unreadable |= {first + place: reason for place, reason in rows.unreadable.items()}
            tables.append(rows.table)
            first += rows.table.num_rows
        return Rows(pa.concat_tables(tables), unreadable)


def in_batches(table: pa.Table) -> Iterator[Rows]:
    """Cut a table that is in memory into batches; one empty batch where it has no rows."""
    for first in range(0, max(table.num_rows, 1), BATCH_ROWS):
        yield Rows(table.slice(first, BATCH_ROWS))


@dataclass(frozen=True)
class Location:
    """A file that can be opened, decompressed on the way where it is compressed."""

    url: str
    compression: str | None

    def open(self) -> Any:
        """Open for reading bytes; to be used in a `with` statement."""
        return fsspec.open(self.url, "rb", compression=self.compression)
