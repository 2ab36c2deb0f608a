"""Simulated spectra in FITS files as different programs write them, and the catalogue that names the files."""

import csv
import logging
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table

from survey_batch.core.arrays import F8
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.steps import detail
from survey_batch.core.wording import counted
from survey_batch.spectra.line_list import air_to_vacuum
from survey_batch.spectra.synthetic.observation import Observation, observe_spectrum
from survey_batch.spectra.synthetic.targets import draw_target, spectrum_of

logger = logging.getLogger(__name__)

FLUX = "1e-17 erg / (Angstrom s cm2)"
LOG_GRID: F8 = np.asarray(10 ** (3.5682 + 1e-4 * np.arange(3900)))
"""Angstrom; the grid that spectra of LAMOST and SDSS have, too."""
AIR_GRID: F8 = np.asarray(3700 + 1.4 * np.arange(3860))
"""Angstrom, in air."""


def simulate_fits_spectra(root: Path, *, objects: int = 300, seed: int = 1) -> Path:
    """Write spectra in four layouts by turns, and the catalogue that names their files.

    The layouts are a table with a row for each pixel, a table with one row of vectors in nm, an image with a
    logarithmic axis as IRAF writes it, and an image with a linear axis in air and errors beside it.

    Parameters
    ----------
    root
        Folder that becomes the archive's root.
    objects
        Number of spectra.
    seed
        The same arguments give the same files; with more objects, the first ones stay the same.

    Returns
    -------
    Path
        The catalogue, `<root>/catalog.csv`.

    Raises
    ------
    ConfigurationError
        An argument makes no sense.
    """
    if objects < 0 or seed < 0:
        raise ConfigurationError(f"simulate_fits_spectra: objects and seed must be 0 or more, not {objects} and {seed}")
    root.mkdir(parents=True, exist_ok=True)
    with (root / "catalog.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("id", "ra", "dec", "class", "subclass", "z", "file"))
        for number in range(objects):
            target, rng = draw_target(number, seed)
            vacuum = air_to_vacuum(AIR_GRID) if number % 4 == 3 else LOG_GRID
            seen = observe_spectrum(vacuum, spectrum_of(target, vacuum, rng), target.snr, rng)
            name = f"{number // 100:03d}/spectrum-{number:06d}.fits"
            (root / name).parent.mkdir(exist_ok=True)
            fits.HDUList([*LAYOUTS[number % 4](seen)]).writeto(root / name, overwrite=True)
            class_ = "QSO" if target.kind == "QSO" else target.class_
            writer.writerow((number, target.ra, target.dec, class_, target.subclass, target.redshift, name))
            detail(f"simulating spectra: {number + 1:,} of {objects:,}")
    logger.info("simulated %s", counted(objects, "spectrum", "spectra"))
    return root / "catalog.csv"


def _error(seen: Observation) -> F8:
    return np.where(seen.ivar > 0, 1 / np.sqrt(np.where(seen.ivar > 0, seen.ivar, 1)), np.nan)


def _pixel_rows(seen: Observation) -> list[Any]:
    """Make a table with a row for each pixel."""
    columns = {"wave_vac": seen.wavelength, "flux": seen.flux.astype("f4"), "ivar": seen.ivar.astype("f4")}
    table = fits.BinTableHDU(Table(columns, units={"wave_vac": "Angstrom", "flux": FLUX}), name="SPECTRUM")
    return [fits.PrimaryHDU(), table]


def _vectors(seen: Observation) -> list[Any]:
    """Make a table with one row, of wavelengths in nm."""
    columns = {"WAVE": seen.wavelength[None] / 10, "FLUX": seen.flux[None], "ERR": _error(seen)[None]}
    table = fits.BinTableHDU(Table(columns, units={"WAVE": "nm", "FLUX": FLUX}), name="PHASE3SPECTRUM")
    primary = fits.PrimaryHDU()
    primary.header["VACUUM"] = True
    return [primary, table]


def _logarithmic(seen: Observation) -> list[Any]:
    """Make an image with the bands of flux and error that IRAF writes."""
    primary = fits.PrimaryHDU(np.stack([seen.flux, np.nan_to_num(_error(seen))])[:, None].astype("f4"))
    axis = {"CTYPE1": "LINEAR", "CRVAL1": 3.5682, "CRPIX1": 1, "CD1_1": 1e-4, "DC-FLAG": 1, "VACUUM": True}
    bands = {"BANDID1": "spectrum - simulated", "BANDID2": "sigma - simulated"}
    primary.header.update({**axis, **bands, "WAT1_001": "wtype=linear label=Wavelength units=Angstroms", "BUNIT": FLUX})
    return [primary]


def _linear(seen: Observation) -> list[Any]:
    """Make an image of wavelengths in air, and one of errors."""
    flux = fits.PrimaryHDU(seen.flux.astype("f4"))
    axis = {"CTYPE1": "AWAV", "CUNIT1": "Angstrom", "CRVAL1": AIR_GRID[0], "CRPIX1": 1.0, "CDELT1": 1.4}
    flux.header.update({**axis, "BUNIT": FLUX})
    return [flux, fits.ImageHDU(_error(seen).astype("f4"), name="ERR")]


LAYOUTS = (_pixel_rows, _vectors, _logarithmic, _linear)
