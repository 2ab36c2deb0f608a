"""A table as VOTable 1.4 with its rows in BINARY2, which has a mark for NULL in every type.

astropy writes the metadata. Its rows take a second for each thousand; ours are packed by numpy.
"""

import base64
import io
import re
from collections.abc import Iterable, Iterator, Sequence
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
from survey_batch.results.export.encoded import Encoded, as_letters, in_blocks
from survey_batch.results.export.fits_columns import JSON, NAN, WIDER, as_json, encode
from survey_batch.results.export.fits_text import BLANKS, is_text, plain_texts
from survey_batch.results.export.joined import Joined
from survey_batch.results.export.names import parquet_names
from survey_batch.results.export.provenance import PREFIX
from survey_batch.results.export.staging import Column, RowFile, Staged, staged
from survey_batch.store.schema import Array

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
_ID = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
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
    for index, (field, given) in enumerate(zip(fields, source.columns(), strict=True)):
        with (scratch / f"absent-{index}").open("wb") as file:
            for block in given.blocks():
                np.asarray(block.is_null()).tofile(file)
        form, column, blocks = _encoded(given)
        for note in filter(None, (SAID.get(note, note) for note in form.notes)):
            changes.note(note, field.name)
        rows.add_blocks(map(as_letters, blocks), as_letters(form.array[:0]))
        yield column


def _encoded(column: Column) -> tuple[Encoded, _Column, Iterable[Array]]:
    """Return a column's form and its values, some rows at a time where their form does not depend on the others."""
    if is_text(column.kind):
        text = _TextForm.of(column.blocks())
        return Encoded(np.empty(0, text.kind)), text.column, map(text.write, column.blocks())
    form, blocks = in_blocks(column, _encode)
    return form, _described(form), blocks


def _encode(values: pa.Array) -> Encoded:
    """Return the values with zeros for absent ones."""
    kind = values.type
    notes: tuple[str, ...] = ()
    if isinstance(kind, pa.BaseExtensionType):
        return _encode(values.storage)
    if types.is_dictionary(kind):
        return _encode(values.dictionary_decode())
    if types.is_unsigned_integer(kind) and kind != pa.uint8():
        values, notes = _signed(values)
    if is_text(values.type):  # what was too large for an integer
        return Encoded(_TextForm.of([values]).write(values), notes=notes)
    if types.is_boolean(kind) or types.is_integer(kind):
        values = values.fill_null(False if types.is_boolean(kind) else 0)
    encoded = encode(values)
    vectors_of_text = encoded.array.dtype.kind == "S" and encoded.array.ndim > 1  # astropy refuses to read them
    if encoded.array.dtype == object or vectors_of_text:  # arrays of unequal length
        encoded = encode(as_json(values))
        encoded = replace(encoded, notes=(*encoded.notes, JSON))
    if encoded.array.dtype.kind == "u" and encoded.array.dtype != np.uint8:
        return replace(encoded, array=encoded.array.astype(np.int64))  # lists
    return encoded


def _described(form: Encoded) -> _Column:
    """Describe a column of numbers or Booleans, or of vectors of them, or of ASCII that stands for values."""
    if form.array.dtype.kind == "S":
        return _Column("char", str(form.array.dtype.itemsize), unit=form.unit)
    sizes = form.array.shape[:0:-1]
    return _Column(DATATYPES[form.array.dtype.str[1:]], "x".join(map(str, sizes)) or None, form.null, form.unit)


def _signed(values: pa.Array) -> tuple[pa.Array, tuple[str, ...]]:
    try:
        return values.cast(WIDER[values.type]), ()
    except pa.ArrowInvalid:
        return values.cast(pa.string()), (LARGE,)


@dataclass(frozen=True)
class _TextForm:
    """How a column of text is written: characters of one byte if all are ASCII, else of two.

    Two characters at least, as astropy has no size 1.
    """

    width: int
    ascii: bool

    @classmethod
    def of(cls, blocks: Iterable[pa.Array]) -> "_TextForm":
        """Look at all values."""
        narrow, wide, ascii_ = 2, 4, True
        for block in blocks:
            texts = plain_texts(block)
            narrow = max(narrow, pc.max(pc.binary_length(texts)).as_py() or 0)
            if pc.any(pc.match_substring_regex(texts, "[^\\x00-\\x7f]")).as_py():
                ascii_ = False
                wide = max(wide, *(len(_utf16(text)) for text in texts.drop_null().to_pylist()))
            else:
                wide = max(wide, 2 * (pc.max(pc.binary_length(texts)).as_py() or 0))
        return cls(narrow if ascii_ else wide, ascii_)

    @property
    def kind(self) -> np.dtype[np.bytes_]:
        """The numpy type."""
        return np.dtype(f"S{self.width}")

    @property
    def column(self) -> _Column:
        """What the header says of it."""
        return _Column("char", str(self.width)) if self.ascii else _Column("unicodeChar", str(self.width // 2))

    def write(self, block: pa.Array) -> Array:
        """Write some of the values."""
        values = plain_texts(block).fill_null("").to_pylist()
        return np.array(values if self.ascii else [_utf16(text) for text in values], dtype=self.kind)


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-be", errors="replace")


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


def _ids(names: Sequence[str]) -> list[str]:
    """Return the names that XML can hold as identifiers, by which astropy calls columns; numbers for the others."""
    fit = {name for name in names if _ID.fullmatch(name) and not name.startswith(PREFIX)}
    ids = []
    for number, name in enumerate(names, 1):
        known_by = name if name in fit else f"column_{number}"
        while name not in fit and known_by in fit:
            known_by += "_"
        ids.append(known_by)
    return ids


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
    for name, known_by, field, column in zip(names, _ids(names), fields, columns, strict=True):
        own = tree.Field(
            file, ID=known_by, name=name, datatype=column.datatype, arraysize=column.arraysize,
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
