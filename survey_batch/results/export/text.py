"""Text that stands for numbers or Booleans, and is converted if no digit is lost."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.values import to_text
from survey_batch.results.export.changes import Changes

WHOLE = r"^((0|-?[1-9]\d{0,14})(\.0*)?|-?[1-9]\d{15,19})$"
"""Whole numbers. With a decimal point, only those that a double holds: others have already lost digits."""
REAL = r"^[-+]?(\d{1,15}\.\d*|0?\.\d+|0|[1-9]\d{0,14}|(?i:inf(inity)?))([eE][-+]?\d{1,3})?$"
"""Numbers, except identifiers: those with leading zeros, or with more digits than a double holds."""
MANY = r"(\d\.?){16}|[eE][-+]?\d{3}"
"""Numbers with more digits, or a larger or smaller exponent, than a double is sure to hold."""
TRUTH = r"^(?i:true|false)$"
LONG = r"\d{16}"
"""More digits than a double holds: identifiers, kept as text by formats or programs without large integers."""

_EXACT = Context(prec=800)
"""Holds all digits of any double."""

POINTED = "whole numbers that are written with a decimal point became integers"
IDENTIFIERS = "identifiers that were kept as text became integers"
UNLIKE = "values that are not of the type that the file declares; left as text"

INTEGERS = {"int64": pa.int64(), "uint64": pa.uint64()}
"""The first that holds all values is taken."""
POSSIBLE = {"untyped": (*INTEGERS, "real", "truth"), "identifiers": tuple(INTEGERS), "declared": ("declared",)}
"""For each way to judge a column, the types that it can have besides text, in the order of preference."""

Kinds = Mapping[str, pa.DataType | None]


@dataclass
class _Column:
    """What a column of text can still be, after what was seen of it."""

    name: str
    way: str
    """One of `POSSIBLE`; text that is judged as identifiers changes only if some have many digits."""
    kind: pa.DataType | None
    """Type that the file declares."""
    blanks: bool
    """Whether empty text stays if the column stays text."""
    possible: tuple[str, ...]
    seen: bool = False
    long: bool = False
    pointed: bool = False

    @property
    def found(self) -> str | None:
        """The type that all values have; None where the column stays text."""
        if not (self.seen or self.way == "declared") or (self.way == "identifiers" and not self.long):
            return None
        return next(iter(self.possible), None)

    def look(self, column: pa.ChunkedArray) -> None:
        """See more values."""
        values = to_text(column)
        self.long = self.long or bool(pc.any(pc.match_substring_regex(column, LONG)).as_py())
        if values.null_count == len(values):
            return
        self.seen = True
        self.possible = tuple(which for which in self.possible if self._fits(which, values))
        self.pointed = self.pointed or bool(pc.any(pc.match_substring(values, ".")).as_py())

    def _fits(self, which: str, values: pa.Array) -> bool:
        if which in INTEGERS:
            return _all_match(values, WHOLE) and _integers(values, INTEGERS[which]) is not None
        if which == "real":
            return _all_match(values, REAL) and _reals(values) is not None
        if which == "truth":
            return _all_match(values, TRUTH)
        return _declared(values, self.kind) is not None

    def convert(self, column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
        """Turn values that were seen into the type that was found."""
        found = self.found
        if found is None:
            return column if self.blanks else _without_blanks(column)
        values = to_text(column)
        if found in INTEGERS:
            return _integers(values, INTEGERS[found])
        if found == "real":
            return pc.utf8_ltrim(values, characters="+").cast(pa.float64())
        return values.cast(pa.bool_()) if found == "truth" else _declared(values, self.kind)


class Types:
    """The types of a table's text columns, learnt batch by batch, so that the table need not be in memory.

    Parameters
    ----------
    kinds : mapping of str to pyarrow.DataType
        Types that the file declares. Columns declared as text stay text, except long identifiers; lists are written as
        JSON.
    typed : collection of str
        Columns of a format that has types. Of these only long identifiers change: columns of which all values are
        integers and some have more digits than doubles hold. (SDSS keeps `SPECOBJID` as text in FITS, which has no
        unsigned 64-bit integers with gaps.)
    """

    def __init__(self, kinds: Kinds | None = None, *, typed: Collection[str] = ()) -> None:
        self._kinds, self._typed = kinds or {}, typed
        self._columns: dict[str, _Column] = {}

    def look(self, table: pa.Table) -> None:
        """See more rows."""
        for name, column in zip(table.column_names, table.columns, strict=True):
            if is_text(column.type):
                self._of(name).look(column)

    def convert(self, table: pa.Table) -> pa.Table:
        """Give rows that were seen their types. Empty text becomes NULL if the format has no types."""
        columns = [
            self._of(name).convert(column) if is_text(column.type) else column
            for name, column in zip(table.column_names, table.columns, strict=True)
        ]
        return pa.table(columns, names=table.column_names)

    def note(self, changes: Changes) -> None:
        """Note anything beyond a change of type."""
        for column in self._columns.values():
            if column.way == "declared" and column.found is None:
                changes.note(UNLIKE, column.name)
            elif column.way == "identifiers" and column.found:
                changes.note(IDENTIFIERS, column.name)
            elif column.way == "untyped" and column.found in INTEGERS and column.pointed:
                changes.note(POINTED, column.name)

    def _of(self, name: str) -> _Column:
        if name not in self._columns:
            kind = self._kinds.get(name)
            identifiers = name in self._typed or (kind is not None and is_text(kind))
            way = "identifiers" if identifiers else "untyped" if kind is None else "declared"
            self._columns[name] = _Column(name, way, kind, name in self._typed, POSSIBLE[way])
        return self._columns[name]


def with_types(table: pa.Table, changes: Changes | None = None, kinds: Kinds | None = None) -> pa.Table:
    """Turn text columns into the types that the file declares, else into numbers or Booleans if all values are."""
    types = Types(kinds)
    types.look(table)
    types.note(changes or Changes())
    return types.convert(table)


def _declared(values: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """Give text the type that its file declares; None if it does not fit."""
    try:
        if pa.types.is_nested(kind):
            return pa.array([None if text is None else json.loads(text) for text in values.to_pylist()], kind)
        plain = pc.utf8_ltrim(values, characters="+")
        return pa.array(np.float16(plain.cast(pa.float64())), kind) if kind == pa.float16() else plain.cast(kind)
    except (ValueError, TypeError):  # errors of Arrow and of JSON are among these
        return None


def _without_blanks(column: pa.ChunkedArray) -> pa.ChunkedArray:
    blank = pc.match_substring_regex(column, r"^\s*$")
    return pc.if_else(blank, pa.scalar(None, column.type), column)


def _reals(values: pa.Array) -> pa.Array | None:
    """Return doubles; None if one of them, written with the same number of digits, is another number."""
    numbers = pc.utf8_ltrim(values, characters="+").cast(pa.float64())
    doubtful = pc.and_(pc.match_substring_regex(values, MANY), pc.not_equal(numbers.cast(pa.string()), values))
    return numbers if all(map(_is_exact, values.filter(doubtful).to_pylist())) else None


def _is_exact(text: str) -> bool:
    """Tell whether the nearest double is this number, to half a unit of the text's last digit."""
    number, double = Decimal(text), Decimal(float(text))
    last = Decimal((0, (1,), int(number.as_tuple().exponent)))
    return abs(_EXACT.subtract(double, number)) * 2 <= last


def is_text(kind: pa.DataType) -> bool:
    """Tell whether a type is text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _all_match(values: pa.Array, pattern: str) -> bool:
    """Tell whether there are values and each has this form."""
    return bool(values.null_count < len(values) and pc.all(pc.match_substring_regex(values, pattern)).as_py())


def _integers(values: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """Return integers of a type; None if a value is too large for it."""
    try:
        return pc.replace_substring_regex(values, r"\.0*$", "").cast(kind)
    except pa.ArrowInvalid:
        return None
