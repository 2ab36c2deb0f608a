"""A table as VOTable 1.4 with its rows in BINARY2, which has a mark for NULL in every type.

astropy writes the metadata. Its rows take a second for each thousand; ours are packed by numpy.
"""

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from survey_batch.catalog.parquet_file import DESCRIPTION, UCD, UNIT, said
from survey_batch.results.export.changes import Changes
from survey_batch.results.export.fits_columns import BLANKS, JSON, NAN, WIDER, Encoded, as_json, encode
from survey_batch.results.export.joined import Joined
from survey_batch.results.export.names import parquet_names
from survey_batch.results.export.provenance import PREFIX
from survey_batch.results.export.staging import RowFile, Staged, staged

DATATYPES = {
    "b1": "boolean",
    "u1": "unsignedByte",
    "i2": "short",
    "i4": "int",
    "i8": "long",
    "f4": "float",
    "f8": "double",
}
"""VOTable's name by numpy type."""
LARGE = "integers beyond 2^63 - 1 are text, as VOTable has none so large"
JSON_TEXT = "as JSON text"
SAID = {NAN: "", BLANKS: "", JSON: JSON_TEXT}
"""What FITS' words for a change become: VOTable tells NaN and empty text from NULL."""
OPEN, CLOSE = b'<DATA>\n<BINARY2>\n<STREAM encoding="base64">\n', b"</STREAM>\n</BINARY2>\n</DATA>\n"
LINE_BYTES = 57
"""Bytes in a line of 76 base64 letters."""


@dataclass(frozen=True)
class _Column:
    """A column as VOTable can hold it."""

    datatype: str
    arraysize: str | None
    null: int | None = None
    unit: str | None = None


def write_votable(table: Joined, path: Path) -> None:
    """Write a table as VOTable.

    Parameters
    ----------
    table : Joined
        Changes that VOTable needs are added to its own. All are in the table's description, and the provenance is in
        INFO elements.
    path : pathlib.Path
    """
    with TemporaryDirectory(prefix="survey-batch-votable-") as scratch:
        source, rows = staged(table, Path(scratch)), RowFile(Path(scratch))
        fields = source.fields(table.changes)
        names = parquet_names([field.name for field in fields], table.changes)
        columns = list(_columns(source, fields, rows, Path(scratch), table.changes))
        before, after = _metadata(table, names, fields, columns)
        with path.open("wb") as file:
            file.write(before + OPEN)
            _write_base64(file, _rows(rows, len(columns), table.rows, Path(scratch)))
            file.write(CLOSE + after)


def _columns(
    source: Staged, fields: list[pa.Field], rows: RowFile, scratch: Path, changes: Changes
) -> Iterator[_Column]:
    """Write the values of each column, and whether they are absent, to temporary files."""
    for index, (field, values) in enumerate(zip(fields, source.columns(), strict=True)):
        np.asarray(values.is_null()).tofile(scratch / f"absent-{index}")
        encoded, column = _encode(values)
        for note in filter(None, (SAID.get(note, note) for note in encoded.notes)):
            changes.note(note, field.name)
        array = encoded.array
        rows.add(np.where(array, np.uint8(ord("T")), np.uint8(ord("F"))) if array.dtype == bool else array)
        yield column


def _encode(values: pa.Array) -> tuple[Encoded, _Column]:
    """Return the values with zeros for absent ones, and what they are."""
    kind = values.type
    notes: tuple[str, ...] = ()
    if isinstance(kind, pa.BaseExtensionType):
        return _encode(values.storage)
    if types.is_dictionary(kind):
        return _encode(values.dictionary_decode())
    if types.is_unsigned_integer(kind) and kind != pa.uint8():
        values, notes = _signed(values)
    if _is_text(values.type):
        return _text(values, *notes)
    if types.is_boolean(kind) or types.is_integer(kind):
        values = values.fill_null(False if types.is_boolean(kind) else 0)
    encoded = encode(values)
    if encoded.array.dtype == object or (encoded.array.dtype.kind == "S" and encoded.array.ndim > 1):
        # Arrays of unequal length, or of text, which astropy has not.
        encoded = encode(as_json(values))
        encoded = replace(encoded, notes=(*encoded.notes, JSON))
    array = encoded.array
    if array.dtype.kind == "S":
        return encoded, _Column("char", str(array.dtype.itemsize), unit=encoded.unit)
    if array.dtype.kind == "u" and array.dtype != np.uint8:
        array = array.astype(np.int64)  # lists
    sizes = array.shape[:0:-1]
    column = _Column(DATATYPES[array.dtype.str[1:]], "x".join(map(str, sizes)) or None, encoded.null, encoded.unit)
    return replace(encoded, array=array), column


