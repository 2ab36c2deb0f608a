"""A file of an archive of which only the first bytes have come; the others come when they are asked for."""

from collections.abc import Callable

from survey_batch.archive.attempt import Received, Span
from survey_batch.archive.sources import folder_of
from survey_batch.config.sections.archive import ArchiveSection

FIRST_BYTES = 400_000
"""Bytes that are asked for first. In an SDSS frame this is the header and the first block of bzip2, which has 200 to
300 kB and tells how well the file packs: one further request then brings the rest of what is needed."""


def takes_parts(section: ArchiveSection) -> bool:
    """Tell whether parts of an archive's files are fetched: not if a cache wants them whole, or requests pause."""
    return folder_of(section.root) is not None or (section.cache is None and not section.pause)


class PartialFile:
    """The first bytes of a file, and a way to more of them.

    Parameters
    ----------
    received
        The first bytes, or the whole file.
    read
        Asks the archive for a span of the file; its errors are those of `Archive.read`.

    Attributes
    ----------
    raw : bytes
        What has come so far.
    """

    def __init__(self, received: Received, read: Callable[[Span], Received]) -> None:
        self.raw, self._read = received.raw, read
        self._length, self._version = received.length, received.version

    @property
    def is_whole(self) -> bool:
        """Whether all bytes have come."""
        return self._length is None or len(self.raw) == self._length

    def more(self, count: int) -> bytes:
        """Return about so many of the bytes that follow, which `raw` then has, too; none at the end of the file.

        Raises
        ------
        UnreadableError
            What comes is no part of this file; it must be fetched whole.
        NotFoundError, TransientError
            As of `Archive.read`.
        """
        if self.is_whole:
            return b""
        start = len(self.raw)
        came = self._read(Span(start, start + max(count, 1), self._version)).raw
        self.raw += came
        return came
