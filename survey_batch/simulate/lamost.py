"""A simulated archive of LAMOST low-resolution spectra and the catalogue of its objects."""

import gzip
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from survey_batch.catalog.identifiers import position_names
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.steps import detail
from survey_batch.core.wording import counted
from survey_batch.simulate.spectrum_files import (
    COADD,
    COEFF0,
    COEFF1,
    SUBCONTINUUM,
    WAVELENGTH_F4,
    WAVELENGTH_F8,
    Layout,
    file_bytes,
)
from survey_batch.spectra.synthetic.observation import SNR_WINDOWS, Observation, observe_spectrum
from survey_batch.spectra.synthetic.targets import Target, draw_target, effective_temperature, spectrum_of
from survey_batch.surveys.lamost.files import spectrum_path

logger = logging.getLogger(__name__)

FILE_LAYOUTS = (
    *(WAVELENGTH_F4, SUBCONTINUUM, WAVELENGTH_F4, COADD, WAVELENGTH_F4),
    *(SUBCONTINUUM, WAVELENGTH_F4, WAVELENGTH_F8, SUBCONTINUUM, WAVELENGTH_F4),
)
"""Layouts of successive files: any ten have all of them."""
COLUMNS = (
    *("obsid", "designation", "obsdate", "lmjd", "planid", "spid", "fiberid", "ra", "dec"),
    *("snru", "snrg", "snrr", "snri", "snrz", "objtype", "class", "subclass", "z", "filename"),
    "teff",
)
"""Those of the release catalogues, and the temperature that a star's spectrum was made with [K]."""
COMPRESSION = 4
"""gzip level: higher levels gain almost nothing on noise."""


def simulate_lamost(
    root: Path, *, objects: int = 300, seed: int = 1, layout: Literal["flat", "plan", "obsid"] = "flat"
) -> Path:
    """Write spectra in a mix of all file layouts of LAMOST's releases, and the catalogue of their objects.

    As in the real releases, old files have no obsid and no S/N in the catalogue, and many pixels without inverse
    variance.

    Parameters
    ----------
    root
        Folder that becomes the archive's root.
    objects
        Number of spectra: stars of type A to M, and some galaxies, quasars and unknown ones.
    seed
        The same arguments give the same bytes; with more objects, the first ones stay the same.
    layout
        Paths of the files, as in the job's `archive.layout`. With `obsid`, every object has an obsid.

    Returns
    -------
    Path
        The catalogue, `<root>/catalog.csv`, with the columns of the release catalogues and their separator `|`,
        and `teff` [K], with which the spectra of stars were made.

    Raises
    ------
    ConfigurationError
        An argument makes no sense.
    """
    check_arguments("simulate_lamost", objects, seed, layout)
    root.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(objects):
        rows.append(_simulate_one(root, number, seed, layout))
        detail(f"simulating spectra: {number + 1:,} of {objects:,}")
    logger.info("simulated %s", counted(objects, "spectrum", "spectra"))
    return write_catalog(root, COLUMNS, rows)


def check_arguments(function: str, objects: int, seed: int, layout: str) -> None:
    """Refuse arguments of a simulator of LAMOST files that make no sense."""
    if objects < 0 or seed < 0 or layout not in ("flat", "plan", "obsid"):
        raise ConfigurationError(
            f"{function}: {objects} objects, seed {seed}, layout {layout!r}: "
            "objects and seed must be 0 or more, layout flat, plan or obsid"
        )


def write_catalog(root: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> Path:
    """Write a catalogue with the separator of LAMOST's releases, and return its path."""
    catalog = root / "catalog.csv"
    lines = ["|".join(columns), *("|".join(row[name] for name in columns) for row in rows)]
    catalog.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return catalog


def _simulate_one(root: Path, number: int, seed: int, layout: str) -> dict[str, str]:
    """Write one file; return its row of the catalogue."""
    target, rng = draw_target(number, seed)
    file_layout = FILE_LAYOUTS[number % len(FILE_LAYOUTS)]
    wavelength = np.asarray(10 ** (COEFF0 + COEFF1 * np.arange(file_layout.pixels)), np.float64)
    flux = spectrum_of(target, wavelength, rng)
    seen = observe_spectrum(wavelength, flux, target.snr, rng, dead_share=file_layout.dead_share)
    row = _row(target, file_layout, seen, layout)
    raw = file_bytes(file_layout, row["filename"].removesuffix(".gz"), target, seen)
    relative = spectrum_path(layout, row)
    assert relative is not None  # noqa: S101 - the row was made to have one
    path = root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(raw, COMPRESSION, mtime=0) if file_layout.suffix.endswith("gz") else raw)
    return row


def _row(target: Target, file_layout: Layout, seen: Observation, layout: str) -> dict[str, str]:
    new = bool(file_layout.data_version)
    name = f"spec-{target.lmjd}-{target.planid}_sp{target.spid:02d}-{target.fiberid:03d}{file_layout.suffix}"
    position = position_names(np.array([target.ra]), np.array([target.dec]))[0].as_py()
    return {
        "obsid": str(target.obsid) if new or layout == "obsid" else "",
        "designation": f"LAMOST {position}",
        "obsdate": target.obsdate,
        "lmjd": str(target.lmjd),
        "planid": target.planid,
        "spid": str(target.spid),
        "fiberid": str(target.fiberid),
        "ra": str(target.ra),
        "dec": str(target.dec),
        **{f"snr{band}": str(seen.snr[band]) if new else "" for band in SNR_WINDOWS},
        "objtype": "Star",
        "class": target.class_,
        "subclass": target.subclass,
        "z": str(target.redshift),
        "filename": name,
        "teff": f"{teff:.0f}" if (teff := effective_temperature(target)) is not None else "",
    }
