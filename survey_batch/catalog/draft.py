"""A catalogue in the making: our columns, what is wrong with each row, and notes for the user."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from survey_batch.catalog.angles import Angle, Axis, to_degrees
from survey_batch.catalog.identifiers import read_ids
from survey_batch.catalog.source import Rows
from survey_batch.catalog.values import infinite, to_float, to_integer, to_text
from survey_batch.core.arrays import F8, I8, Flags
from survey_batch.core.errors import ConfigurationError


@dataclass
class Draft:
    """Rows of a catalogue under our names, and their problems so far.

    Attributes
    ----------
    rows
        Columns as read.
    names
        Our name to the file's.
    angles
        How `ra` and `dec` are written; in degrees if absent.
    problem
        Why each row cannot be used, "" where it can; the first reason stays.
    notes
        What was decided for the whole file.
    nothing
        Labels that mean "no value", with the number of rows for each.
    """

    rows: Rows
    names: dict[str, str]
    angles: Mapping[Axis, Angle] = field(default_factory=dict)
    problem: npt.NDArray[np.object_] = field(init=False)
    notes: list[str] = field(default_factory=list)
    nothing: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for ours, theirs in self.names.items():
            if pa.types.is_nested(self.column(ours).type):
                raise ConfigurationError(
                    f"catalog: column {theirs!r} holds vectors, not one value: name another, "
                    f'[catalog] columns = {{{ours} = "<column>"}}'
                )
            if _is_binary(self.column(ours).type):
                self._refuse_other_than_text(ours)
        self.notes.extend(self.rows.notes)
        self.problem = np.full(len(self), "", dtype=object)
        for row, reason in self.rows.unreadable.items():
            self.problem[row] = reason

    def __len__(self) -> int:
        return int(self.rows.table.num_rows)

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column as read."""
        return self.rows.table[self.names[name]]

    def text(self, name: str) -> pa.Array:
        """Return a column as text, null where missing; all null where the file has no such column."""
        return to_text(self.column(name)) if name in self.names else pa.nulls(len(self), pa.string())

    def identifier(self, name: str) -> pa.Array:
        """Return a column of ids as exact text; null where missing, or where floating point has lost digits."""
        return read_ids(self.column(name))[0] if name in self.names else pa.nulls(len(self), pa.string())

    def number(self, name: str) -> F8:
        """Return a column as floats, NaN where missing or not a number; the latter adds a note."""
        if name not in self.names:
            return np.full(len(self), np.nan)
        values, bad = to_float(self.column(name))
        if bad.any():
            self._note(name, "text that is not a number")
        return values

    def integer(self, name: str) -> I8:
        """Return a column as integers, -1 where missing or not a whole number; the latter adds a note."""
        if name not in self.names:
            return np.full(len(self), -1)
        values, bad = to_integer(self.column(name))
        if bad.any():
            self._note(name, "values that are not whole numbers from 0 up")
        return values

    def whole_number(self, name: str) -> I8:
        """Return a column as `integer` does, and reject rows with anything but a whole number."""
        if name not in self.names:
            return self.integer(name)
        values, bad = to_integer(self.column(name))
        self.reject(bad, f"{name} is not a whole number from 0 to {2**31 - 1}", name)
        return values

    def angle(self, name: Axis) -> tuple[F8, Flags]:
        """Return a column of angles in degrees, NaN where missing, and a mark where a value cannot be understood."""
        if name not in self.names:
            return np.full(len(self), np.nan), np.zeros(len(self), bool)
        return to_degrees(self.column(name), self.angles.get(name, Angle()))

    def infinite(self, name: str) -> Flags:
        """Mark infinite numbers of a column, which `number` and `angle` treat as missing."""
        return infinite(self.column(name)) if name in self.names else np.zeros(len(self), bool)

    def _refuse_other_than_text(self, name: str) -> None:
        try:
            self.column(name).cast(pa.string())
        except pa.ArrowInvalid as error:
            raise ConfigurationError(
                f"catalog: column {self.names[name]!r} ({name}) holds bytes that are not text ({error}): save them as "
                "text, for example in hexadecimal, or name another column: "
                f'[catalog] columns = {{{name} = "<column>"}}'
            ) from error

    def _note(self, name: str, what: str) -> None:
        self.notes.append(f"column {self.names[name]!r} ({name}) holds {what}: such values count as missing")

    def position(self) -> tuple[F8, F8]:
        """Return right ascension (0 to 360) and declination [deg], NaN where not known."""
        ra, dec = (self.angle(axis)[0] for axis in ("ra", "dec"))
        return ra % 360, np.where(np.abs(dec) <= 90, dec, np.nan)

    def reject(self, wrong: Flags, reason: str | Mapping[int, str], *named: str) -> None:
        """Mark rows as unusable, giving the file's names and values of the columns at fault.

        Parameters
        ----------
        wrong
            Rows at fault; a row that already has a problem keeps it.
        reason
            What is wrong and what to do: of all rows, or of each by its number.
        named
            Our names of the columns at fault.
        """
        where = np.flatnonzero(wrong)
        where = where[self.problem[where] == ""]  # Python compares these texts one by one
        if where.size == 0:
            return
        values = [self._shown(name, where) for name in named if name in self.names]
        if isinstance(reason, str) and not values:
            self.problem[where] = reason  # one text, not a copy for each row
            return
        reasons = [reason] * len(where) if isinstance(reason, str) else [reason[int(row)] for row in where]
        self.problem[where] = [
            "; ".join(filter(None, (", ".join(shown), why)))
            for shown, why in zip(_rows(values, len(where)), reasons, strict=True)
        ]

    def _shown(self, name: str, where: npt.NDArray[np.int64]) -> list[str]:
        values = self.column(name).take(pa.array(where)).to_pylist()
        return [f"{self.names[name]} = {'' if value is None else value!r}" for value in values]


def _is_binary(kind: pa.DataType) -> bool:
    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    return any(is_kind(kind) for is_kind in kinds)


def _rows(columns: Sequence[Sequence[str]], length: int) -> list[tuple[str, ...]]:
    return list(zip(*columns, strict=True)) if columns else [()] * length
