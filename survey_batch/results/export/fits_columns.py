"""Arrow columns as columns of a FITS binary table that every reader understands alike.

FITS has a NULL for integers (TNULL), NaN for floats and empty text, and no other (FITS 4.0, section 7.3). Readers
disagree on TNULL of unsigned integers (astropy compares it with the value, the standard with the stored number) and on
the null byte of Booleans (astropy reads it as False). With gaps, unsigned integers therefore become wider signed
integers, and Booleans become bytes 0 and 1.
"""

import json
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from survey_batch.results.export.encoded import Encoded, usual_null
from survey_batch.results.export.fits_text import TextForm, is_text
from survey_batch.store.schema import Array

LETTERS = {"b1": "L", "u1": "B", "i2": "I", "u2": "I", "i4": "J", "u4": "J", "i8": "K", "u8": "K", "f4": "E", "f8": "D"}
"""TFORM letter by numpy type."""
WIDER = {
    pa.int8(): pa.int16(),
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.int64(),
    pa.int16(): pa.int32(),
    pa.int32(): pa.int64(),
}
"""Signed integers that hold all values of a smaller type or, for `uint64`, most of them."""
FOUR_DIGITS = r"^(\d\d:|[1-9]\d{3}-|0[1-9]\d\d-|00[1-9]\d-|000[1-9]-)"
"""Times of day, and dates of the years 1 to 9999, which ISO 8601 writes with four digits."""
EXACT_DIGITS = 15
"""Decimals with this many digits survive conversion to a double and back (IEEE 754)."""

GAPS = "Booleans with gaps are bytes, 0 and 1, as readers disagree on gaps in FITS' own Booleans"
LARGE = "integers beyond 2^63 - 1 with gaps are text, as FITS has no NULL for them that all readers know"
NAN = "NaN cannot be told from NULL in FITS"
EMPTY = "an absent list cannot be told from an empty one in FITS"
JSON = "as JSON text, because FITS has no such type"
ISO = "times are ISO text"
UTC = "times are ISO text, in UTC"
COUNTED = "times beyond the year 9999 or before the year 1 are counted from 1970"
NUMBERS = "decimals are floating point, which holds all of their digits"
DIGITS = "decimals of more digits than floating point holds are text"
BYTES = "bytes are lists of numbers"


def encode(column: pa.Array) -> Encoded:
    """Find the form of a column in FITS.

    Parameters
    ----------
    column : pyarrow.Array
        Of any type except a struct with fields, which becomes several columns.
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return encode(column.storage)
    if types.is_dictionary(kind):
        return encode(column.dictionary_decode())
    return next((how(column) for known, how in _FORMS if known(kind)), None) or _text(as_json(column), JSON)


def _integers(column: pa.Array, *notes: str) -> Encoded:
    kind = column.type
    if kind == pa.int8() or (column.null_count and types.is_unsigned_integer(kind) and kind != pa.uint8()):
        try:
            return _integers(column.cast(WIDER[kind]), *notes)
        except pa.ArrowInvalid:
            return _text(column.cast(pa.string()), *notes, LARGE)
    if not column.null_count:
        return Encoded(_numpy(column), notes=notes)
    used = np.unique(_numpy(column.drop_null()))
    null = usual_null(used.dtype)
    if null in used and kind != pa.int64():
        return _integers(column.cast(WIDER[kind]), *notes)
    null += int(np.argmin(np.append(used == null + np.arange(len(used)), False)))
    return Encoded(_numpy(column.fill_null(null)), null, notes=notes)


def _booleans(column: pa.Array) -> Encoded:
    return _integers(column.cast(pa.uint8()), GAPS) if column.null_count else Encoded(_numpy(column))


def _floats(column: pa.Array, *notes: str) -> Encoded:
    column = column.cast(pa.float32()) if types.is_float16(column.type) else column
    found = (NAN,) if pc.any(pc.is_nan(column)).as_py() else ()
    return Encoded(_numpy(column.fill_null(np.nan)), notes=(*notes, *found))


def _decimals(column: pa.Array) -> Encoded:
    kind, text = column.type, column.cast(pa.string())
    if kind.precision > EXACT_DIGITS:
        return _text(text, DIGITS)
    return _floats(text.cast(pa.float64()), NUMBERS)  # via text, as a cast does not round to the nearest


def _times(column: pa.Array) -> Encoded:
    text = _iso(column)
    if text is None:
        return _counted(column, COUNTED)
    return _text(text, UTC if _has_zone(column.type) else ISO)


def _iso(column: pa.Array) -> pa.Array | None:
    """Write ISO 8601 text, in UTC if there is a zone; None if a year does not have four digits."""
    kind = pa.timestamp(column.type.unit, "UTC") if _has_zone(column.type) else column.type
    text = column.cast(kind).cast(pa.string())
    if not pc.all(pc.match_substring_regex(text, FOUR_DIGITS), min_count=0).as_py():
        return None
    return pc.replace_substring_regex(pc.replace_substring(text, " ", "T"), r"\.0+(Z?)$", r"\1")


def _has_zone(kind: pa.DataType) -> bool:
    return bool(types.is_timestamp(kind) and kind.tz is not None)


def _counted(column: pa.Array, *notes: str) -> Encoded:
    unit = "d" if types.is_date32(column.type) else "ms" if types.is_date64(column.type) else column.type.unit
    numbers = _integers(_count(column), *notes)
    return Encoded(numbers.array, numbers.null, unit, numbers.notes)


def _count(column: pa.Array) -> pa.Array:
    return column.cast(pa.int32() if column.type.bit_width == 32 else pa.int64()).cast(pa.int64())


def _text(column: pa.Array, *notes: str) -> Encoded:
    form = TextForm.of([column])
    return Encoded(form.write(column), notes=(*notes, *form.notes))


def _bytes(column: pa.Array) -> Encoded:
    values = [None if value is None else np.frombuffer(value, np.uint8) for value in column.to_pylist()]
    listed = _lists(pa.array(values, pa.list_(pa.uint8())))
    return Encoded(listed.array, listed.null, notes=(BYTES, *listed.notes))


def as_json(column: pa.Array) -> pa.Array:
    """Write values of any type as JSON text; bytes are lists of numbers, and decimals text."""
    values = (None if value is None else json.dumps(value, default=_listed) for value in _plain(column).to_pylist())
    return pa.array(list(values), pa.string())


def _listed(value: object) -> object:
    return list(value) if isinstance(value, bytes) else str(value)


def _plain(column: pa.Array) -> pa.Array:
    """Turn times in lists into text or counts: Python's own types hold less."""
    if types.is_temporal(column.type):
        text = None if types.is_duration(column.type) else _iso(column)
        return _count(column) if text is None else text
    if not _is_list(column.type):
        return column
    ends = pa.array(_ends(column))
    return pa.LargeListArray.from_arrays(ends, _plain(pc.list_flatten(column)), mask=column.is_null())


