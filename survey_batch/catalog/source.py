"""A catalogue file of any format as a source of columns."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import fsspec
import pyarrow as pa

from survey_batch.core.arrays import F4, Flags
from survey_batch.core.wording import counted

BATCH_ROWS = 1 << 17
"""Rows read at a time, if the format allows it."""


@dataclass(frozen=True)
class Partnered:
    """Which rows have a partner in the second list, `[catalog.match]`.

    Attributes
    ----------
    matched : (n,) bool
    apart : (n,) float32
        Arcseconds to the partner, or to the nearest row of that list if that is too far to be one; NaN if not known.
    """

    matched: Flags
    apart: F4


@dataclass(frozen=True)
class Rows:
    """Columns of successive rows of a catalogue, in input order.

    Attributes
    ----------
    table
        The columns asked for, named as in the file.
    unreadable
        Reasons, by row of the table, for lines that could not be split into fields; such rows are null throughout.
    absent
        Columns of a folder that the file with these rows lacks; null in each row.
    notes
        What was ignored, if that is known only after all has been read.
    partnered
        The rows' partners, if the catalogue is matched with a second list.
    """

    table: pa.Table
    unreadable: Mapping[int, str] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    partnered: Partnered | None = None


@dataclass(frozen=True)
class Column:
    """What a file says about one of its columns.

    Attributes
    ----------
    name
        Unique in the file: see `distinct`.
    unit, ucd, description
        As the file writes them, "" if absent.
    vector
        Whether a row holds several values.
    single
        Whether its numbers are in single precision or less.
    kind
        Type that a text file declares (ECSV); None if it declares none.
    mask
        Name of the Boolean column that marks absent values, as astropy writes it; "" if there is none.
    frame
        Coordinate system and equinox that the file states for the column, "" if none.
    """

    name: str
    unit: str = ""
    ucd: str = ""
    vector: bool = False
    single: bool = False
    kind: pa.DataType | None = None
    description: str = ""
    mask: str = ""
    frame: str = ""


def in_one_line(text: str | None) -> str:
    """Return a description as one line, "" if there is none."""
    return " ".join((text or "").split())


@dataclass(frozen=True)
class Source:
    """A catalogue file: its columns, and a function that reads some of them by name, batch by batch.

    Attributes
    ----------
    notes
        What the reader assumed or ignored.
    tables
        The tables of the file by number, if there are several.
    table
        Number of the table that is read.
    text
        Whether each column is read as text, empty where a value is absent, because the format has no types or only
        declares them (`Column.kind`).
    tells_overflow
        Whether the format can say that a server cut off the result, as VOTable can.
    guessed
        Our name to the column's, where a second list gives some of the columns; None: to be guessed from all names.
    matched
        The columns of the second list.
    matched_text
        The same as `text`, of the second list.
    """

    url: str
    columns: tuple[Column, ...]
    batches: Callable[[Sequence[str]], Iterator[Rows]]
    notes: tuple[str, ...] = ()
    tables: Mapping[int, str] = field(default_factory=dict)
    table: int = 1
    text: bool = False
    tells_overflow: bool = False
    guessed: Mapping[str, str] | None = None
    matched: frozenset[str] = frozenset()
    matched_text: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in the file's order."""
        return tuple(column.name for column in self.columns)

    @property
    def untyped(self) -> frozenset[str]:
        """Names of the columns that are read as text because their format has no types, or only declares them."""
        return frozenset(name for name in self.names if (self.matched_text if name in self.matched else self.text))

    def read(self, names: Sequence[str]) -> Rows:
        """Read all rows at once."""
        tables: list[pa.Table] = []
        unreadable: dict[int, str] = {}
        notes: list[str] = []
        first = 0
        for rows in self.batches(names):
            notes += rows.notes
            unreadable |= {first + row: reason for row, reason in rows.unreadable.items()}
            tables.append(rows.table)
            first += rows.table.num_rows
        return Rows(pa.concat_tables(tables), unreadable, notes=tuple(notes))


def distinct(columns: Sequence[Column]) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    """Give columns that share a name different names: `ra`, `ra#2`, ….

    Returns
    -------
    columns : tuple of Column
        In the same order.
    notes : tuple of str
        For each name that occurs more than once, where it occurs and how to choose.
    """
    names = [column.name for column in columns]
    taken = set(names)
    unique: list[Column] = []
    notes = []
    for index, column in enumerate(columns):
        number = names[:index].count(column.name) + 1
        while number > 1 and f"{column.name}#{number}" in taken:
            number += 1
        unique.append(column if number == 1 else replace(column, name=f"{column.name}#{number}"))
        taken.add(unique[-1].name)
    for name in (name for name, count in Counter(names).items() if count > 1):
        indices = [index for index, other in enumerate(names) if other == name]
        others = ", ".join(f"{unique[index].name!r} is column {index + 1}" for index in indices[1:])
        notes.append(
            f"{counted(len(indices), 'column')} are called {name!r}: {name!r} is column {indices[0] + 1}, {others}; to "
            f'take one of the others, name it in the job: [catalog] columns = {{<name> = "{unique[indices[1]].name}"}}'
        )
    return tuple(unique), tuple(notes)


def in_batches(table: pa.Table) -> Iterator[Rows]:
    """Cut a table in memory into batches; one empty batch if it has no rows."""
    for first in range(0, max(table.num_rows, 1), BATCH_ROWS):
        yield Rows(table.slice(first, BATCH_ROWS))


@dataclass(frozen=True)
class Location:
    """A file to read; it is decompressed on the way if necessary."""

    url: str
    compression: str | None

    def open(self) -> Any:
        """Open for reading bytes; use it in a `with` statement."""
        return fsspec.open(self.url, "rb", compression=self.compression)


@dataclass(frozen=True)
class Choice:
    """The job's choices about a file.

    Attributes
    ----------
    table
        Name or number of a table, for files that hold several; None means the first.
    accept_overflow
        Whether to accept a result that the server cut off.
    """

    table: str | int | None = None
    accept_overflow: bool = False


FIRST_TABLE = Choice()
