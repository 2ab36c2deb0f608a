"""A simulated archive of DESI coadds and the redshift catalogues of its targets."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from astropy.table import Table

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.steps import detail
from survey_batch.core.wording import counted
from survey_batch.spectra.synthetic.observation import Observation, observe_spectrum
from survey_batch.spectra.synthetic.targets import Target, draw_target, spectrum_of
from survey_batch.surveys.desi.paths import FIBRES_PER_PETAL, PRODUCTIONS, coadd_path

logger = logging.getLogger(__name__)

GRID = np.round(3600 + 0.8 * np.arange(7781), 1)
ARMS = {"B": slice(0, 2751), "R": slice(2700, 5026), "Z": slice(4900, 7781)}
"""The pixels of the grid that each arm sees: 3600 to 5800, 5760 to 7620 and 7520 to 9824 Angstrom."""
NOISE = {"B": 1.0, "R": 1.2, "Z": 1.1}
"""Noise of each arm, relative to the other ones: two arms see a shared pixel with different errors."""
TARGETS_PER_FILE = 40
FIRST_TARGET = 39_627_646_622_924_123
"""Beyond the integers that a float holds exactly."""
FIRST_PIXEL, FIRST_TILE, NIGHT = 26_965, 1_000, 20_210_610
NO_DATA = 1 << 8
"""Bit of SPECMASK."""
FLUX_UNIT = "10**-17 erg/(s cm2 Angstrom)"


def simulate_desi(root: Path, *, objects: int = 400, seed: int = 1) -> Path:
    """Write coadds as DR1 keeps them, of HEALPix pixels and of tiles, and the catalogues of their targets.

    Half of the targets are observed by tiles, too. The files have the parts of real ones but for the matrices of
    resolution, and masks are compressed. Numbers of pixels have nothing to do with positions.

    Parameters
    ----------
    root
        Folder that becomes the archive's root.
    objects
        Number of targets.
    seed
        The same arguments give the same files; with more objects, the first spectra stay the same.

    Returns
    -------
    Path
        The catalogue of the pixels, `<root>/zall-pix-iron.fits`. That of the tiles is
        `<root>/zall-tilecumulative-iron.fits`.

    Raises
    ------
    ConfigurationError
        An argument makes no sense.
    """
    if objects < 0 or seed < 0:
        raise ConfigurationError(f"simulate_desi: objects and seed must be 0 or more, not {objects} and {seed}")
    root.mkdir(parents=True, exist_ok=True)
    pixels: list[dict[str, Any]] = []
    tiles: list[dict[str, Any]] = []
    for file, first in enumerate(range(0, objects, TARGETS_PER_FILE)):
        drawn = [_draw(number, seed) for number in range(first, min(first + TARGETS_PER_FILE, objects))]
        where = {"survey": "main", "program": ("dark", "bright")[file % 2]}
        pixels += _write(root, "healpix", {**where, "healpix": FIRST_PIXEL + file // 2}, drawn)
        if file % 2 == 0:
            petal, tile = file // 2 % 10, FIRST_TILE + file // 20
            where_of_tile = {**where, "tileid": tile, "lastnight": NIGHT, "petal": petal}
            tiles += _write(root, "cumulative", where_of_tile, drawn)
        detail(f"simulating coadds: {first + len(drawn):,} of {counted(objects, 'spectrum', 'spectra')}")
    logger.info("simulated %s", counted(objects, "spectrum", "spectra"))
    _catalogue(root / "zall-tilecumulative-iron.fits", tiles, {"tileid": "TILEID", "lastnight": "LASTNIGHT"})
    return _catalogue(root / "zall-pix-iron.fits", pixels, {"healpix": "HEALPIX"})


def _draw(number: int, seed: int) -> tuple[Target, dict[str, Observation]]:
    """Draw a target, and what each arm sees of it."""
    target, rng = draw_target(number, seed)
    seen = observe_spectrum(GRID, spectrum_of(target, GRID, rng), target.snr, rng)
    arms = {}
    for arm, pixels in ARMS.items():
        noise = NOISE[arm] / np.sqrt(np.where(seen.ivar > 0, seen.ivar, np.inf)[pixels])
        flux = seen.flux[pixels] + noise * rng.standard_normal(noise.size)
        ivar = np.where(noise > 0, 1 / np.where(noise > 0, noise, 1) ** 2 / 2, 0)
        arms[arm] = Observation(
            GRID[pixels], flux, ivar, seen.and_mask[pixels], seen.or_mask[pixels], seen.continuum[pixels], seen.snr
        )
    return target, arms


def _write(
    root: Path, layout: str, where: dict[str, Any], drawn: list[tuple[Target, dict[str, Observation]]]
) -> list[dict[str, Any]]:
    """Write one coadd; return a row of the catalogue for each of its targets."""
    first = FIBRES_PER_PETAL * where.get("petal", 0)
    rows = [{**where, "target": target, "fiber": first + number} for number, (target, _) in enumerate(drawn)]
    path = root / coadd_path(where, PRODUCTIONS["dr1"], layout)
    path.parent.mkdir(parents=True, exist_ok=True)
    units = [fits.PrimaryHDU(), fits.BinTableHDU(_fibermap(rows), name="FIBERMAP")]
    for arm in ARMS:
        seen = [arms[arm] for _, arms in drawn]
        flux, ivar = (np.stack([getattr(one, part) for one in seen]).astype("f4") for part in ("flux", "ivar"))
        mask = np.stack([np.where((one.and_mask != 0) | (one.ivar == 0), NO_DATA, 0) for one in seen])
        units += [
            fits.ImageHDU(seen[0].wavelength, name=f"{arm}_WAVELENGTH"),
            fits.ImageHDU(flux, name=f"{arm}_FLUX"),
            fits.ImageHDU(ivar, name=f"{arm}_IVAR"),
            fits.CompImageHDU(mask.astype("i4"), name=f"{arm}_MASK", compression_type="GZIP_1"),
        ]
        units[-4].header["BUNIT"], units[-3].header["BUNIT"] = "Angstrom", FLUX_UNIT
    fits.HDUList(units).writeto(path, overwrite=True)
    return rows


def _fibermap(rows: list[dict[str, Any]]) -> Table:
    columns = {"TARGETID": _targets(rows), "COADD_FIBERSTATUS": np.zeros(len(rows), "i4"), **_positions(rows)}
    return Table({**columns, "FIBER": _numbers(rows, "fiber"), "OBJTYPE": ["TGT"] * len(rows)})


def _targets(rows: list[dict[str, Any]]) -> npt.NDArray[np.int64]:
    return np.asarray(FIRST_TARGET + np.array([row["target"].number for row in rows], "i8"))


def _positions(rows: list[dict[str, Any]]) -> dict[str, npt.NDArray[np.float64]]:
    return {
        f"TARGET_{axis.upper()}": np.array([getattr(row["target"], axis) for row in rows]) for axis in ("ra", "dec")
    }


def _numbers(rows: list[dict[str, Any]], name: str) -> npt.NDArray[np.int32]:
    return np.array([row[name] for row in rows], "i4")


def _catalogue(path: Path, rows: list[dict[str, Any]], numbers: dict[str, str]) -> Path:
    """Write the rows with the columns of a redshift catalogue that lead to spectra or say what they are."""
    targets = [row["target"] for row in rows]
    types = ["QSO" if target.kind == "QSO" else "GALAXY" if target.class_ != "STAR" else "STAR" for target in targets]
    columns: dict[str, Any] = {
        "TARGETID": _targets(rows),
        **{name.upper(): np.array([row[name] for row in rows], "S7") for name in ("survey", "program")},
        **{theirs: _numbers(rows, ours) for ours, theirs in numbers.items()},
        "FIBER": _numbers(rows, "fiber"),
        **_positions(rows),
        "Z": np.array([max(target.redshift, -1) for target in targets]),
        "ZWARN": np.array([0 if target.redshift > -1 else 4 for target in targets], "i8"),
        "SPECTYPE": np.array(types, "S6"),
        "SUBTYPE": np.array([target.subclass[:1] if target.class_ == "STAR" else "" for target in targets], "S20"),
        "ZCAT_PRIMARY": np.ones(len(rows), bool),
    }
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(Table(columns), name="ZCATALOG")]).writeto(path, overwrite=True)
    return path
