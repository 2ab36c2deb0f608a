"""A FITS reader by the FITS standard 4.0 (sections 3, 4 and 7) that trusts no header card.

A damaged card makes `astropy.io.fits` search a whole image for cards, ask for terabytes or print warnings. Its parsing
of a header of 150 cards also costs several times more than the rest of a small file. Here a header is found by its END
card. A card begins every 80 bytes, and only the values that are asked for are parsed. What a header says about its data
is checked against the bytes of the file. So reading or refusing any file costs no more than one pass over it.
"""

import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.archive.fits_cards import (
    CARD,
    MOST_AXES,
    NAME,
    Cards,
    Extent,
    cards_of,
    extent_of,
    text_of,
    verbatim_of,
)
from survey_batch.archive.fits_scaling import physical
from survey_batch.core.errors import CutShortError, UnreadableError

BLOCK = 2880

LONGEST_HEADER = 360 * BLOCK
"""Bytes; 13,000 cards. Headers of these surveys have about 100. The limit avoids a search for END in the pixels."""

MOST_COLUMNS = 999
_END = b"END".ljust(CARD)

PIXELS = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
"""BITPIX to a numpy type."""

_COLUMNS = {"L": "u1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "C": ">c8", "M": ">c16"}
"""Letter of a TFORM to a numpy type; text, bits and array descriptors are handled separately."""

_FORM = re.compile(r"(\d*)([LXBIJKAEDCMPQ])")


@dataclass(frozen=True)
class Unit:
    """A header and the data behind it.

    Attributes
    ----------
    raw
        The whole file.
    begin, end
        Byte offsets of the header and of its END card.
    """

    raw: bytes
    begin: int
    end: int

    def value(self, key: str) -> str | None:
        """Return a card's value as text, without quotes and comment; None if there is no such card."""
        at = self._cards.places.get(key)
        return None if at is None else text_of(self.raw[self.begin + at : self.begin + at + CARD - NAME])

    def verbatim(self, key: str) -> str | None:
        """Return a card's value as `value` does, with the blanks at both ends of its text."""
        at = self._cards.places.get(key)
        return None if at is None else verbatim_of(self.raw[self.begin + at : self.begin + at + CARD - NAME])

    @cached_property
    def _cards(self) -> Cards:
        return cards_of(self.raw, self.begin, self.end)

    def integer(self, key: str, default: int | None = None) -> int:
        """Return the value of a card that must be an integer; `default` if there is no such card."""
        text = self.value(key)
        try:
            return int(_given(key, default) if text is None else text)
        except ValueError:
            raise UnreadableError(f"header card {key} is {text!r}, not an integer") from None

    def real(self, key: str, default: float | None = None) -> float:
        """Return the value of a card that must be a number; `default` if there is no such card."""
        text = self.value(key)
        try:
            return float(_given(key, default) if text is None else text.replace("D", "E"))
        except ValueError:
            raise UnreadableError(f"header card {key} is {text!r}, not a number") from None

    @cached_property
    def _extent(self) -> Extent:
        return extent_of(self.raw, self.begin, self._cards)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes, from the header; the last axis runs fastest."""
        known = self._extent
        if known.shape is None:
            axes = self.integer("NAXIS")
            if not 0 <= axes <= MOST_AXES:
                raise UnreadableError(f"header card NAXIS is {axes}, not 0 to {MOST_AXES}")
            known.shape = tuple(self.integer(f"NAXIS{axis}") for axis in range(axes, 0, -1))
        return known.shape

    @property
    def data(self) -> int:
        """Byte offset of the data."""
        return -(-(self.end + CARD) // BLOCK) * BLOCK

    @property
    def announced(self) -> int:
        """Bytes of data by the header, which may not be there; UnreadableError if the header makes no sense."""
        known, shape = self._extent, self.shape
        if known.nbytes is not None:
            return known.nbytes
        if (bitpix := self.integer("BITPIX")) not in PIXELS:
            raise UnreadableError(f"header card BITPIX is {bitpix}, none of {', '.join(map(str, PIXELS))}")
        groups, heap = self.integer("GCOUNT", 1), self.integer("PCOUNT", 0)
        if min((*shape, groups, heap)) < 0:
            raise UnreadableError(f"the header at byte {self.begin} has axes {shape}, PCOUNT {heap}, GCOUNT {groups}")
        known.nbytes = abs(bitpix) // 8 * groups * (heap + math.prod(shape)) if shape else 0
        return known.nbytes

    @cached_property
    def nbytes(self) -> int:
        """Number of bytes of data, all of them in the file.

        Raises
        ------
        UnreadableError
            The header makes no sense, or the file is shorter than it says.
        """
        if (missing := self.data + self.announced - len(self.raw)) > 0:
            raise CutShortError(
                f"cut short: {missing} bytes announced by the header at byte {self.begin} are missing "
                f"from a file of {len(self.raw)} bytes"
            )
        return self.announced

    def pixels(self) -> npt.NDArray[Any]:
        """Return the image as stored: big-endian, unscaled and read-only; a unit without axes holds no pixel."""
        shape, size = self.shape or (0,), self.nbytes
        kind = np.dtype(PIXELS[self.integer("BITPIX")])
        if size < kind.itemsize * math.prod(shape):
            raise UnreadableError(f"the header at byte {self.begin} has axes {shape} and no pixels (GCOUNT)")
        return np.frombuffer(self.raw, kind, size // kind.itemsize, self.data)[: math.prod(shape)].reshape(shape)

    def first_rows(self, count: int) -> npt.NDArray[Any]:
        """Return the first rows of an image with two axes, as `pixels` does; the file may end behind them."""
        kind, columns = np.dtype(PIXELS[self.integer("BITPIX")]), self.shape[1]
        if (missing := self.data + count * columns * kind.itemsize - len(self.raw)) > 0:
            raise CutShortError(f"cut short: {missing} bytes of its first {count} rows are missing")
        return np.frombuffer(self.raw, kind, count * columns, self.data).reshape(count, columns)

    def columns(self) -> np.dtype[Any]:
        """Return the type of a row of a binary table."""
        count = self.integer("TFIELDS")
        if not 0 <= count <= MOST_COLUMNS or len(self.shape) != 2:
            raise UnreadableError(f"not a table: {count} columns with axes {self.shape}")
        fields = [self._column(number) for number in range(1, count + 1)]
        try:
            kind = np.dtype(fields)
        except ValueError as error:
            raise UnreadableError(f"the table has unusable columns: {error}") from None
        if kind.itemsize != self.shape[1]:
            raise UnreadableError(f"the table's columns take {kind.itemsize} bytes, its rows {self.shape[1]}")
        return kind

    def rows(self) -> npt.NDArray[np.void]:
        """Return the rows of a binary table as stored: big-endian, unscaled and read-only."""
        kind, size = self.columns(), self.nbytes
        count = self.shape[0]
        if size < count * kind.itemsize or not kind.itemsize:
            raise UnreadableError("the table has no columns")
        return np.frombuffer(self.raw, kind, count, self.data)

    def row(self) -> np.void:
        """Return the first row of a binary table."""
        if not len(rows := self.rows()):
            raise UnreadableError("the table has no row")
        first: np.void = rows[0]
        return first

    def numbers(self) -> npt.NDArray[Any]:
        """Return the image in physical values, with the header's BSCALE, BZERO and BLANK applied."""
        return self.in_physical_values(self.pixels(), None if self.value("BLANK") is None else self.integer("BLANK"))

    def in_physical_values(self, pixels: npt.NDArray[Any], blank: npt.ArrayLike | None) -> npt.NDArray[Any]:
        """Scale an image's pixels by BSCALE and BZERO; integers that are `blank` become NaN."""
        return physical(pixels, self.real("BSCALE", 1), self.value("BZERO"), blank)

    def column(self, name: str, *, nulls: bool = False) -> npt.NDArray[Any]:
        """Return a column of a binary table, by name in any case: physical values, or text as bytes.

        Integers stay exact: the number that stands for no value (TNULL) is returned as it is, or as NaN if `nulls`.

        Raises
        ------
        UnreadableError
            There is no such column, or the table is damaged.
        """
        rows = self.rows()
        names = [known.upper() for known in rows.dtype.names or ()]
        if name not in names:
            raise UnreadableError(f"no column {name} in a table with {', '.join(names[:20])}")
        number = names.index(name)
        return self.physical((rows.dtype.names or ())[number], rows, nulls=nulls)

    def physical(self, name: str, rows: Any, *, nulls: bool = True) -> npt.NDArray[Any]:
        """Return a field of some rows of a binary table: scaled by TSCAL and TZERO, or Boolean if it is logical.

        Integers that stand for no value (TNULL) become NaN, unless `nulls` is false.

        Raises
        ------
        UnreadableError
            The field holds arrays of variable length.
        """
        number = rows.dtype.names.index(name) + 1
        letter = (self.value(f"TFORM{number}") or "").lstrip("0123456789")[:1]
        if letter in ("P", "Q"):
            raise UnreadableError(f"column {name} of its table holds arrays of variable length, which are not read")
        if letter == "L":
            return np.asarray(rows[name] == ord("T"))
        null = f"TNULL{number}"
        blank = self.integer(null) if nulls and self.value(null) is not None else None
        return physical(np.asarray(rows[name]), self.real(f"TSCAL{number}", 1), self.value(f"TZERO{number}"), blank)

    def _column(self, number: int) -> tuple[str, str, tuple[int, ...]]:
        name, form, dims = (self.value(f"{key}{number}") or "" for key in ("TTYPE", "TFORM", "TDIM"))
        match = _FORM.match(form)
        repeat = int(match[1] or 1) if match else 0
        if match is None or not name or repeat > len(self.raw):
            raise UnreadableError(f"column {number} of the table has name {name!r} and format {form!r}")
        letter = match[2]
        if letter == "A":
            return name, f"S{repeat}", ()
        if letter == "X":
            return name, "u1", (-(-repeat // 8),)
        if letter in "PQ":
            return name, ">i4" if letter == "P" else ">i8", (2 * repeat,)
        shape = tuple(int(size) for size in re.findall(r"\d+", dims))[::-1]
        plain = () if repeat == 1 else (repeat,)
        return name, _COLUMNS[letter], shape if shape and math.prod(shape) == repeat else plain


def _given(key: str, default: float | None) -> float:
    """Return the default of a card that is not there."""
    if default is None:
        raise UnreadableError(f"the header has no card {key}")
    return default


def primary_unit(raw: bytes) -> Unit:
    """Find a file's first header, without checking what it says.

    Parameters
    ----------
    raw
        The bytes of a FITS file, decompressed.

    Raises
    ------
    UnreadableError
        Not a FITS file, or a header without an END card.
    """
    if not raw.startswith(b"SIMPLE  ="):
        raise UnreadableError(f"not a FITS file: it begins with {raw[:24]!r} ({len(raw)} bytes)")
    return unit_at(raw, 0)


def extensions(primary: Unit) -> list[Unit]:
    """Find all units after the first, and check that every unit, including the first, is whole.

    Raises
    ------
    UnreadableError
        A header is damaged, or the file is shorter than its headers say.
    """
    raw, units = primary.raw, [primary]
    while (begin := _next_unit(units[-1])) is not None:
        if not raw.startswith(b"XTENSION=", begin):
            raise UnreadableError(f"damaged: byte {begin} should begin an extension, found {raw[begin : begin + 12]!r}")
        units.append(unit_at(raw, begin))
    return units[1:]


def _next_unit(unit: Unit) -> int | None:
    """Return where the next unit begins, or None; ignore trailing bytes that are no unit, such as zero padding."""
    begin = unit.data + -(-unit.nbytes // BLOCK) * BLOCK
    rest = unit.raw[begin : begin + BLOCK]
    over = len(rest) < BLOCK or not rest.strip(b"\0 ")
    return None if over and not rest.startswith(b"XTENSION=") else begin


def unit_at(raw: bytes, begin: int) -> Unit:
    """Find the header that begins at a byte, without checking what it says."""
    limit = begin + LONGEST_HEADER
    at = raw.find(_END, begin, limit)
    while at >= 0 and (at - begin) % CARD:
        at = raw.find(_END, at + 1, limit)
    if at < 0:
        raise (CutShortError if len(raw) < limit else UnreadableError)(
            f"the FITS header at byte {begin} has no END card: damaged, or cut short at {len(raw)} bytes"
        )
    return Unit(raw, begin, at)
