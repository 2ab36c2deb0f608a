"""Images of FITS files that may be compressed in tiles (FITS standard 4.0, section 10).

The tiles of GZIP_1, GZIP_2 and RICE_1 are unpacked here, row by row as they are usually made. The C code of other
readers unpacks large images of RICE_1 some thirty times faster. It trusts what a header says, though, and the tiles of
HCOMPRESS_1 and PLIO_1, and damage may end the process. `check_tiles` says whether an image can be left to it.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.archive.decompress import decompress
from survey_batch.archive.fits_cards import MOST_AXES
from survey_batch.archive.fits_units import BLOCK, PIXELS, Unit
from survey_batch.core.errors import UnreadableError

LARGEST_RATIO = 1100
"""Of an image to its compressed form; none of the algorithms reaches it. A header that asks for more is damaged."""

RICE = {1: (3, 6), 2: (4, 14), 4: (5, 25)}
"""Bytes of a pixel, to the bits of a block's number of low bits, and the number that means "not compressed"."""


LARGEST_BLOCK = 4096
"""Pixels of a block of RICE_1; 16 or 32 are usual."""

SEEDS = range(1, 10001)
"""Values of ZDITHER0 (FITS standard 4.0, section 10.2.1)."""

ALL_ONES = (1 << 32) - 1


def image(unit: Unit, rows: Sequence[int] | None = None) -> npt.NDArray[Any]:
    """Return a unit's image in physical values, compressed or not.

    Parameters
    ----------
    unit
        An image, or a table that holds one.
    rows
        The rows to return, of an image of two axes; all by default.

    Raises
    ------
    UnreadableError
        The unit is damaged, or compressed otherwise.
    """
    if unit.value("ZIMAGE") != "T":
        return unit.numbers() if rows is None else unit.numbers()[list(rows)]
    shape, kind = image_shape(unit), np.dtype(PIXELS.get(unit.integer("ZBITPIX"), "V"))
    count, whole_rows = math.prod(shape[:-1]), [shape[-1], *(1 for _ in shape[1:])]
    tiles = _tiles(unit, shape)
    unpack = _algorithm(unit, kind)
    table = unit.rows()
    names = table.dtype.names or ()
    quantised = "ZSCALE" in names or unit.value("ZSCALE") is not None
    if unpack is None or tiles != whole_rows or len(table) != count or quantised:
        raise UnreadableError(
            f"the image {unit.value('EXTNAME') or ''} is compressed in a way that is not read here "
            f"({unit.value('ZCMPTYPE')}, tiles {tiles}): unpack the file with funpack"
        )
    if "COMPRESSED_DATA" not in names:
        raise UnreadableError(f"the compressed image {unit.value('EXTNAME') or ''} has no column COMPRESSED_DATA")
    wanted = list(range(count) if rows is None else rows)
    pixels = np.array([unpack(_tile(unit, table, row), shape[-1]) for row in wanted]).reshape(-1, shape[-1])
    values = unit.in_physical_values(pixels, _blank(unit, table, wanted))
    return values if rows is not None else values.reshape(shape)


def image_shape(unit: Unit) -> tuple[int, ...]:
    """Return the lengths of an image's axes, compressed or not; the last axis runs fastest."""
    if unit.value("ZIMAGE") != "T":
        return unit.shape
    axes = range(min(unit.integer("ZNAXIS"), MOST_AXES), 0, -1)
    shape = tuple(unit.integer(f"ZNAXIS{axis}") for axis in axes)
    if min(shape, default=0) < 1 or abs(unit.integer("ZBITPIX")) * math.prod(shape) > 8 * LARGEST_RATIO * unit.nbytes:
        raise UnreadableError(f"the header says that {unit.nbytes} bytes hold a compressed image of shape {shape}")
    return shape


