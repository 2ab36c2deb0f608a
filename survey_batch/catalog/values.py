"""Catalogue columns of any type as text, floats and integers, with a mark where a value cannot be understood."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.core.arrays import F8, I8, Flags

NOTHING = (
    *("", "nan", "-nan", "nat", "null", "<null>", "nil", "none", "<none>", "na", "n/a", "n.a.", "<na>", "missing"),
    *("#n/a", "#na", "#n/a n/a", "#null!", "#value!", "#ref!", "#name?", "#num!", "#div/0!", "\\n"),
    *("-", "--", "---", "\N{EN DASH}", "\N{EM DASH}", ".", "..", "...", "\N{HORIZONTAL ELLIPSIS}", "?", "??", "???"),
)
"""Words that mean "no value", in lower case, as written by pandas, R, SQL, astropy, TOPCAT, Excel and people."""
_NUMBER = r"^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_INFINITE = r"(?i)^[+-]?inf(inity)?$"
SENTINEL = -9999.0
"""SDSS and LAMOST write this where a quantity is not known."""


def one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Join the chunks of a column and decode dictionaries."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # no chunk at all, or too large for one
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def to_text(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return trimmed text; null where empty or a word in `NOTHING`."""
    text = trimmed(column)
    return pc.if_else(says_nothing(text), pa.scalar(None, pa.string()), text)


def trimmed(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return text without surrounding blanks, null where the column is; words in `NOTHING` stay.

    Truth values are `True` and `False` from every format.
    """
    array = one_array(column)
    if pa.types.is_floating(array.type):
        array = _floats_to_text(array)
    if pa.types.is_boolean(array.type):
        array = pc.if_else(
            array, "True", "False"
        )  # as pandas and astropy write them in CSV, where text is kept as it is
    return pc.utf8_trim_whitespace(pc.cast(array, pa.string()))


def says_nothing(text: pa.Array) -> pa.Array:
    """Mark null and words in `NOTHING`."""
    return pc.is_in(pc.utf8_lower(text), value_set=pa.array((None, *NOTHING), pa.string()))


def _floats_to_text(array: pa.Array) -> pa.Array:
    """Write whole numbers without a decimal point, others as they are, and NaN as null."""
    values = np.asarray(array.cast(pa.float64()).fill_null(np.nan))
    whole = np.isfinite(values) & (np.abs(values) < 2.0**63) & (values == np.floor(values))
    integers = pa.array(np.where(whole, values, 0).astype(np.int64)).cast(pa.string())
    others = pc.if_else(pa.array(np.isnan(values)), pa.scalar(None, pa.string()), array.cast(pa.string()))
    return pc.if_else(pa.array(whole), integers, others)


def to_float(column: pa.Array | pa.ChunkedArray) -> tuple[F8, Flags]:
    """Return numbers, NaN where missing (empty, NaN, infinite or -9999), and a mark where text is not a number."""
    array = one_array(column)
    if pa.types.is_integer(array.type) or pa.types.is_floating(array.type) or pa.types.is_decimal(array.type):
        numbers, bad = array.cast(pa.float64(), safe=False), np.zeros(len(array), bool)
    else:
        numbers, bad = _parse(to_text(array))
    values = np.array(numbers.fill_null(np.nan), dtype=np.float64)
    values[~np.isfinite(values) | (values == SENTINEL)] = np.nan
    return values, bad


def _parse(text: pa.Array) -> tuple[pa.Array, Flags]:
    text = pc.utf8_ltrim(text, characters="+")
    try:
        return text.cast(pa.float64()), np.zeros(len(text), bool)
    except pa.ArrowInvalid:
        good = pc.match_substring_regex(text, _NUMBER)
        bad = np.asarray(pc.fill_null(pc.invert(good), False))
        return pc.if_else(good, text, pa.scalar(None, pa.string())).cast(pa.float64()), bad


def infinite(column: pa.Array | pa.ChunkedArray) -> Flags:
    """Mark infinite numbers, which `to_float` treats as missing."""
    array = one_array(column)
    if pa.types.is_floating(array.type):
        return np.asarray(pc.fill_null(pc.is_inf(array), False))
    if pa.types.is_integer(array.type) or pa.types.is_decimal(array.type):
        return np.zeros(len(array), bool)
    return np.asarray(pc.fill_null(pc.match_substring_regex(trimmed(array), _INFINITE), False))


def to_integer(column: pa.Array | pa.ChunkedArray) -> tuple[I8, Flags]:
    """Return whole numbers from 0 to 2^31 - 1, -1 where missing or negative, and a mark for any other value."""
    values, bad = to_float(column)
    known = ~np.isnan(values)
    fits = known & (values == np.floor(values)) & (values < 2.0**31)
    return np.where(fits & (values >= 0), values, -1).astype(np.int64), bad | (known & ~fits)


def joined(*parts: pa.Array | str) -> pa.Array:
    """Join texts row by row; null where a part is."""
    return pc.binary_join_element_wise(*parts, "")


def padded(values: I8, width: int) -> pa.Array:
    """Return integers as text with leading zeros; null where negative."""
    text = pc.utf8_lpad(pa.array(values).cast(pa.string()), width, padding="0")
    return pc.if_else(pa.array(values >= 0), text, pa.scalar(None, pa.string()))
