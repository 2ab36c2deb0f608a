"""An archive to try the survey on: fields of noisy black bodies with a few lines."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

WAVE0, STEP, PIXELS = 380.0, 0.1, 5000
"""Wavelength of the first pixel, and step [nm, air]."""
TYPES = {"B": 20000.0, "F": 7000.0, "K": 4500.0}
"""Temperature [K] of each type's continuum."""
LINES = {"B": (447.1, 501.6, 587.6), "F": (434.0, 486.1, 656.3), "K": (516.7, 517.3, 589.3)}
"""Wavelengths [nm, air] of its absorption lines."""


def simulate(folder: Path, *, objects: int = 400, seed: int = 1, per_file: int = 40) -> Path:
    """Write fields below a folder, and return the path of their catalogue."""
    random, rows = np.random.default_rng(seed), []
    for first in range(0, objects, per_file):
        field, number = f"field-{first // per_file:03d}", min(per_file, objects - first)
        stars = [f"M{name:07d}" for name in range(first, first + number)]
        types = random.choice(list(TYPES), number)
        ra, dec = 150 + random.uniform(0, 1, number), 2 + random.uniform(0, 1, number)
        _write(folder / f"v2/fields/{field}.fits", stars, types, random)
        rows += list(zip(stars, ra, dec, [field] * number, types, strict=True))
    path = folder / "stars.fits"
    Table(rows=rows, names=("STAR", "RA", "DEC", "FIELD", "TYPE")).write(path, overwrite=True)
    return path


def _write(path: Path, stars: list[str], types: np.ndarray, random: np.random.Generator) -> None:
    flux = np.stack([_spectrum(kind) for kind in types])
    flags = np.where(random.random(flux.shape) < 0.01, 2, 0)
    columns = {"STAR": stars, "FLUX": (flux + random.normal(0, 0.1, flux.shape)).astype("f4")}
    table = fits.BinTableHDU(
        Table({**columns, "ERROR": np.full(flux.shape, 0.1, "f4"), "FLAGS": flags}), name="SPECTRA"
    )
    table.header["WAVE0"], table.header["STEP"] = WAVE0, STEP
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path, overwrite=True)


def _spectrum(kind: str) -> np.ndarray:
    nm = WAVE0 + STEP * np.arange(PIXELS)
    continuum = nm**-5.0 / np.expm1(1.4388e7 / (nm * TYPES[kind]))
    lines = sum(np.exp(-0.5 * ((nm - line) / 0.8) ** 2) for line in LINES[kind])
    return 5 * continuum / continuum.mean() * (1 - 0.6 * lines)
