"""A catalogue file as a source of columns, whatever its format."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    absent
        Columns that the file of a folder which holds these rows does not have; null in each row.
    notes
        What was passed over, as far as it is known only once all is read.
    """

    table: pa.Table
    unreadable: Mapping[int, str] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """What a file says about one of its columns.

    Attributes
    ----------
    name
        Unique in the file: see `distinct`.
    unit, ucd, description
        As the file writes them, "" where it says nothing.
    vector
        Whether a row holds several values.
    single
        Whether its numbers are in single precision, or less.
    kind
        Type that a file in text declares (ECSV); None where there is no such declaration.
    """

    name: str
    unit: str = ""
    ucd: str = ""
    vector: bool = False
    single: bool = False
    kind: pa.DataType | None = None
    description: str = ""


def in_one_line(text: str | None) -> str:
    """Return a description as one line, "" where there is none."""
    return " ".join((text or "").split())


@dataclass(frozen=True)
class Source:
    """A catalogue file: its columns, and a function that reads some of them by name, batch by batch.

    Attributes
    ----------
    notes
        What the reader assumed or passed over.
    tables
        What the file holds, by number, where that is more than one table.
    table
        Number of the one that is read.
    text
        Whether each column is read as text, empty where a value is absent, for its format has no types, or declares
        them only (`Column.kind`).
    tells_overflow
        Whether its format says that a server cut off the result: VOTable.
    """

    url: str
    columns: tuple[Column, ...]
    batches: Callable[[Sequence[str]], Iterator[Rows]]
    notes: tuple[str, ...] = ()
    tables: Mapping[int, str] = field(default_factory=dict)
    table: int = 1
    text: bool = False
    tells_overflow: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in the file's order."""
        return tuple(column.name for column in self.columns)

    def read(self, names: Sequence[str]) -> Rows:
        """Read all rows at once."""
        tables: list[pa.Table] = []
        unreadable: dict[int, str] = {}
        notes: list[str] = []
        first = 0
        for rows in self.batches(names):
            notes += rows.notes
            unreadable |= {first + place: reason for place, reason in rows.unreadable.items()}
            tables.append(rows.table)
            first += rows.table.num_rows
        return Rows(pa.concat_tables(tables), unreadable, notes=tuple(notes))


def distinct(columns: Sequence[Column]) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    """Give columns of one name different names: `ra`, `ra#2`, ….

    Returns
    -------
    columns : tuple of Column
        In the same order.
    notes : tuple of str
        For each name that occurs more than once, where, and how to choose.
    """
    names = [column.name for column in columns]
    taken = set(names)
    unique: list[Column] = []
    notes = []
    for place, column in enumerate(columns):
        number = names[:place].count(column.name) + 1
        while number > 1 and f"{column.name}#{number}" in taken:
            number += 1
        unique.append(column if number == 1 else replace(column, name=f"{column.name}#{number}"))
        taken.add(unique[-1].name)
    for name in (name for name, count in Counter(names).items() if count > 1):
        places = [place for place, other in enumerate(names) if other == name]
        others = ", ".join(f"{unique[place].name!r} is column {place + 1}" for place in places[1:])
        notes.append(
            f"{len(places)} columns are called {name!r}: {name!r} is column {places[0] + 1}, {others}; to take "
            f'one of the others, name it in the job: [catalog] columns = {{<name> = "{unique[places[1]].name}"}}'
        )
    return tuple(unique), tuple(notes)


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


@dataclass(frozen=True)
class Choice:
    """What a job says about a file that leaves a choice.

    Attributes
    ----------
    table
        Name or number of a table, for files that hold several; the first where None.
    accept_overflow
        Whether a result that the server cut off is wanted all the same.
    """

    table: str | int | None = None
    accept_overflow: bool = False


FIRST_TABLE = Choice()
