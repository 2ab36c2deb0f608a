"""An archive to try the survey on: coadds of noisy black bodies with a few lines."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

GRID = {"B": np.arange(3600, 5800.1, 0.8), "R": np.arange(5760, 7620.1, 0.8), "Z": np.arange(7520, 9824.1, 0.8)}
TYPES = {"GALAXY": 5000.0, "QSO": 20000.0, "STAR": 9000.0}
"""Temperature [K] of each type's continuum."""
LINES = {"GALAXY": (6564.6, 5008.2), "QSO": (4862.7,), "STAR": (4341.7, 4862.7, 6564.6)}
"""Wavelengths [Angstrom, vacuum] of its lines, in emission but for stars."""


def simulate(folder: Path, *, objects: int = 400, seed: int = 1, per_file: int = 40) -> Path:
    """Write coadds below a folder, and return the path of their catalogue."""
    random, rows = np.random.default_rng(seed), []
    for first in range(0, objects, per_file):
        pixel, number = 10000 + first // per_file, min(per_file, objects - first)
        names = 39_627_000_000_000_000 + np.arange(first, first + number)
        types = random.choice(list(TYPES), number)
        redshift = np.where(types == "STAR", 0.0, random.uniform(0, 0.2, number))
        ra, dec = 150 + random.uniform(0, 1, number), 2 + random.uniform(0, 1, number)
        path = folder / f"spectro/redux/iron/healpix/main/dark/{pixel // 100}/{pixel}/coadd-main-dark-{pixel}.fits"
        _write(path, names, types, redshift, random)
        where = (["main"] * number, ["dark"] * number, [pixel] * number)
        rows += list(zip(names, ra, dec, *where, redshift, types, strict=True))
    path = folder / "zall-pix.fits"
    columns = ("TARGETID", "TARGET_RA", "TARGET_DEC", "SURVEY", "PROGRAM", "HEALPIX", "Z", "SPECTYPE")
    Table(rows=rows, names=columns).write(path, overwrite=True)
    return path


def _write(path: Path, names: np.ndarray, types: np.ndarray, redshift: np.ndarray, random: np.random.Generator) -> None:
    units = [fits.PrimaryHDU(), fits.BinTableHDU(Table({"TARGETID": names}), name="FIBERMAP")]
    for arm, wavelength in GRID.items():
        flux = np.stack([_spectrum(wavelength, *one) for one in zip(types, redshift, strict=True)])
        noise = random.normal(0, 0.1, flux.shape)
        units += [
            fits.ImageHDU(wavelength, name=f"{arm}_WAVELENGTH"),
            fits.ImageHDU((flux + noise).astype("f4"), name=f"{arm}_FLUX"),
            fits.ImageHDU(np.full(flux.shape, 100, "f4"), name=f"{arm}_IVAR"),
            fits.ImageHDU(np.zeros(flux.shape, "i4"), name=f"{arm}_MASK"),
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList(units).writeto(path, overwrite=True)


def _spectrum(wavelength: np.ndarray, kind: str, redshift: float) -> np.ndarray:
    x = 1.4388e8 / (wavelength * TYPES[kind])
    continuum = wavelength**-5.0 / np.expm1(x)
    continuum *= 5 / continuum.mean()
    sign, width = (-0.6, 8.0) if kind == "STAR" else (2.0, 60.0 if kind == "QSO" else 5.0)
    profiles = (np.exp(-0.5 * ((wavelength - line * (1 + redshift)) / width) ** 2) for line in LINES[kind])
    return continuum * (1 + sign * sum(profiles))
