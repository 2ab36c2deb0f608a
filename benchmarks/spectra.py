"""LAMOST files to `spectra.zarr`, against decompressing them, viewing their rows and interpolating flux and ivar."""

from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from isal import igzip

from benchmarks.data import Data, repeat_catalog
from benchmarks.pipeline import make_job, ready, stored_share
from benchmarks.timing import Row
from survey_batch.spectra.grid import log_grid

COPIES = 8
"""Each file is listed this often, so that a run lasts longer than a second."""

AIM = 2000 / 5900
"""2,000 spectra per CPU-second where the floor makes 5,900."""

CARD, BLOCK = 80, 2880


def row(data: Data, scratch: Path) -> Row:
    """Set up the comparison."""
    catalog = repeat_catalog(data.spectra, COPIES, scratch / "lamost-copies.csv", separator="|")
    job = make_job(
        "spectra",
        {"survey": "lamost", "root": str(data.lamost)},
        {"path": str(catalog), "id": "copy_id"},
        scratch / "spectra",
    )
    files = [path.read_bytes() for path in sorted(data.lamost.glob("spec-*.fits*"))] * COPIES
    grid = log_grid(job.spectra.wavelength_min, job.spectra.wavelength_max)

    return Row(
        f"{len(files)} LAMOST files to spectra.zarr; floor: isal, numpy.frombuffer and numpy.interp",
        "spectra",
        len(files),
        [partial(interpolate, files[part::COPIES], grid) for part in range(COPIES)],
        lambda: ready(job),
        AIM,
        lambda: stored_share(job),
    )


def interpolate(files: list[bytes], grid: npt.NDArray[np.float64]) -> None:
    """Put some spectra on a grid."""
    for raw in files:
        interpolate_one(raw, grid)


def interpolate_one(raw: bytes, grid: npt.NDArray[np.float64]) -> None:
    """Do the least that puts a spectrum on a grid; of the few files that hold a table, decompress alone."""
    whole = igzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
    end = whole.find(b"END".ljust(CARD))
    if whole.find(b"NAXIS1  =", 0, end) < 0:
        return
    kind, size = (">f8" if card(whole, b"BITPIX") == -64 else ">f4"), int(card(whole, b"NAXIS1"))
    begin = -(-(end + CARD) // BLOCK) * BLOCK
    rows = np.frombuffer(whole, kind, 5 * size, begin).reshape(5, size)
    if whole.find(b"Wavelength", 0, end) >= 0:
        wavelength = rows[2]
    else:
        wavelength = 10 ** (card(whole, b"COEFF0") + 1e-4 * np.arange(size))
    for values in rows[:2]:
        np.interp(grid, wavelength, values)


def card(whole: bytes, name: bytes) -> float:
    """Read the number of a header card."""
    at = whole.find(name.ljust(8) + b"=")
    return float(whole[at + 10 : at + 30])
