"""Simulated images of a survey of one's own: overlapping tiles, packed by fpack, and a catalogue of their stars."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from survey_batch.core.arrays import F4, F8
from survey_batch.core.errors import ConfigurationError
from survey_batch.images.frame import CTYPE, FrameWcs
from survey_batch.images.wcs import pixel_to_sky, sky_to_pixel

PIXEL = 0.262 / 3600
"""Degrees on a side of a pixel, as of the Legacy Surveys."""
OVERLAP = 40
"""Columns of a tile that are also on the next one."""
CELL = 32
"""Successive tiles that lie on one pixel grid, as those of a projection cell of Pan-STARRS."""
WEST, DEC = 150.0, 2.0
"""Middle of the first tile [deg]."""
SEEING = {"g": 2.4, "r": 2.1, "z": 1.9}
"""Standard deviation of a star's image, in pixels; 2 in other bands."""
NOISE = 0.02
"""Standard deviation of the sky, in nanomaggies per pixel."""
BRIGHTEST, FAINTEST = 16.0, 21.0
"""Magnitudes between which stars are drawn."""
REACH = 16
"""Pixels around a star that get light of it."""
SATURATED, BAD_COLUMN = 1, 5
"""Bits of masks: pixels at least as bright as `FULL` in any band, and a column without data in each tile."""
FULL = 10.0
"""Nanomaggies of a pixel that is saturated."""


def simulate_tiles(
    root: Path,
    *,
    objects: int = 400,
    fields: int = 4,
    seed: int = 1,
    bands: str = "grz",
    shape: tuple[int, int] = (600, 640),
) -> Path:
    """Write a row of tiles that overlap, a list of them, and a catalogue of the stars on them.

    Parameters
    ----------
    root
        Folder that becomes the archive's root: `<brick>/image-<brick>-<band>.fits.fz`, beside each image its inverse
        variance `invvar-<brick>-<band>.fits.fz` and for all bands of a tile `maskbits-<brick>.fits.fz`, whose bits are
        `SATURATED` and `BAD_COLUMN`; and `bricks.csv`, a list of the tiles for `archive.tiles`.
    objects, fields
        Numbers of stars and of tiles.
    seed
        The same arguments give the same pixels.
    bands
        Letters, one for each band.
    shape
        Rows and columns of a tile.

    Returns
    -------
    Path
        The catalogue, `<root>/catalog.csv`.

    Raises
    ------
    ConfigurationError
        An argument makes no sense.
    """
    if objects < 0 or fields < 1 or seed < 0 or not bands or min(shape) <= OVERLAP:
        raise ConfigurationError(
            f"simulate_tiles: objects and seed must be 0 or more, fields 1 or more, a shape above {OVERLAP} pixels"
        )
    rng = np.random.default_rng(seed)
    tiles = {f"{number:04d}p{round(DEC * 10):03d}": _wcs(number, shape) for number in range(fields)}
    step = (shape[1] - OVERLAP) * PIXEL
    ra = (WEST - (rng.random(objects) * fields - 0.5) * step / np.cos(np.radians(DEC))) % 360
    dec = DEC + (rng.random(objects) - 0.5) * shape[0] * PIXEL * 0.98
    flux = 10 ** ((22.5 - rng.uniform(BRIGHTEST, FAINTEST, (objects, len(bands)))) / 2.5)
    for number, (brick, wcs) in enumerate(tiles.items()):
        folder = root / brick
        folder.mkdir(parents=True, exist_ok=True)
        x, y = sky_to_pixel(wcs, ra, dec)
        bad = np.arange(shape[1]) == (17 * number + 5) % shape[1]
        mask = np.broadcast_to(np.where(bad, 1 << BAD_COLUMN, 0), shape).astype(np.int16)
        for band, letter in enumerate(bands):
            pixels = _pixels(np.random.default_rng([seed, number, band]), shape, x, y, flux[:, band], letter)
            mask[pixels >= FULL] |= 1 << SATURATED
            ivar = np.broadcast_to(np.where(bad, 0, NOISE**-2), shape).astype(np.float32)
            _write(folder / f"image-{brick}-{letter}.fits.fz", pixels, wcs, FILTER=letter, **NANOMAGGIES)
            _write(folder / f"invvar-{brick}-{letter}.fits.fz", ivar, wcs, FILTER=letter, BUNIT="1/nanomaggy^2")
        _write(folder / f"maskbits-{brick}.fits.fz", mask, wcs)
    _write_table(root / "bricks.csv", [_listed(brick, wcs, shape) for brick, wcs in tiles.items()])
    nearest = np.clip(np.floor((WEST - ra) * np.cos(np.radians(DEC)) / step + 0.5), 0, fields - 1).astype(int)
    names = list(tiles)
    rows = [
        {"object_id": f"star-{i}", "ra": f"{ra[i]:.8f}", "dec": f"{dec[i]:.8f}", "brick": names[nearest[i]]}
        | {f"mag_{letter}": f"{22.5 - 2.5 * np.log10(flux[i, band]):.4f}" for band, letter in enumerate(bands)}
        for i in range(objects)
    ]
    return _write_table(root / "catalog.csv", rows)


