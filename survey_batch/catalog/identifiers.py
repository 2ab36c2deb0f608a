"""Object identifiers: exact text, and stable substitutes if a file has lost digits.

Double precision holds every integer up to 2^53; SDSS ids have 19 digits. A file that went through floats (pandas with a
missing value, a spreadsheet) prints `1.23764870457714E+018`, so that many objects share one id.
"""

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.values import joined, one_array, padded, to_float, to_text
from survey_batch.core.arrays import F8, I8

EXACT = 2.0**53
"""Beyond this, doubles do not hold every integer (IEEE 754)."""

IdReader = Callable[[pa.Array], tuple[pa.Array, int, int]]
"""Reads a chunk of a column of ids: the ids, the number that have lost digits, and the number of odd ones."""

_SCIENTIFIC = r"^[+-]?\d+(?:\.(?P<decimals>\d*))?[eE](?P<exponent>[+-]?\d+)$"
_NUMBER = r"^-?(0|[1-9]\d*)(\.\d*)?([eE][+-]?\d+)?$"
_POINTED = r"^-?\d+\.0*$"
_WHOLE = r"^-?\d+$"


def read_ids(column: pa.Array | pa.ChunkedArray, none: str | None = None) -> tuple[pa.Array, int, int]:
    """Return identifiers as text, exactly as written.

    There is one exception: if most values of a column are numbers, whole numbers lose a trailing `.0`, as in a column
    of floats (`701001.0` becomes `701001`, and `-28762.0` becomes `-28762`).

    Parameters
    ----------
    column
        Column of any type.
    none
        Regular expression for values that mean no identifier, such as -9999; they are treated as missing.

    Returns
    -------
    ids : pyarrow.Array
        Text; null where missing, or where floating point has lost digits.
    lost : int
        Number of rows whose id has lost digits; if this is more than half, no id of the column can be trusted.
    odd : int
        Number of rows in a column of numbers whose id is not a whole number and is kept as it is.
    """
    array = one_array(column)
    return id_reader(array.type, [array], none)(array)


def id_reader(kind: pa.DataType, chunks: Iterable[pa.Array], none: str | None = None) -> IdReader:
    """Look at all of a column, and return what reads the ids of a chunk of it, as `read_ids` does of the whole.

    Parameters
    ----------
    kind
        Type of the column.
    chunks
        The column; it is looked at only if it holds text.
    none
        As for `read_ids`.
    """

    def text_of(chunk: pa.Array) -> pa.Array:
        text = chunk.cast(pa.string()) if pa.types.is_integer(chunk.type) else to_text(chunk)
        if none is not None:
            text = pc.if_else(pc.match_substring_regex(text, none), pa.scalar(None, pa.string()), text)
        return text

    if pa.types.is_floating(kind):
        limit = EXACT if kind == pa.float64() else 2.0**24
        return lambda chunk: (*_without_lost(text_of(chunk), np.abs(to_float(chunk)[0]) >= limit), 0)
    if not pa.types.is_integer(kind):
        counts = (_looks(text_of(chunk)) for chunk in chunks)
        present, scientific, numbers, pointed = (sum(count) for count in zip(*counts, strict=True))
        if 2 * scientific > present:
            return lambda chunk: (*_without_lost(_whole(text := text_of(chunk)), _digits_lost(text)), 0)
        if 2 * numbers > present and pointed + scientific:
            return lambda chunk: _of_numbers(text_of(chunk))
    return lambda chunk: (text_of(chunk), 0, 0)


def _looks(text: pa.Array) -> tuple[int, int, int, int]:
    """Count texts, and among them powers of ten, numbers, and whole numbers with a point."""
    return len(text) - text.null_count, *(_count(text, pattern) for pattern in (_SCIENTIFIC, _NUMBER, _POINTED))


def _of_numbers(text: pa.Array) -> tuple[pa.Array, int, int]:
    """Return ids of a column of numbers, some printed as floating point, as a column of floats gives them.

    A power of ten with too few digits (1e+05) may or may not be exact, and is kept as it is.
    """
    powers = pc.fill_null(pc.match_substring_regex(text, _SCIENTIFIC), False)
    printed = pc.or_(powers, pc.fill_null(pc.match_substring_regex(text, _POINTED), False))
    lost = np.asarray(printed) & (np.abs(to_float(_only(text, printed))[0]) >= EXACT)
    exact = pc.and_(powers, pa.array(~_digits_lost(_only(text, powers))))
    whole = without_point(pc.if_else(exact, _whole(_only(text, exact)), text))
    ids, count = _without_lost(whole, lost)
    return ids, count, len(ids) - ids.null_count - _count(ids, _WHOLE)


def _only(text: pa.Array, chosen: pa.Array) -> pa.Array:
    return pc.if_else(chosen, text, pa.scalar(None, pa.string()))


def _without_lost(ids: pa.Array, lost: npt.NDArray[np.bool_]) -> tuple[pa.Array, int]:
    return pc.if_else(pa.array(lost), pa.scalar(None, pa.string()), ids), int(np.sum(lost))


def without_point(text: pa.Array) -> pa.Array:
    """Remove the `.0` that floating point prints after whole numbers."""
    return pc.if_else(pc.match_substring_regex(text, _POINTED), pc.replace_substring_regex(text, r"\.0*$", ""), text)


def _count(text: pa.Array, pattern: str) -> int:
    return pc.sum(pc.match_substring_regex(text, pattern)).as_py() or 0


def _digits_lost(text: pa.Array) -> npt.NDArray[np.bool_]:
    """Mark numbers with fewer decimals than their exponent requires, or of 2^53 or more."""
    parts = pc.extract_regex(text, _SCIENTIFIC)
    decimals = np.asarray(pc.fill_null(pc.utf8_length(pc.struct_field(parts, "decimals")), 0))
    exponent = np.nan_to_num(to_float(pc.struct_field(parts, "exponent"))[0])
    beyond = np.abs(to_float(text)[0]) >= EXACT
    return np.asarray(beyond | (decimals < exponent))


def _whole(text: pa.Array) -> pa.Array:
    values, bad = to_float(text)
    numbers = to_text(pa.array(np.where(np.isfinite(values), values, 0.0)))
    return pc.if_else(pa.array(bad | ~np.isfinite(values)), text, numbers)


def position_names(ra: F8, dec: F8) -> pa.Array:
    """Return IAU style names `JHHMMSS.ss+DDMMSS.s`, truncated as SDSS does; null where the position is not known.

    Parameters
    ----------
    ra, dec
        Degrees, ICRS.
    """
    known = np.isfinite(ra) & np.isfinite(dec)
    time = np.where(known, np.floor(np.where(known, ra, 0) % 360 / 15 * 360000), -1).astype(np.int64)
    arc = np.where(known, np.floor(np.abs(np.where(known, dec, 0)) * 36000), -1).astype(np.int64)
    sign = pa.array(np.where(np.signbit(dec), "-", "+").astype(object), pa.string())
    return joined("J", *_sexagesimal(time, 100), sign, *_sexagesimal(arc, 10))


def _sexagesimal(units: I8, per_second: int) -> tuple[pa.Array | str, ...]:
    """Split into hours (or degrees), minutes and seconds, two digits each, and a fraction."""
    seconds, fraction = np.divmod(units, per_second)
    minutes, second = np.divmod(seconds, 60)
    hour, minute = np.divmod(minutes, 60)
    width = len(str(per_second)) - 1
    return padded(hour, 2), padded(minute, 2), padded(second, 2), ".", padded(fraction, width)
