"""The kinds of files that an archive holds, told from their first bytes, and what a server sends in their place.

A server that cannot give a file now may say so with status 200: by an empty body, a web page, JSON, a sentence. This is
a message and says nothing about the file. Anything else that came whole is the file; if it is wrong, it stays wrong.
"""

import contextlib
import re
from typing import NamedTuple

from survey_batch.archive.attempt import LARGEST_FILE, AttemptError, Received
from survey_batch.archive.decompress import (
    PACKED,
    SDSS_CEILING,
    Kind,
    decompress,
    describe,
    kind_of,
    kind_within,
    start_within,
)
from survey_batch.archive.fits_cards import CARD
from survey_batch.archive.fits_units import extensions, primary_unit
from survey_batch.core.errors import CutShortError, TransientError, UnreadableError

_PAGE = re.compile(rb"\s*<(!doctype\s+html|html)", re.IGNORECASE)

_MARKUP = re.compile(rb"(\xef\xbb\xbf)?\s*[<{[]")
"""How HTML, XML and JSON begin."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")

_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
"""What no text holds."""

START = 512
"""Bytes from which a message is told from a file."""


class Content(NamedTuple):
    """The content of an archive: its name in messages, and the kinds of files that it may have."""

    name: str
    kinds: frozenset[Kind]

    def allows(self, raw: bytes) -> bool:
        """Tell whether a file is of these kinds; if it is gzip, its content must be as well."""
        return self._allows(raw, _within(raw))

    def unwrapped(self, raw: bytes, ceiling: int) -> tuple[bytes, bool]:
        """Undo the gzip that a server put around a file that is already compressed, and tell whether it is allowed.

        A gzip file that contains FITS is left alone; it may be the archive's own.
        """
        within = _within(raw)
        if within not in ("fits", None):
            with contextlib.suppress(UnreadableError):
                plain = decompress(raw, ceiling)
                return plain, self.allows(plain)
        return raw, self._allows(raw, within)

    def _allows(self, raw: bytes, within: Kind | None) -> bool:
        kind = kind_of(raw)
        if not self.kinds:
            return bool(raw) and not _PAGE.match(raw)
        return kind in self.kinds and (kind != "gzip" or within in self.kinds)

    def is_message(self, raw: bytes, path: str) -> bool:
        """Tell whether what came in place of a usable file is a message: it may be empty, markup or other text.

        Parameters
        ----------
        raw
            What came.
        path
            The file's name. A survey's own files may be text; only markup is then a message, unless the name says that
            the file is markup itself.
        """
        start = start_within(raw, START) if kind_of(raw) == "gzip" else raw[:START]
        if start is None or (self.kinds and kind_of(start)):
            return False
        if not start.strip():
            return True
        if not self.kinds:
            return bool(_MARKUP.match(start)) and not path.lower().endswith(MARKUP_ENDINGS)
        # A FITS header is text, too: one that is damaged in its first card is known by its second.
        fits = start[CARD:].startswith(b"BITPIX  =")
        return start.startswith(_UTF16) or not (fits or _BINARY.search(start))

    def complaint(self, raw: bytes) -> str:
        """Say what came instead, for an error message."""
        inside = f"gzip of something that is not {self.name} ({len(raw)} bytes)"
        return f"expected {self.name}, got {inside if kind_of(raw) == 'gzip' else describe(raw)}"


FITS = Content("FITS", frozenset({"fits", "gzip", "bz2", "xz"}))
ANY = Content("a file of the survey", frozenset())
"""Anything except an empty file or a web page."""
IMAGE = Content("a JPEG or PNG image", frozenset({"jpeg", "png"}))


MARKUP_ENDINGS = (".html", ".json", ".vot", ".xml")


def checked(received: Received, name: str, content: Content, attempts: int) -> Received:
    """Return a whole file that is of an archive's content, unpacked if a server packed it once more.

    Parameters
    ----------
    received, name, content
        What came, the file's name, and what it should be.
    attempts
        At a file that is something else; 1 in a folder, where nobody sends anything in its place.

    Raises
    ------
    AttemptError
        It is something else.
    """
    raw, allowed = content.unwrapped(received.raw, LARGEST_FILE)
    received = received._replace(raw=raw) if raw is not received.raw else received
    if not allowed:
        doubt = doubt_of(received, name, content) if attempts > 1 else ""
        kind = TransientError if doubt else UnreadableError
        raise AttemptError(content.complaint(received.raw) + doubt, kind, attempts)
    return received


def doubt_of(received: Received, name: str, content: Content) -> str:
    """Say why what a server sent, and cannot be used, may not be the whole file; empty if it is."""
    if received.coding:
        return f"; it was sent with Content-Encoding {received.coding}, which was not asked for"
    if content.is_message(received.raw, name):
        return "; the server sent something in place of the file"
    if received.whole or is_complete(received.raw):
        return ""
    return "; the server did not announce the file's length, so the end may be missing"


def is_complete(raw: bytes) -> bool:
    """Tell whether a file itself shows that no byte is missing: its streams have ended, or its blocks if plain FITS."""
    kind = kind_of(raw)
    try:
        if kind in PACKED:
            decompress(raw, SDSS_CEILING)
        elif kind == "fits":
            extensions(primary_unit(raw))
        else:
            return False
    except CutShortError:
        return False
    except UnreadableError:  # wrong, and more bytes would not change that
        return True
    return True


def _within(raw: bytes) -> Kind | None:
    """Tell the kind of file inside a gzip file; None if unknown, and for any other file."""
    return kind_within(raw) if kind_of(raw) == "gzip" else None
