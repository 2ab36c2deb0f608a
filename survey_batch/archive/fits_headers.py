"""Headers of a FITS file that other readers would not survive: found without the data, and refused."""

from collections.abc import Iterator
from io import SEEK_END
from typing import BinaryIO

from survey_batch.archive.fits_units import BLOCK, LONGEST_HEADER, MOST_COLUMNS, Unit, unit_at
from survey_batch.core.errors import UnreadableError


def check_columns(count: int) -> None:
    """Refuse what the card TFIELDS says if FITS does not allow it: astropy would look for each of the columns."""
    if not 0 <= count <= MOST_COLUMNS:
        raise UnreadableError(f"header card TFIELDS is {count}, not 0 to {MOST_COLUMNS}")


def headers(file: BinaryIO) -> Iterator[Unit]:
    """Find the headers of an open file without reading what is between them; only their cards can be asked for.

    Raises
    ------
    UnreadableError
        Not a FITS file, or a header is damaged.
    """
    begin, length = 0, file.seek(0, SEEK_END)
    while begin < length:
        file.seek(begin)
        raw = file.read(LONGEST_HEADER)
        if not raw.startswith(b"XTENSION=" if begin else b"SIMPLE  ="):
            if begin:  # bytes behind the last unit
                return
            raise UnreadableError(f"not a FITS file: it begins with {raw[:24]!r} ({length} bytes)")
        unit = unit_at(raw, 0)
        yield unit
        begin += unit.data + -(-unit.announced // BLOCK) * BLOCK