def _wcs(number: int, shape: tuple[int, int]) -> FrameWcs:
    """Return the WCS of a tile: each lies west of the one before, and those of a cell on one pixel grid."""
    cell, step = number // CELL, shape[1] - OVERLAP
    ra = WEST - cell * CELL * step * PIXEL / np.cos(np.radians(DEC))
    crpix = np.array([(shape[1] + 1) / 2 - number % CELL * step, (shape[0] + 1) / 2])
    return FrameWcs(np.array([ra % 360, DEC]), crpix, np.array([[-PIXEL, 0.0], [0.0, PIXEL]]))


def _pixels(rng: np.random.Generator, shape: tuple[int, int], x: F8, y: F8, flux: F8, band: str) -> F4:
    image = rng.normal(0, NOISE, shape)
    width = SEEING.get(band, 2.0)
    for column, row, light in zip(x, y, flux, strict=True):
        first_x, first_y = (max(round(middle) - REACH, 0) for middle in (column, row))
        across, up = (
            np.arange(first, min(first + 2 * REACH, length))
            for first, length in ((first_x, shape[1]), (first_y, shape[0]))
        )
        if len(across) and len(up) and column > -REACH and row > -REACH:
            star = np.exp(-((across - column) ** 2 + (up[:, None] - row) ** 2) / (2 * width**2))
            image[np.ix_(up, across)] += light / (2 * np.pi * width**2) * star
    return image.astype(np.float32)


NANOMAGGIES: Mapping[str, str | float] = {"BUNIT": "nanomaggy", "MAGZERO": 22.5}


def _write(path: Path, pixels: npt.NDArray[Any], wcs: FrameWcs, **cards: str | float) -> None:
    header = fits.Header({**cards, "RADESYS": "ICRS"})
    for axis in (0, 1):
        header[f"CTYPE{axis + 1}"], header[f"CUNIT{axis + 1}"] = CTYPE[axis], "deg"
        header[f"CRVAL{axis + 1}"], header[f"CRPIX{axis + 1}"] = wcs.crval[axis], wcs.crpix[axis]
        for other in (0, 1):
            header[f"CD{axis + 1}_{other + 1}"] = wcs.cd[axis, other]
    image = fits.CompImageHDU(pixels, header, compression_type="RICE_1", quantize_level=16.0, quantize_method=-1)
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path, overwrite=True)


def _listed(brick: str, wcs: FrameWcs, shape: tuple[int, int]) -> Mapping[str, str]:
    """List a tile as the Legacy Surveys list their bricks."""
    height, width = shape
    ra, dec = pixel_to_sky(wcs, np.array([-0.5, width - 0.5]), np.array([-0.5, height - 0.5]))
    return {
        "brick": brick,
        "ra1": f"{ra[1]:.8f}",
        "ra2": f"{ra[0]:.8f}",
        "dec1": f"{dec[0]:.8f}",
        "dec2": f"{dec[1]:.8f}",
    }


def _write_table(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(
            file, list(rows[0]) if rows else ["object_id", "ra", "dec", "brick"], lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(rows)
    return path
