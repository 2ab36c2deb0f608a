"""Text as a column of a FITS binary table: printable ASCII, as wide as the longest text."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from survey_batch.store.schema import Array

BLANKS = "empty text cannot be told from NULL in FITS, which also drops blanks at the end of text"
ESCAPED = "text that is not printable ASCII is escaped as in Python (\\xe9 is é, \\\\ is \\)"


@dataclass(frozen=True)
class TextForm:
    """How a column of text is written: it depends on all of its values, and is found in blocks of rows.

    Attributes
    ----------
    width : int
        Bytes of the longest text, 1 at least.
    blanks, escaped : bool
        Whether there is text that FITS changes, and text that is not printable ASCII.
    """

    width: int = 1
    blanks: bool = False
    escaped: bool = False

    @classmethod
    def of(cls, blocks: Iterable[pa.Array]) -> "TextForm":
        """Look at all values."""
        width, widest, blanks, escaped = 1, 1, False, False
        for block in blocks:
            texts = plain_texts(block)
            blanks = blanks or bool(pc.any(pc.match_substring_regex(texts, "^$| $")).as_py())
            escaped = escaped or bool(pc.any(pc.match_substring_regex(texts, "[^ -~]")).as_py())
            width = max(width, pc.max(pc.binary_length(texts)).as_py() or 0)
            if pc.any(pc.match_substring_regex(texts, r"[^ -~]|\\")).as_py():
                widest = max(widest, *(len(escape(text)) for text in texts.drop_null().to_pylist()))
        return cls(max(width, widest) if escaped else width, blanks, escaped)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is changed."""
        return tuple(note for note, found in ((BLANKS, self.blanks), (ESCAPED, self.escaped)) if found)

    @property
    def kind(self) -> np.dtype[np.bytes_]:
        """The numpy type."""
        return np.dtype(f"S{self.width}")

    def write(self, block: pa.Array) -> Array:
        """Write some of the values."""
        values = plain_texts(block).fill_null("").to_pylist()
        return np.array([escape(value) for value in values] if self.escaped else values, dtype=self.kind)


def plain_texts(column: pa.Array) -> pa.Array:
    """Return text, coded or not, as text."""
    if isinstance(column.type, pa.BaseExtensionType):
        return plain_texts(column.storage)
    return (column.dictionary_decode() if types.is_dictionary(column.type) else column).cast(pa.large_string())


def escape(text: str) -> str:
    """Return printable ASCII, as Python writes it: FITS holds nothing else."""
    return text.encode("unicode_escape").decode()


def is_text(kind: pa.DataType) -> bool:
    """Tell whether values of a type are text, coded or not, or all absent."""
    if isinstance(kind, pa.BaseExtensionType):
        return is_text(kind.storage_type)
    if types.is_dictionary(kind):
        return is_text(kind.value_type)
    return any(
        is_kind(kind) for is_kind in (types.is_null, types.is_string, types.is_large_string, types.is_string_view)
    )
