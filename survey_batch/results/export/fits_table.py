"""A table as a FITS binary table."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa

from survey_batch.catalog.parquet_file import DESCRIPTION, UCD, UNIT, said
from survey_batch.core.errors import ConfigurationError
from survey_batch.results.export.encoded import Encoded, as_letters, in_blocks
from survey_batch.results.export.fits_columns import LETTERS, encode
from survey_batch.results.export.fits_text import TextForm, escape, is_text
from survey_batch.results.export.joined import Joined
from survey_batch.results.export.names import fits_names
from survey_batch.results.export.staging import Column, RowFile, staged
from survey_batch.results.export.units import fits_unit
from survey_batch.store.schema import Array

MOST_COLUMNS = 999
"""FITS 4.0, section 7.3.1: TFIELDS."""
MOST_HEAP_BYTES = 2**31 - 1
"""Limit of the 32-bit descriptors (P) of arrays of unequal length; 64-bit ones (Q) reach farther."""
OFFSET = {"u2": 2**15, "u4": 2**31, "u8": 2**63}
"""TZERO with which FITS stores unsigned integers."""
BLOCK = 2880
"""FITS 4.0, section 3.1: bytes in a block."""
PROVENANCE = {"version": "SBVERSN", "job": "SBJOB", "versions": "SBUSED", "classifier": "SBMODEL", "classes": "SBCLASS"}
"""Header keys of the entries of `provenance_of`; all but the first hold JSON."""


@dataclass
class _Heap:
    """The values of arrays of unequal length, behind the table's rows (FITS 4.0, section 7.3.5)."""

    path: Path
    size: int = 0

    def add(self, arrays: Array) -> tuple[str, Array]:
        """Append one array for each row; return the column's format and its descriptors."""
        letter = LETTERS[arrays[0].dtype.str[1:]] if len(arrays) else "D"
        counts = np.array([len(array) for array in arrays], np.int64)
        raw = np.concatenate([*arrays, np.empty(0, arrays[0].dtype if len(arrays) else "f8")])
        raw = _stored(raw)
        offsets = self.size + np.cumsum([0, *counts[:-1]]) * raw.dtype.itemsize if len(arrays) else counts
        with self.path.open("ab") as file:
            file.write(raw.astype(raw.dtype.newbyteorder(">")).tobytes())
        self.size += raw.nbytes
        wide = self.size > MOST_HEAP_BYTES
        descriptors = np.stack([counts, offsets], axis=1).astype(np.int64 if wide else np.int32)
        return f"{'Q' if wide else 'P'}{letter}({max(counts, default=0)})", descriptors


def write_fits(table: Joined, path: Path) -> None:
    """Write a table as FITS.

    Parameters
    ----------
    table : Joined
        Changes that FITS needs are added to its own. All are in the table's HISTORY. The TCOMM of a renamed column
        holds its name in the catalogue, then its description.
    path : pathlib.Path

    Raises
    ------
    ConfigurationError
        There are more columns than a FITS table can hold.
    """
    with TemporaryDirectory(prefix="survey-batch-fits-") as scratch:
        source, rows, heap = staged(table, Path(scratch)), RowFile(Path(scratch)), _Heap(Path(scratch) / "heap")
        fields = source.fields(table.changes)
        if len(fields) > MOST_COLUMNS:
            raise ConfigurationError(
                f"a FITS table holds {MOST_COLUMNS} columns, and there are {len(fields)}: export to a .parquet file"
            )
        names, columns = fits_names([field.name for field in fields], table.changes), []
        for name, field, column in zip(names, fields, source.columns(), strict=True):
            form, blocks = _encoded(column)
            for note in form.notes:
                table.changes.note(note, field.name)
            columns.append(_add_column(name, form, blocks, fits_unit(said(field, UNIT)), rows, heap))
        header = _header(table, fields, names, columns, rows.row_bytes, heap.size)
        _write(path, header, rows, table.rows, heap)


def _encoded(column: Column) -> tuple[Encoded, Iterable[Array]]:
    """Return a column's form and its values, some rows at a time where their form does not depend on the others."""
    if is_text(column.kind):
        text = TextForm.of(column.blocks())
        return Encoded(np.empty(0, text.kind), notes=text.notes), map(text.write, column.blocks())
    return in_blocks(column, encode)


def _add_column(name: str, form: Encoded, blocks: Iterable[Array], unit: str, rows: RowFile, heap: _Heap) -> Any:
    """Write a column's values to the temporary files, and describe it."""
    from astropy.io import fits

    array = form.array
    extra: dict[str, Any] = {"null": form.null, "unit": form.unit or unit or None}
    if array.dtype == object:
        letters, descriptors = heap.add(array)
        rows.add(descriptors)
        return fits.Column(name, letters, **extra)
    shape = array.shape[:0:-1]
    if array.dtype.kind == "S":
        shape, letter = (array.dtype.itemsize, *shape), "A"
    else:
        letter = LETTERS[array.dtype.str[1:]]
        extra["bzero"] = OFFSET.get(array.dtype.str[1:])
    if array.ndim > 1:
        extra["dim"] = f"({','.join(map(str, shape))})"
    rows.add_blocks(map(_stored, blocks), _stored(array[:0]))
    return fits.Column(name, f"{np.prod(shape, dtype=int)}{letter}", **extra)


def _stored(array: Array) -> Array:
    """Return what FITS stores: Booleans as letters, and unsigned integers less their TZERO."""
    kind = array.dtype.str[1:]
    if kind not in OFFSET:
        return as_letters(array)
    shifted: Array = array ^ array.dtype.type(OFFSET[kind])
    return shifted.view(kind.replace("u", "i"))


def _header(
    table: Joined, fields: Sequence[pa.Field], names: Sequence[str], columns: Sequence[Any], row_bytes: int, heap: int
) -> Any:
    from astropy.io import fits

    header = fits.BinTableHDU.from_columns(list(columns), nrows=0).header
    header["NAXIS1"], header["NAXIS2"], header["PCOUNT"] = row_bytes, table.rows, heap
    for number, (name, field) in enumerate(zip(names, fields, strict=True), 1):
        renamed = f"column {escape(field.name)!r} of the catalogue" if name != field.name else ""
        comment = ": ".join(filter(None, (renamed, escape(said(field, DESCRIPTION)))))
        for key, text in (("TCOMM", comment), ("TUCD", escape(said(field, UCD)))):
            if text:
                header[f"{key}{number}"] = text
    header["LONGSTRN"] = ("OGIP 1.0", "long text goes on in CONTINUE cards")
    for key, text in (table.schema.metadata or {}).items():
        header[PROVENANCE[key.decode()]] = escape(text.decode())
    for line in table.changes.lines():
        header.add_history(escape(line))
    return header


def _write(path: Path, header: Any, rows: RowFile, count: int, heap: _Heap) -> None:
    from astropy.io import fits

    with path.open("wb") as file:
        file.write(fits.PrimaryHDU().header.tostring().encode("ascii"))
        file.write(header.tostring().encode("ascii"))
        for part in rows.rows(count):
            file.write(part.tobytes())
        if heap.size:
            with heap.path.open("rb") as values:
                shutil.copyfileobj(values, file)
        file.write(b"\0" * (-file.tell() % BLOCK))
