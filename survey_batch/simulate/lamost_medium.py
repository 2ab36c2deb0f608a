"""A simulated archive of LAMOST medium-resolution spectra and the catalogue of its stars."""

import gzip
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F8
from survey_batch.core.steps import detail
from survey_batch.core.wording import counted
from survey_batch.simulate.fits_bytes import Card, primary_cards, unit
from survey_batch.simulate.lamost import COMPRESSION, check_arguments, write_catalog
from survey_batch.spectra.synthetic.observation import Observation, observe_spectrum
from survey_batch.spectra.synthetic.targets import Target, draw_target, effective_temperature, spectrum_of
from survey_batch.surveys.lamost.files import spectrum_path

logger = logging.getLogger(__name__)

STEP = 8e-6
"""log10 of the ratio of neighbouring wavelengths."""
WHOLE = (3700.0, 9100.0)
"""Range in Angstrom that is observed, and of which the arms are two parts."""
ARMS = {"B": (4950.0, 5350.0), "R": (6300.0, 6800.0)}
ONE_ARM = 9
"""One file in so many has no red arm."""
COLUMNS = (
    *("obsid", "obsdate", "lmjd", "planid", "spid", "fiberid", "ra", "dec", "snr", "subclass", "z", "filename"),
    "teff",
)


def simulate_lamost_medium(
    root: Path, *, objects: int = 300, seed: int = 1, layout: Literal["flat", "plan", "obsid"] = "flat"
) -> Path:
    """Write medium-resolution files of stars, with rows and with vectors in turn, and the catalogue of the stars.

    Lines are as wide as in low resolution: the files are like real ones, but the spectra are not as sharp.

    Parameters
    ----------
    root
        Folder that becomes the archive's root.
    objects
        Number of stars.
    seed
        The same arguments give the same bytes; with more objects, the first ones stay the same.
    layout
        Paths of the files, as in the job's `archive.layout`.

    Returns
    -------
    Path
        The catalogue, `<root>/catalog.csv`, with the separator `|`, and `teff` [K], with which spectra were made.

    Raises
    ------
    ConfigurationError
        An argument makes no sense.
    """
    check_arguments("simulate_lamost_medium", objects, seed, layout)
    root.mkdir(parents=True, exist_ok=True)
    rows = []
    stars = _stars(seed)
    for number in range(objects):
        rows.append(_simulate_one(root, number, *next(stars), layout))
        detail(f"simulating spectra: {number + 1:,} of {objects:,}")
    logger.info("simulated %s", counted(objects, "spectrum", "spectra"))
    return write_catalog(root, COLUMNS, rows)


def _stars(seed: int) -> Iterator[tuple[Target, np.random.Generator]]:
    number = 0
    while True:
        target, rng = draw_target(number, seed)
        number += 1
        if target.class_ == "STAR":
            yield target, rng


def _simulate_one(root: Path, number: int, target: Target, rng: np.random.Generator, layout: str) -> dict[str, str]:
    """Write one file; return its row of the catalogue."""
    wavelength = np.asarray(10 ** (STEP * np.arange(*(round(np.log10(end) / STEP) for end in WHOLE))), np.float64)
    seen = observe_spectrum(wavelength, spectrum_of(target, wavelength, rng), target.snr, rng)
    row = _row(target, seen)
    relative = spectrum_path(layout, row, "med")
    assert relative is not None  # noqa: S101 - the row was made to have one
    path = root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(_file(number, row, target, seen), COMPRESSION, mtime=0))
    return row


def _row(target: Target, seen: Observation) -> dict[str, str]:
    return {
        "obsid": str(target.obsid),
        "obsdate": target.obsdate,
        "lmjd": str(target.lmjd),
        "planid": target.planid,
        "spid": str(target.spid),
        "fiberid": str(target.fiberid),
        "ra": str(target.ra),
        "dec": str(target.dec),
        "snr": str(seen.snr["r"]),
        "subclass": target.subclass,
        "z": str(target.redshift),
        "filename": f"med-{target.lmjd}-{target.planid}_sp{target.spid:02d}-{target.fiberid:03d}.fits.gz",
        "teff": f"{effective_temperature(target):.0f}",
    }


def _file(number: int, row: dict[str, str], target: Target, seen: Observation) -> bytes:
    """Make a file: a header that names the object, one exposure of each arm, and the coadded spectra."""
    cards: list[Card] = [
        *primary_cards(8, []),
        ("FILENAME", row["filename"].removesuffix(".gz"), ""),
        ("OBSID", target.obsid, "Unique number ID of this spectrum"),
        ("AUTHOR", "survey_batch", "Who compiled the information"),
        ("ORIGIN", "SIMULATED", "Organization responsible for creating this file"),
        ("LMJD", target.lmjd, "Local Modified Julian Day"),
        ("PLANID", target.planid, "Plan ID in use"),
        ("RA", target.ra, "[deg] Right ascension of object"),
        ("DEC", target.dec, "[deg] Declination of object"),
        ("SPID", target.spid, "Spectrograph ID"),
        ("FIBERID", target.fiberid, "Fiber ID of Object"),
        ("VACUUM", True, "Wavelengths are in vacuum"),
    ]
    exposure = 1440 * target.lmjd
    seen_by = list(ARMS)[: 1 if number % ONE_ARM == ONE_ARM - 1 else 2]
    content = [unit(cards, np.zeros(0, "u1"))]
    vectors = bool(number % 2)
    for name in (*(f"{arm}-{exposure}" for arm in seen_by), *(f"COADD_{arm}" for arm in seen_by)):
        low, high = ARMS["B" if name.startswith("B") or name.endswith("_B") else "R"]
        part = slice(*np.searchsorted(seen.wavelength, (low, high)))
        content.append(_table(name, seen, part, vectors=vectors))
    return b"".join(content)


def _table(name: str, seen: Observation, part: slice, *, vectors: bool) -> bytes:
    """Make a table of one arm: a row for each pixel, or one row of vectors."""
    masks: dict[str, npt.NDArray[Any]] = {"ANDMASK": seen.and_mask, "ORMASK": seen.or_mask}
    if not name.startswith("COADD"):
        masks = {"PIXMASK": seen.or_mask}
    axis: dict[str, F8] = {"WAVELENGTH": seen.wavelength} if vectors else {"LOGLAM": np.log10(seen.wavelength)}
    columns = {"FLUX": seen.flux, "IVAR": seen.ivar, **axis, **masks}
    size = seen.flux[part].size
    shape = (size,) if vectors else ()
    kinds = {column: ">f8" if column in axis else ">i4" if column in masks else ">f4" for column in columns}
    table = np.zeros(1 if vectors else size, [(column, kind, shape) for column, kind in kinds.items()])
    for column, values in columns.items():
        table[column] = values[part]
    forms = {">f8": "D", ">f4": "E", ">i4": "J"}
    cards: list[Card] = [
        ("XTENSION", "BINTABLE", ""),
        ("BITPIX", 8, ""),
        ("NAXIS", 2, ""),
        ("NAXIS1", table.dtype.itemsize, ""),
        ("NAXIS2", len(table), ""),
        ("PCOUNT", 0, ""),
        ("GCOUNT", 1, ""),
        ("TFIELDS", len(columns), ""),
        ("EXTNAME", name, ""),
        *((f"TTYPE{i + 1}", column, "") for i, column in enumerate(columns)),
        *((f"TFORM{i + 1}", f"{size if vectors else ''}{forms[kind]}", "") for i, kind in enumerate(kinds.values())),
    ]
    return unit(cards, table)
