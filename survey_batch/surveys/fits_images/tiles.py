"""The list of the tiles: which of them covers a position best."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astropy.io import fits

from survey_batch.archive.decompress import decompress
from survey_batch.archive.fits_headers import check_columns, headers
from survey_batch.archive.spellings import spellings_of_image
from survey_batch.catalog.footprint import Footprint, bounds_of, reject_outside
from survey_batch.catalog.formats import open_source
from survey_batch.catalog.guesses import first_match, plain
from survey_batch.catalog.source import Source
from survey_batch.catalog.values import to_float, to_text
from survey_batch.config.key_columns import POSITION, CatalogRows
from survey_batch.core.arrays import F8, Flags
from survey_batch.core.errors import ConfigurationError, UnreadableError
from survey_batch.core.sphere import unit_vectors
from survey_batch.core.wording import counted
from survey_batch.images.reader import ImageReader
from survey_batch.images.wcs import pixel_to_sky, tangent_plane
from survey_batch.surveys.fits_images.files import chosen, damage_told, quiet, read_wcs, where_packed
from survey_batch.surveys.fits_images.section import BAND, FitsImagesArchive, files_and_hdus, tile_names

BOX = ("ra1", "ra2", "dec1", "dec2")
CORNERS = tuple(f"{axis}{number}" for axis in ("ra", "dec") for number in range(4))
POLE = 90
PIXELS_FROM = -0.5
"""Outer edge of the first pixel."""


def find_tiles(
    rows: CatalogRows, key: dict[str, pa.Array], nameless: Flags, archive: FitsImagesArchive
) -> dict[str, pa.Array]:
    """Find the tiles of rows that name none by their positions, and reject rows that no tile covers.

    Of several tiles, the one whose edge is farthest from the position is taken.

    Parameters
    ----------
    rows
        Of the catalogue.
    key
        Path and HDU of each row, null where the catalogue has none.
    nameless
        Which rows lack them.
    archive
        Names the list.

    Raises
    ------
    ConfigurationError
        The file is no list of tiles.
    """
    tiles = read_tiles(archive)
    ra, dec = rows.position()
    found = tiles.find(np.where(nameless, ra, np.nan), dec)
    rows.notes.append(f"rows that name no image have it from their positions, by archive.tiles ({archive.tiles})")
    if tiles.left_out:
        rows.notes.append(
            f"archive.tiles: {counted(tiles.left_out, 'row')} of {archive.tiles} without a value: positions that only "
            "these tiles cover end as outside"
        )
    reject_outside(rows, found, nameless, "image")
    index = pa.array(np.where(found.index >= 0, found.index, 0), mask=found.index < 0)
    return {name: pc.if_else(pa.array(nameless), tiles.key[name].take(index), values) for name, values in key.items()}


def read_tiles(archive: FitsImagesArchive) -> Footprint:
    """Read a list of tiles; the last one read is kept until its file changes.

    Raises
    ------
    ConfigurationError
        The file cannot be read, lacks columns or lists no tile.
    """
    stamp = None
    with suppress(OSError):  # a URL, or nothing, of which reading tells more
        stamp = Path(str(archive.tiles)).stat().st_mtime_ns
    return _read(archive.model_dump_json(), stamp)


@lru_cache(maxsize=1)
def _read(section: str, stamp: int | None) -> Footprint:  # noqa: ARG001
    archive = FitsImagesArchive.model_validate_json(section)
    path = str(archive.tiles)
    try:
        source = open_source(path)
    except ConfigurationError as error:  # of a catalogue
        raise ConfigurationError(f"archive.tiles: {str(error).removeprefix('catalog.path: ')}") from error
    names = {name: _column(source, name) for name in (*archive.named_by(*archive.key), "hdu")}
    if lacking := archive.lacking([name for name, theirs in names.items() if theirs is not None]):
        raise ConfigurationError(
            f"archive.tiles: {path} has no column {', '.join(lacking)}, by which images are named; it has "
            f"{', '.join(source.names)}"
        )
    key = tile_names(archive, _texts(source, names), _rows(source))
    corners = _corners(source, archive)
    if corners is None:
        corners = _from_headers(key, archive)
    known = np.isfinite(corners).all(axis=(0, 2)) & (np.abs(corners[1]) <= POLE).all(axis=1)
    bounds = np.full((corners.shape[1], 6), np.nan)
    with np.errstate(invalid="ignore"):  # corners that are one place span no rectangle
        bounds[known] = bounds_of(*_around(corners[:, known]))
    known &= np.isfinite(bounds).all(axis=1)
    for file, _ in files_and_hdus(archive.key):
        known &= ~np.asarray(key[file].is_null())
    if not known.any():
        raise ConfigurationError(f"archive.tiles: {path} lists no image with its place on the sky: correct the file")
    kept = {name: values.filter(pa.array(known)) for name, values in key.items()}
    return Footprint(kept, bounds[known], np.ones(int(known.sum())), int(np.sum(~known)))


def _column(source: Source, name: str) -> str | None:
    return name if name in source.names else first_match((plain(name),), source.names)


def _rows(source: Source) -> int:
    return int(source.read([source.names[0]]).table.num_rows)


def _texts(source: Source, names: dict[str, str | None]) -> Callable[[str], pa.Array]:
    read = [theirs for theirs in names.values() if theirs]
    table = source.read(list(dict.fromkeys(read))).table

    def column(name: str) -> pa.Array:
        theirs = names.get(name)
        return to_text(table[theirs]) if theirs else pa.nulls(table.num_rows, pa.string())

    return column


def _corners(source: Source, archive: FitsImagesArchive) -> F8 | None:
    """Return right ascensions and declinations of the corners, (2, n, 4), by the list; None if it does not say."""
    if (corners := _numbers(source, CORNERS)) is not None:
        return np.stack([corners[:4].T, corners[4:].T])
    if (box := _numbers(source, BOX)) is not None:
        west, east, south, north = box
        return np.stack([np.stack([west, east, east, west], axis=1), np.stack([south, south, north, north], axis=1)])
    theirs = [first_match(names, source.names) for names in POSITION.values()]
    if None in theirs or archive.tile_size is None:
        return None
    middle = _numbers(source, [str(name) for name in theirs])
    return None if middle is None else _square(middle[0], middle[1], archive.tile_size)


def _around(corners: F8) -> F8:
    """Put corners in their order around the middle of each rectangle: some lists go through them row by row."""
    x, y, z = unit_vectors(*corners).sum(axis=2).T
    middle = np.degrees([np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))])[:, :, None]
    east, north = tangent_plane(*middle, *corners)
    return np.take_along_axis(corners, np.argsort(np.arctan2(north, east), axis=1)[None], axis=2)


def _numbers(source: Source, names: Sequence[str]) -> F8 | None:
    """Read columns of numbers, (column, n); None if one of them is not there."""
    found = [_column(source, name) for name in names]
    if None in found:
        return None
    table = source.read([str(name) for name in found]).table
    return np.stack([to_float(table[name])[0] for name in found])


def _square(ra: F8, dec: F8, size: float) -> F8:
    """Return the corners of squares, north up, as on a plane that touches the sphere in their middle."""
    half, down = np.tan(np.radians(size) / 2), np.radians(dec)
    corners = np.empty((2, len(ra), 4))
    for number, (east, north) in enumerate(((-half, -half), (half, -half), (half, half), (-half, half))):
        across, up = np.cos(down) - north * np.sin(down), np.sin(down) + north * np.cos(down)
        corners[0, :, number] = ra + np.degrees(np.arctan2(east, across))
        corners[1, :, number] = np.degrees(np.arctan2(up, np.hypot(across, east)))
    return corners


def _from_headers(key: dict[str, pa.Array], archive: FitsImagesArchive) -> F8:
    """Return the corners of images by their headers, NaN where a file cannot be read; in a folder only."""
    root = Path(archive.root)
    if not root.is_dir():
        size = "" if archive.tile_size else ", or the middle ra, dec with archive.tile_size"
        raise ConfigurationError(
            f"archive.tiles: {archive.tiles} does not say where the images are on the sky: add columns "
            f"{', '.join(BOX)}, or {CORNERS[0]} to {CORNERS[3]} and {CORNERS[4]} to {CORNERS[7]}{size}; headers are "
            "read in a folder only"
        )
    bands = [*archive.filters.values(), *"rgizuyYJHK"]
    corners = [
        _of_image(root, str(file), hdu or "", bands)
        for file, hdu in zip(*(key[name].to_pylist() for name in ("file", "hdu")), strict=True)
    ]
    return np.stack(corners, axis=1)


def _of_image(root: Path, file: str, hdu: str, bands: Sequence[str]) -> F8:
    for band in dict.fromkeys(bands) if f"{{{BAND}}}" in file else [""]:
        path, name = (text.replace(f"{{{BAND}}}", band) for text in (file, hdu))
        there = next((one for one in spellings_of_image(path) if (root / one).is_file()), None)
        if there is None:
            continue
        with suppress(UnreadableError), damage_told(path), quiet():
            return _of_file(root / there, name, tiles=path.lower().endswith(".fz"))
    return np.full((2, 4), np.nan)


def _of_file(path: Path, hdu: str, *, tiles: bool) -> F8:
    """Read where the corners of an image are; of a file that is packed as a whole, all of it must be read."""
    with _unpacked(path) as file:
        units = list(headers(file))
        for unit in units:
            check_columns(unit.integer("TFIELDS", 0))
        file.seek(0)
        opened = fits.open(file, memmap=False)
        found = chosen(opened, where_packed(units, hdu, tiles=tiles))
        height, width = found.shape[-2:]
        x = np.array([0, width, width, 0]) + PIXELS_FROM
        y = np.array([0, 0, height, height]) + PIXELS_FROM
        return np.stack(pixel_to_sky(read_wcs(found.header, opened), x, y))


def _unpacked(path: Path) -> BinaryIO:
    if path.name.lower().endswith((".gz", ".bz2", ".xz")):
        return BytesIO(decompress(path.read_bytes(), ImageReader.ceiling))
    return path.open("rb")
