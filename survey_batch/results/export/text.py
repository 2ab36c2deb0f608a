"""Text that stands for numbers or Booleans, and is converted if no digit is lost."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal

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

POINTED = "whole numbers that are written with a decimal point became integers"
IDENTIFIERS = "identifiers that were kept as text became integers"
UNLIKE = "values that are not of the type that the file declares; left as text"

Kinds = Mapping[str, pa.DataType | None]


def with_types(table: pa.Table, changes: Changes | None = None, kinds: Kinds | None = None) -> pa.Table:
    """Turn text columns into the types that the file declares, else into numbers or Booleans if all values are.

    Empty text becomes NULL.

    Parameters
    ----------
    table : pyarrow.Table
        Columns as read; only columns of text are changed.
    changes : Changes, optional
        Where to note anything beyond a change of type.
    kinds : mapping of str to pyarrow.DataType, optional
        Types that the file declares. Columns declared as text stay text, except long identifiers (see
        `with_integer_identifiers`); lists are written as JSON.
    """
    kinds, changes = kinds or {}, changes or Changes()
    columns = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = kinds.get(name)
        columns.append(_typed(name, column, changes) if kind is None else _declared(name, column, kind, changes))
    return pa.table(columns, names=table.column_names)


def with_integer_identifiers(table: pa.Table, changes: Changes) -> pa.Table:
    """Turn text columns of a typed format into integers if all values are and some have more digits than doubles hold.

    SDSS keeps `SPECOBJID` as text in FITS, which has no unsigned 64-bit integers with gaps. Other text stays text.
    """
    named = zip(table.column_names, table.columns, strict=True)
    return pa.table([_long_identifiers(*each, changes) for each in named], names=table.column_names)


def _long_identifiers(name: str, column: pa.ChunkedArray, changes: Changes) -> pa.ChunkedArray | pa.Array:
    if not _is_text(column.type) or not pc.any(pc.match_substring_regex(column, LONG)).as_py():
        return column
    values = to_text(column)
    if not _all_match(values, WHOLE) or (numbers := _integers(values)) is None:
        return column
    changes.note(IDENTIFIERS, name)
    return numbers


def _declared(name: str, column: pa.ChunkedArray, kind: pa.DataType, changes: Changes) -> pa.ChunkedArray | pa.Array:
    """Give text the type that its file declares; text that does not fit the type stays text."""
    if _is_text(kind):
        return _long_identifiers(name, _without_blanks(column), changes)
    values = to_text(column)
    try:
        if pa.types.is_nested(kind):
            return pa.array([None if text is None else json.loads(text) for text in values.to_pylist()], kind)
        plain = pc.utf8_ltrim(values, characters="+")
        return pa.array(np.float16(plain.cast(pa.float64())), kind) if kind == pa.float16() else plain.cast(kind)
    except (ValueError, TypeError):  # errors of Arrow and of JSON are among these
        changes.note(UNLIKE, name)
        return _without_blanks(column)


def _typed(name: str, column: pa.ChunkedArray, changes: Changes) -> pa.ChunkedArray | pa.Array:
    if not _is_text(column.type):
        return column
    values = to_text(column)
    if _all_match(values, WHOLE) and (numbers := _integers(values)) is not None:
        if pc.any(pc.match_substring(values, ".")).as_py():
            changes.note(POINTED, name)
        return numbers
    if _all_match(values, REAL) and (reals := _reals(values)) is not None:
        return reals
    if _all_match(values, TRUTH):
        return values.cast(pa.bool_())
    return _without_blanks(column)


def _without_blanks(column: pa.ChunkedArray) -> pa.ChunkedArray:
    blank = pc.match_substring_regex(column, r"^\s*$")
    return pc.if_else(blank, pa.scalar(None, column.type), column)


def _reals(values: pa.Array) -> pa.Array | None:
    """Return doubles; None if one of them, written with the same number of digits, is another number."""
    numbers = pc.utf8_ltrim(values, characters="+").cast(pa.float64())
    doubtful = pc.and_(pc.match_substring_regex(values, MANY), pc.not_equal(numbers.cast(pa.string()), values))
    return numbers if all(map(_is_exact, values.filter(doubtful).to_pylist())) else None


def _is_exact(text: str) -> bool:
    """Tell whether the nearest double, written with the same number of digits, gives this number again."""
    digits = len(re.sub(r"^0+|\D", "", re.split("[eE]", text.lstrip("+-"))[0].replace(".", "")))
    return Decimal(format(float(text), f".{max(digits, 1) - 1}e")) == Decimal(text)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _all_match(values: pa.Array, pattern: str) -> bool:
    """Tell whether there are values and each has this form."""
    return bool(values.null_count < len(values) and pc.all(pc.match_substring_regex(values, pattern)).as_py())


def _integers(values: pa.Array) -> pa.Array | None:
    """Return signed or unsigned 64-bit integers; None if a value is too large for both."""
    digits = pc.replace_substring_regex(values, r"\.0*$", "")
    for kind in (pa.int64(), pa.uint64()):
        try:
            return digits.cast(kind)
        except pa.ArrowInvalid:
            continue
    return None