def _signed(values: pa.Array) -> tuple[pa.Array, tuple[str, ...]]:
    try:
        return values.cast(WIDER[values.type]), ()
    except pa.ArrowInvalid:
        return values.cast(pa.string()), (LARGE,)


def _text(values: pa.Array, *notes: str) -> tuple[Encoded, _Column]:
    """Write text as characters of one byte if it is ASCII, else of two; two at least, as astropy has no size 1."""
    texts = values.cast(pa.large_string()).fill_null("")
    if pc.any(pc.match_substring_regex(texts, "[^\\x00-\\x7f]")).as_py():
        raw = [text.encode("utf-16-be", errors="replace") for text in texts.to_pylist()]
        array = np.array(raw, dtype=f"S{max(4, *map(len, raw))}")
        return Encoded(array, notes=notes), _Column("unicodeChar", str(array.dtype.itemsize // 2))
    width = pc.max(pc.binary_length(texts)).as_py() or 0
    array = np.array(texts.to_pylist(), dtype=f"S{max(2, width)}")
    return Encoded(array, notes=notes), _Column("char", str(array.dtype.itemsize))


def _is_text(kind: pa.DataType) -> bool:
    return bool(types.is_null(kind) or types.is_string(kind) or types.is_large_string(kind))


def _rows(rows: RowFile, columns: int, count: int, scratch: Path) -> Iterator[bytes]:
    """Yield rows as BINARY2 has them: a bit for each column that is absent, then the values."""
    first = 0
    for part in rows.rows(count):
        absent = [np.fromfile(scratch / f"absent-{index}", bool, len(part), offset=first) for index in range(columns)]
        flags = np.packbits(np.stack(absent, axis=1), axis=1)
        values = part.view(np.uint8).reshape(len(part), -1)
        yield np.concatenate([flags, values], axis=1).tobytes()
        first += len(part)


def _write_base64(file: Any, parts: Iterator[bytes]) -> None:
    rest = b""
    for part in parts:
        whole = rest + part
        end = len(whole) // LINE_BYTES * LINE_BYTES
        rest = whole[end:]
        file.write(base64.encodebytes(whole[:end]))
    file.write(base64.encodebytes(rest))


def _metadata(table: Joined, names: list[str], fields: list[pa.Field], columns: list[_Column]) -> tuple[bytes, bytes]:
    """Let astropy write all but the rows; return what comes before and after them."""
    from astropy.io.votable import tree

    file = tree.VOTableFile(version="1.4")
    resource, element = tree.Resource(), tree.TableElement(file)
    for key, text in (table.schema.metadata or {}).items():
        resource.infos.append(tree.Info(name=f"{PREFIX}{key.decode()}", value=text.decode()))
    file.resources.append(resource)
    resource.tables.append(element)
    if lines := table.changes.lines():
        element.description = "\n".join(lines)
    for number, (name, field, column) in enumerate(zip(names, fields, columns, strict=True), 1):
        own = tree.Field(
            file, ID=f"column_{number}", name=name, datatype=column.datatype, arraysize=column.arraysize,
            unit=column.unit or said(field, UNIT) or None, ucd=said(field, UCD) or None,
        )  # fmt: skip
        own.description = said(field, DESCRIPTION) or None
        if column.null is not None:
            own.values.null = column.null
        element.fields.append(own)
    buffer = io.BytesIO()
    file.to_xml(buffer, tabledata_format="binary2")
    before, close, after = buffer.getvalue().rpartition(b"</TABLE>")
    return before, close + after