def check_tiles(unit: Unit) -> None:
    """Refuse a unit that holds a compressed image which may end the process of a reader that trusts it.

    Parameters
    ----------
    unit
        An image, or a table that holds one.

    Raises
    ------
    UnreadableError
        The header says what cannot be, or nothing shows that the tiles are as they were written.
    """
    if unit.value("ZIMAGE") != "T":
        return
    shape, name = image_shape(unit), f"the compressed image {unit.value('EXTNAME') or ''}"
    tiles = _tiles(unit, shape)
    if min(tiles) < 1 or math.prod(-(-size // tile) for size, tile in zip(shape[::-1], tiles, strict=True)) != len(
        unit.rows()
    ):
        raise UnreadableError(f"{name} has tiles of {tiles} pixels, and {len(unit.rows())} of them: damaged")
    if (unit.value("ZQUANTIZ") or "").startswith("SUBTRACTIVE") and unit.integer("ZDITHER0", 0) not in SEEDS:
        raise UnreadableError(f"{name} has ZDITHER0 {unit.value('ZDITHER0')}, not 1 to 10000: damaged")
    algorithm = unit.value("ZCMPTYPE") or ""
    if algorithm.startswith("RICE") and _rice(unit) is None:
        raise UnreadableError(f"{name} has blocks, or bytes of a pixel, that RICE_1 does not have: damaged")
    if not algorithm.startswith(("RICE", "GZIP", "NOCOMPRESS")) and not _is_as_written(unit):
        raise UnreadableError(
            f"{name} is packed by {algorithm}, whose damage cannot be told, and has no CHECKSUM that agrees: unpack "
            "the file with funpack"
        )


def _is_as_written(unit: Unit) -> bool:
    """Tell whether a unit agrees with its CHECKSUM: its words of four bytes add up to all ones (appendix J)."""
    end = unit.data + -(-unit.nbytes // BLOCK) * BLOCK
    if unit.value("CHECKSUM") is None or end > len(unit.raw):
        return False
    total = int(np.frombuffer(unit.raw, ">u4", (end - unit.begin) // 4, unit.begin).sum(dtype=np.uint64))
    while total > ALL_ONES:
        total = (total & ALL_ONES) + (total >> 32)
    return total == ALL_ONES


def _tiles(unit: Unit, shape: tuple[int, ...]) -> list[int]:
    """Return the lengths of a tile's axes, the fastest one first; by default a tile is a row."""
    whole_rows = [shape[-1], *(1 for _ in shape[1:])]
    return [unit.integer(f"ZTILE{axis}", default) for axis, default in enumerate(whole_rows, 1)]


def _rice(unit: Unit) -> tuple[int, int] | None:
    """Return the pixels of a block of RICE_1 and the bytes of a pixel; None if they cannot be."""
    said = {(unit.value(f"ZNAME{number}") or "").upper(): number for number in range(9, 0, -1)}
    block, size = (
        unit.integer(f"ZVAL{said[name]}") if name in said else default
        for name, default in (("BLOCKSIZE", 32), ("BYTEPIX", 4))
    )
    return (block, size) if size in RICE and 0 < block <= LARGEST_BLOCK else None


def _algorithm(unit: Unit, kind: np.dtype[Any]) -> Callable[[bytes, int], npt.NDArray[Any]] | None:
    """Return what turns the bytes of a tile into a number of pixels; None if the algorithm is not known."""
    name = unit.value("ZCMPTYPE")
    if name in ("GZIP_1", "GZIP_2"):
        return lambda raw, size: _from_gzip(raw, size, kind, shuffled=name == "GZIP_2")
    if name in ("RICE_1", "RICE_ONE") and kind.kind in "iu" and (found := _rice(unit)) is not None:
        return lambda raw, size: from_rice(raw, size, *found).astype(kind)
    return None


def _blank(unit: Unit, table: npt.NDArray[np.void], rows: list[int]) -> npt.NDArray[Any] | int | None:
    """Return the value of integers that are no measurement: of each tile (n, 1), of all, or None."""
    if "ZBLANK" in (table.dtype.names or ()):
        return np.asarray(table["ZBLANK"][rows]).reshape(len(rows), -1)[:, :1]
    return next((unit.integer(card) for card in ("ZBLANK", "BLANK") if unit.value(card) is not None), None)


def _tile(unit: Unit, table: npt.NDArray[np.void], row: int) -> bytes:
    descriptor = table["COMPRESSED_DATA"][row]
    count, offset = (int(number) for number in descriptor) if descriptor.shape == (2,) else (0, 0)
    begin = unit.integer("THEAP", math.prod(unit.shape)) + offset
    if count < 1 or offset < 0 or not 0 <= begin <= unit.nbytes - count:
        raise UnreadableError(f"row {row} of the compressed image {unit.value('EXTNAME') or ''} lies outside its data")
    return unit.raw[unit.data + begin : unit.data + begin + count]


def _from_gzip(raw: bytes, size: int, kind: np.dtype[Any], *, shuffled: bool) -> npt.NDArray[Any]:
    try:
        plain = decompress(raw, size * kind.itemsize)
    except UnreadableError as error:
        raise UnreadableError(f"a tile of a compressed image is damaged: {error}") from error
    if len(plain) != size * kind.itemsize:
        raise UnreadableError(
            f"a tile of a compressed image holds {len(plain)} bytes instead of {size * kind.itemsize}"
        )
    if shuffled:  # all first bytes, then all second ones, …
        plain = np.frombuffer(plain, "u1").reshape(kind.itemsize, size).T.tobytes()
    return np.frombuffer(plain, kind)


def from_rice(raw: bytes, size: int, block: int, size_of_pixel: int) -> npt.NDArray[np.int64]:
    """Unpack a tile of RICE_1 (Pence et al. 2009, PASP 121, 414): differences of neighbours, in blocks.

    Parameters
    ----------
    raw
        The tile.
    size
        Its pixels.
    block
        Pixels of a block.
    size_of_pixel
        Bytes, 1, 2 or 4.

    Raises
    ------
    UnreadableError
        The tile ends too early.
    """
    length, direct = RICE[size_of_pixel]
    width = 8 * size_of_pixel
    bits = f"{int.from_bytes(raw):0{8 * len(raw)}b}"
    differences = np.zeros(size, np.int64)
    at = width
    try:
        for first in range(0, size, block):
            low = int(bits[at : at + length], 2) - 1
            at += length
            pixels = range(first, min(first + block, size)) if low >= 0 else ()
            for pixel in pixels:
                if low == direct:
                    coded, end = int(bits[at : at + width], 2), at + width
                else:
                    one = bits.index("1", at)
                    end = one + 1 + low
                    coded = ((one - at) << low) | (int(bits[one + 1 : end], 2) if low else 0)
                differences[pixel] = ~(coded >> 1) if coded & 1 else coded >> 1
                at = end
        if at > len(bits):
            raise ValueError("too short")
        start = int(bits[:width], 2)
    except (ValueError, OverflowError) as error:
        raise UnreadableError("a tile of a compressed image is damaged or cut short") from error
    # Sums wrap around at the pixel's size; bytes are unsigned.
    values = (start + np.cumsum(differences)) & ((1 << width) - 1)
    return values if size_of_pixel == 1 else np.where(values >> (width - 1), values - (1 << width), values)
