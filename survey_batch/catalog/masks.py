"""Masks in columns of their own, as astropy writes them to Parquet files and, if asked, to ECSV and FITS files."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.source import Rows, Source
from survey_batch.catalog.values import one_array, to_text


def masked_batches(source: Source, names: Sequence[str]) -> Iterator[Rows]:
    """Read columns; values that a column of masks marks are null, because the file holds some other value there."""
    mask_of = {column.name: column.mask for column in source.columns if column.mask in source.names}
    masks = {name: mask_of[name] for name in names if name in mask_of}
    for rows in source.batches(list(dict.fromkeys([*names, *masks.values()]))):
        table = rows.table
        for name, mask in masks.items():
            values = _masked(one_array(table[name]), one_array(table[mask]))
            table = table.set_column(table.column_names.index(name), name, values)
        yield replace(rows, table=table.select(list(names)), absent=rows.absent & set(names))


def _masked(values: pa.Array, mask: pa.Array) -> pa.Array:
    """Return values, which may be vectors, as nulls where a mask (text in ECSV) is true."""
    if pa.types.is_fixed_size_list(values.type):
        parts = _masked(_parts(values), _parts(mask))
        return pa.FixedSizeListArray.from_arrays(parts, type=values.type, mask=values.is_null())
    absent = pc.fill_null(pc.equal(pc.utf8_lower(to_text(mask)), "true"), False)
    return pc.if_else(absent, pa.scalar(None, values.type), values)


def _parts(vectors: pa.FixedSizeListArray) -> pa.Array:
    """Return the values of vectors one after the other, also those behind a null, which `flatten` leaves out."""
    size = vectors.type.list_size
    return vectors.values.slice(vectors.offset * size, len(vectors) * size)
