"""A small LAMOST archive: files that are just real enough, and their catalogue."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
from astropy.io import fits

PIXELS = 3909


def write_spectrum(path: Path, seed: int) -> np.ndarray:
    """Write one file of the five-row layout; return its flux."""
    random = np.random.default_rng(seed)
    flux = random.normal(100, 5, PIXELS).astype(np.float32)
    wavelength = (10 ** (3.5682 + 1e-4 * np.arange(PIXELS))).astype(np.float32)
    rows = np.stack([flux, np.full(PIXELS, 0.04), wavelength, np.zeros(PIXELS), np.zeros(PIXELS)])
    header = fits.Header({"EXTEN0": "Flux, Inverse, Wavelength, Andmask, Ormask", "COEFF0": 3.5682, "COEFF1": 1e-4})
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.PrimaryHDU(rows.astype(np.float32), header).writeto(path, overwrite=True)
    return flux


def make_archive(folder: Path, objects: int = 40, missing: Collection[int] = ()) -> dict:
    """Write files, but for missing numbers, with a catalogue of all; return the job's keys that point to them."""
    lines = ["obsid|ra|dec|obsdate|lmjd|planid|spid|fiberid|class|subclass|z|snrr|filename"]
    for number in range(objects):
        name = f"spec-55000-TEST_sp01-{number + 1:03d}.fits"
        if number + 1 not in missing:
            write_spectrum(folder / name, number)
        letter = "AFGKM"[number % 5]
        position = f"{10 + number / 100}|{number / 50}"
        fibre = f"2011-10-27|55000|TEST|1|{number + 1}"
        lines.append(f"{1000 + number}|{position}|{fibre}|STAR|{letter}5|0.0|50|{name}")
    (folder / "catalog.csv").write_text("\n".join(lines) + "\n")
    return {
        "catalog": {"path": str(folder / "catalog.csv"), "label": "spectral_type"},
        "archive": {"survey": "lamost", "root": str(folder)},
    }
