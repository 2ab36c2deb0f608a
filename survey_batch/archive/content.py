"""The kinds of files that an archive holds, told from their first bytes."""

import contextlib
import re
from typing import NamedTuple

from survey_batch.archive.decompress import Kind, decompress, describe, kind_of, kind_within
from survey_batch.core.errors import UnreadableError

_PAGE = re.compile(rb"\s*<(!doctype\s+html|html)", re.IGNORECASE)


class Content(NamedTuple):
    """The content of an archive: its name in messages, and the kinds of files that it may have."""

    name: str
    kinds: frozenset[Kind]

    def allows(self, raw: bytes) -> bool:
        """Tell whether a file is of these kinds; if it is gzip, its content must be as well."""
        kind = kind_of(raw)
        if not self.kinds:
            return bool(raw) and not _PAGE.match(raw)
        return kind in self.kinds and (kind != "gzip" or kind_within(raw) in self.kinds)

    def complaint(self, raw: bytes) -> str:
        """Say what came instead, for an error message."""
        inside = f"gzip of something that is not {self.name} ({len(raw)} bytes)"
        return f"expected {self.name}, got {inside if kind_of(raw) == 'gzip' else describe(raw)}"


FITS = Content("FITS", frozenset({"fits", "gzip", "bz2"}))
ANY = Content("a file of the survey", frozenset())
"""Anything except an empty file or a web page."""
IMAGE = Content("a JPEG or PNG image", frozenset({"jpeg", "png"}))


def undo_content_coding(raw: bytes, ceiling: int) -> bytes:
    """Undo the gzip that a server put around a file that is already compressed.

    A gzip file that contains FITS is left alone; it may be the archive's own.
    """
    if kind_of(raw) == "gzip" and kind_within(raw) not in ("fits", None):
        with contextlib.suppress(UnreadableError):
            return decompress(raw, ceiling)
    return raw
