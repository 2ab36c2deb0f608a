"""A table as a FITS binary table."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from survey_batch.catalog.parquet_file import DESCRIPTION, UNIT, said
from survey_batch.catalog.values import one_array
from survey_batch.core.errors import ConfigurationError
from survey_batch.results.export.changes import Changes
from survey_batch.results.export.fits_columns import LETTERS, Encoded, encode
from survey_batch.results.export.names import fits_names
from survey_batch.results.export.units import fits_unit

MOST_COLUMNS = 999
"""FITS 4.0, section 7.3.1: TFIELDS."""
MOST_HEAP_BYTES = 2**31 - 1
"""Limit of the 32-bit descriptors (P) of arrays of unequal length; 64-bit ones (Q) reach farther."""
OFFSET = {"u2": 2**15, "u4": 2**31, "u8": 2**63}
"""TZERO with which FITS stores unsigned integers."""


def fits_bytes(table: pa.Table, changes: Changes) -> bytes:
    """Write a table as FITS.

    Parameters
    ----------
    table : pyarrow.Table
    changes : Changes
        What was changed so far; changes that FITS needs are added. All are in the table's HISTORY. The TCOMM of a
        renamed column holds its name in the catalogue, then its description.

    Raises
    ------
    ConfigurationError
        There are more columns than a FITS table can hold.
    """
    from astropy.io import fits

    given = list(_flat_columns(table.schema, table.columns, changes))
    if len(given) > MOST_COLUMNS:
        raise ConfigurationError(
            f"a FITS table holds {MOST_COLUMNS} columns, and there are {len(given)}: export to a .parquet file"
        )
    names, columns, comments = fits_names([field.name for field, _ in given], changes), [], []
    for name, (field, column) in zip(names, given, strict=True):
        encoded = encode(column)
        for note in encoded.notes:
            changes.note(note, field.name)
        columns.append(_fits_column(name, encoded, fits_unit(said(field, UNIT))))
        renamed = f"column {_printable(field.name)!r} of the catalogue" if name != field.name else ""
        comments.append(": ".join(filter(None, (renamed, _printable(said(field, DESCRIPTION))))))
    table_hdu = fits.BinTableHDU.from_columns(columns)
    for place, comment in enumerate(comments, 1):
        if comment:
            table_hdu.header[f"TCOMM{place}"] = comment
    for line in changes.lines():
        table_hdu.header.add_history(_printable(line))
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table_hdu]).writeto(buffer)
    return buffer.getvalue()


def _flat_columns(fields: Any, columns: Any, changes: Changes) -> Iterator[tuple[pa.Field, pa.Array]]:
    """Yield each column with its Arrow field, and each field of a struct as a column `struct.field`."""
    for field, column in zip(fields, map(one_array, columns), strict=True):
        if not pa.types.is_struct(column.type) or not column.type.num_fields:
            yield field, column
            continue
        inner = [
            part.with_name(f"{field.name}.{part.name}").with_metadata(part.metadata or field.metadata)
            for part in column.type
        ]
        changes.note(f"fields are columns of their own: {', '.join(part.name for part in inner)}", field.name)
        yield from _flat_columns(inner, column.flatten(), changes)


def _fits_column(name: str, encoded: Encoded, unit: str) -> Any:
    from astropy.io import fits

    array = encoded.array
    extra: dict[str, Any] = {"null": encoded.null, "unit": encoded.unit or unit or None}
    if array.dtype == object:
        heap = sum(row.nbytes for row in array)
        kind = LETTERS[array[0].dtype.str[1:]] if len(array) else "D"
        return fits.Column(name, f"{'P' if heap <= MOST_HEAP_BYTES else 'Q'}{kind}()", array=array, **extra)
    shape = array.shape[:0:-1]
    if array.dtype.kind == "S":
        shape, letter = (array.dtype.itemsize, *shape), "A"
    else:
        letter = LETTERS[array.dtype.str[1:]]
        extra["bzero"] = OFFSET.get(array.dtype.str[1:])
    if array.ndim > 1:
        extra["dim"] = f"({','.join(map(str, shape))})"
    return fits.Column(name, f"{np.prod(shape, dtype=int)}{letter}", array=array, **extra)


def _printable(text: str) -> str:
    """Return ASCII that a header can hold."""
    return text.encode("unicode_escape").decode()
