"""Columns of FITS tables and VOTables as Arrow arrays: vectors as lists, absent values as nulls."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Values = npt.NDArray[Any]


def fits_array(hdu: Any, name: str) -> pa.Array:
    """Copy a column of a FITS table.

    Nulls are integers stored as TNULL, NaN, empty text, and Booleans that are neither T nor F (FITS 4.0, section 7.3).
    TNULL is a stored value, before TSCAL and TZERO. But for unsigned integers astropy writes TNULL as a value after
    TZERO. TNULL is therefore also read that way if no stored value equals it and there is no TSCAL.

    Parameters
    ----------
    hdu : astropy.io.fits.BinTableHDU or TableHDU
    name : str
    """
    column = hdu.columns[name]
    stored = hdu.data.view(np.ndarray)[name]
    if not hasattr(column.format, "recformat"):  # an ASCII table
        values = hdu.data.field(name)
        return arrow_array(values, values == column.null if column.null is not None else False)
    if column.format.format == "A":
        return arrow_array(_texts(stored, column.dim))
    values = hdu.data.field(name)
    if values.dtype == object:
        return _lists(list(values), _scaled(column))
    absent = np.zeros(values.shape, bool)
    if column.null is not None:
        absent |= stored.reshape(values.shape) == column.null
        if not absent.any() and column.bscale in (None, "", 1):
            absent |= values == column.null
    if column.format.format == "L":
        absent |= stored.reshape(values.shape) == 0
    return arrow_array(values, absent)


def _scaled(column: Any) -> Any:
    """Return TNULL after scaling, for arrays whose stored values are not available."""
    if column.null is None or column.bscale in (None, "", 1):
        return column.null
    return column.null * column.bscale + (column.bzero or 0)


def arrow_array(values: Any, absent: Any = False) -> pa.Array:
    """Copy a column of any dimensions in native byte order.

    Parameters
    ----------
    values : (rows, ...) array
        Masked values, NaN and empty text become nulls; complex numbers become pairs.
    absent : (rows, ...) bool, optional
        Further values that are null.

    Returns
    -------
    pyarrow.Array
        Lists of fixed size if rows have several values, of variable size if rows differ in length.
    """
    absent = np.ma.getmaskarray(values) | absent
    array = np.asarray(values)
    if array.dtype == object and any(isinstance(value, np.ndarray | list) for value in array.ravel()):
        return _lists([None if gap else value for value, gap in zip(array, absent, strict=True)])
    if array.dtype.kind == "c":
        array, absent = np.stack([array.real, array.imag], -1), np.stack([absent, absent], -1)
    if array.ndim > 1:
        flat = arrow_array(array.reshape(-1, *array.shape[2:]), absent.reshape(-1, *array.shape[2:]))
        if not array.shape[1]:
            return pa.array([[]] * len(array), pa.list_(flat.type))
        return pa.FixedSizeListArray.from_arrays(flat, array.shape[1])
    if array.dtype.kind in "SUO":
        texts = np.strings.rstrip(_decoded(array) if array.dtype.kind == "S" else array.astype("U"))
        return pa.array(texts.astype(object), pa.string(), mask=absent | (texts == ""))
    if array.dtype.kind == "f":
        absent = absent | np.isnan(array)
    return pa.array(array.astype(array.dtype.newbyteorder("=")), mask=absent)


def _lists(rows: Sequence[Any], null: object = None) -> pa.Array:
    """Return lists of unequal length; a row that is None becomes null."""
    arrays = [np.ma.asanyarray([] if row is None else row) for row in rows]
    filled = [array for array in arrays if array.size] or [np.ma.asanyarray([0.0])[:0]]
    flat = np.concatenate([np.asarray(array) for array in filled])
    absent = np.concatenate([np.ma.getmaskarray(array) for array in filled])
    values = arrow_array(flat, absent | (flat == null) if null is not None else absent)
    ends = np.cumsum([0, *map(len, arrays)]).astype(np.int64)
    lists = pa.LargeListArray.from_arrays(pa.array(ends), values, mask=pa.array([row is None for row in rows]))
    return lists.cast(pa.list_(values.type))


def _texts(stored: Values, dim: str | None) -> Values:
    """Return text as stored; if a row has several texts, TDIM gives the length of each."""
    width, *shape = [int(size) for size in re.findall(r"\d+", dim or "")] or [0]
    if not shape or not width:
        return stored
    return np.ascontiguousarray(stored).view(f"S{width}").reshape(len(stored), *shape[::-1])


def _decoded(texts: Values) -> Values:
    """Decode bytes, which should be ASCII, as UTF-8 if all of them are valid, otherwise as Latin-1."""
    try:
        return np.strings.decode(texts, "utf-8")
    except UnicodeDecodeError:
        return np.strings.decode(texts, "latin-1")