def _ends(lists: pa.Array) -> Array:
    """Find where each list begins among the values, and where the last one ends."""
    return np.cumsum([0, *pc.list_value_length(lists).fill_null(0).to_pylist()])


def _lists(column: pa.Array) -> Encoded:
    """Make vectors if all lists have one length, else arrays of unequal length if FITS has them for this type."""
    kind = column.type
    lengths = pc.unique(pc.list_value_length(column).drop_null()).to_pylist()
    if types.is_fixed_size_list(kind):
        lengths = [kind.list_size]
    if types.is_struct(kind.value_type) or types.is_map(kind.value_type):
        return _text(as_json(column), JSON)
    form = _vectors(column, lengths[0]) if len(lengths) == 1 and lengths[0] else _unequal(column)
    return form or _text(as_json(column), JSON)


def _vectors(lists: pa.Array, length: int) -> Encoded | None:
    """Make one vector per row, all absent if the list is absent; lists of lists get more dimensions."""
    there = np.asarray(lists.is_valid())
    indices = np.maximum(np.cumsum(there) - 1, 0)[:, np.newaxis] * length + np.arange(length)
    values = encode(pc.list_flatten(lists).take(pa.array(indices.ravel(), mask=np.repeat(~there, length))))
    if values.array.dtype == object or JSON in values.notes:
        return None
    shaped = values.array.reshape(len(lists), length, *values.array.shape[1:])
    return Encoded(shaped, values.null, values.unit, values.notes)


def _unequal(lists: pa.Array) -> Encoded | None:
    flat = pc.list_flatten(lists)
    if types.is_unsigned_integer(flat.type) and flat.type != pa.uint8():  # astropy writes no such arrays
        try:
            flat = flat.cast(WIDER[flat.type])
        except pa.ArrowInvalid:
            return None
    values = encode(flat)
    if values.null is not None or values.array.ndim > 1 or values.array.dtype.kind in "SO":
        return None
    ends = _ends(lists)
    rows = np.empty(len(lists), dtype=object)
    for index in range(len(lists)):
        rows[index] = values.array[ends[index] : ends[index + 1]]
    absent = (EMPTY,) if lists.null_count else ()
    return Encoded(rows, unit=values.unit, notes=(*values.notes, *absent))


def _numpy(column: pa.Array) -> Array:
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _is_binary(kind: pa.DataType) -> bool:
    kinds = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view)
    return any(is_kind(kind) for is_kind in kinds)


def _is_list(kind: pa.DataType) -> bool:
    kinds = (types.is_list, types.is_large_list, types.is_fixed_size_list, types.is_list_view, types.is_large_list_view)
    return any(is_kind(kind) for is_kind in kinds)


_FORMS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], Encoded]], ...] = (
    (types.is_boolean, _booleans),
    (types.is_integer, _integers),
    (types.is_floating, _floats),
    (types.is_decimal, _decimals),
    (types.is_duration, _counted),
    (types.is_temporal, _times),
    (is_text, _text),
    (_is_binary, _bytes),
    (_is_list, _lists),
)
