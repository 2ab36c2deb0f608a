"""Text that stands for numbers or Booleans, and becomes them where no digit is lost."""

import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.values import to_text
from survey_batch.export.changes import Changes

WHOLE = r"^((0|-?[1-9]\d{0,14})(\.0*)?|-?[1-9]\d{15,19})$"
"""Whole numbers; with a decimal point only such as a double holds, as others have lost digits on their way here."""
REAL = r"^[-+]?(\d{1,9}\.\d*|0?\.\d+|0|[1-9]\d{0,14}|(?i:inf(inity)?))([eE][-+]?\d{1,2})?$"
"""Numbers that a double can hold; a number of more digits than that, or with leading zeros, stays text."""
TRUTH = r"^(?i:true|false)$"
LONG = r"\d{16}"
"""More digits than a double holds: identifiers, kept as text by formats or programs without large integers."""

POINTED = "whole numbers that are written with a decimal point became integers"
IDENTIFIERS = "identifiers that were kept as text became integers"


def with_types(table: pa.Table, changes: Changes | None = None) -> pa.Table:
    """Turn text columns of a format without types into numbers or Booleans where every value is one.

    Empty text becomes NULL.

    Parameters
    ----------
    table : pyarrow.Table
        Columns as read; those that are no text stay as they are.
    changes : Changes, optional
        Where to note what is more than a change of type.
    """
    named = zip(table.column_names, table.columns, strict=True)
    return pa.table([_typed(*each, changes or Changes()) for each in named], names=table.column_names)


def with_integer_identifiers(table: pa.Table, changes: Changes) -> pa.Table:
    """Turn text columns of a format with types into integers where all are and some have more digits than doubles hold.

    SDSS keeps `SPECOBJID` as text in FITS, which has no unsigned 64-bit integers with gaps. Other text stays text.
    """
    columns = table.columns
    for place, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        if not _is_text(column.type) or not pc.any(pc.match_substring_regex(column, LONG)).as_py():
            continue
        values = to_text(column)
        if _all_match(values, WHOLE) and (numbers := _integers(values)) is not None:
            columns[place] = numbers
            changes.note(IDENTIFIERS, name)
    return pa.table(columns, names=table.column_names)


def _typed(name: str, column: pa.ChunkedArray, changes: Changes) -> pa.ChunkedArray | pa.Array:
    if not _is_text(column.type):
        return column
    values = to_text(column)
    if _all_match(values, WHOLE) and (numbers := _integers(values)) is not None:
        if pc.any(pc.match_substring(values, ".")).as_py():
            changes.note(POINTED, name)
        return numbers
    for pattern, kind in ((REAL, pa.float64()), (TRUTH, pa.bool_())):
        if _all_match(values, pattern):
            return pc.utf8_ltrim(values, characters="+").cast(kind)
    blank = pc.match_substring_regex(column, r"^\s*$")
    return pc.if_else(blank, pa.scalar(None, column.type), column)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _all_match(values: pa.Array, pattern: str) -> bool:
    """Tell whether there are values and each is of this form."""
    return bool(values.null_count < len(values) and pc.all(pc.match_substring_regex(values, pattern)).as_py())


def _integers(values: pa.Array) -> pa.Array | None:
    """Return signed or unsigned 64-bit integers; None where a value is too large for both."""
    digits = pc.replace_substring_regex(values, r"\.0*$", "")
    for kind in (pa.int64(), pa.uint64()):
        try:
            return digits.cast(kind)
        except pa.ArrowInvalid:
            continue
    return None
