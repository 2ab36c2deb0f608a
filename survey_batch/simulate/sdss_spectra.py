"""A simulated archive of SDSS spectra and the catalogue of its objects."""

import csv
import logging
from pathlib import Path

import numpy as np

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.steps import detail
from survey_batch.core.wording import counted
from survey_batch.simulate.fits_bytes import Card, primary_cards, unit
from survey_batch.spectra.synthetic.observation import Observation, observe_spectrum
from survey_batch.spectra.synthetic.targets import Target, draw_target, spectrum_of
from survey_batch.surveys.sdss_spectra.paths import spectrum_path

logger = logging.getLogger(__name__)

RELEASES = {"26": "dr17", "v5_13_2": "dr17", "v6_1_3": "dr19"}
"""Reductions, and the release that has them."""
PIXELS = {"26": (3.5803, 3840), "v5_13_2": (3.5527, 4620), "v6_1_3": (3.5523, 4640)}
"""log10 of the first wavelength and number of pixels: the SDSS spectrographs see less than that of BOSS."""
TYPES = {"flux": ">f4", "loglam": ">f4", "ivar": ">f4", "and_mask": ">i4", "or_mask": ">i4", "wdisp": ">f4"}
"""Columns of the table COADD that the simulator writes."""
COLUMNS = (
    *("specobjid", "ra", "dec", "run2d", "plate", "mjd", "fiberid", "fieldid", "catalogid"),
    *("class", "subclass", "z", "sn_median"),
)
FIBRES = 640


def simulate_sdss_spectra(root: Path, *, objects: int = 300, seed: int = 1) -> Path:
    """Write spectra of plates as SDSS and BOSS took them, and of SDSS-V, and the catalogue of their objects.

    Two thirds are spectra of plates, below folders of release DR17; one third is of SDSS-V, below those of DR19. A job
    of one release reads its own, so the catalogues of both are written apart: `catalog.csv` and `catalog-dr19.csv`.

    Parameters
    ----------
    root
        Folder that becomes the archive's root.
    objects
        Number of spectra.
    seed
        The same arguments give the same bytes; with more objects, the first ones stay the same.

    Returns
    -------
    Path
        The catalogue of the plates, `<root>/catalog.csv`, with the columns of SpecObj.

    Raises
    ------
    ConfigurationError
        An argument makes no sense.
    """
    if objects < 0 or seed < 0:
        raise ConfigurationError(f"simulate_sdss_spectra: objects and seed must be 0 or more, not {objects} and {seed}")
    root.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(objects):
        rows.append(_simulate_one(root, number, seed))
        detail(f"simulating spectra: {number + 1:,} of {objects:,}")
    logger.info("simulated %s", counted(objects, "spectrum", "spectra"))
    _write(root / "catalog-dr19.csv", [row for row in rows if RELEASES[row["run2d"]] == "dr19"])
    return _write(root / "catalog.csv", [row for row in rows if RELEASES[row["run2d"]] == "dr17"])


def _simulate_one(root: Path, number: int, seed: int) -> dict[str, str]:
    target, rng = draw_target(number, seed)
    run = list(RELEASES)[number % len(RELEASES)]
    first, pixels = PIXELS[run]
    wavelength = np.asarray(10 ** (first + 1e-4 * np.arange(pixels)), np.float64)
    seen = observe_spectrum(wavelength, spectrum_of(target, wavelength, rng), target.snr, rng)
    row = _row(target, run, seen)
    numbers = {name: int(row[name] or -1) for name in ("plate", "mjd", "fiberid", "fieldid")}
    key = {**numbers, "run2d": run, "catalogid": row["catalogid"]}
    path = root / spectrum_path(key, RELEASES[run], "lite", None)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_file(row, seen))
    return row


def _row(target: Target, run: str, seen: Observation) -> dict[str, str]:
    plate, fibre = divmod(target.number, FIBRES)
    of_plates = RELEASES[run] == "dr17"
    return {
        "specobjid": str((2 << 60) + target.number),  # beyond the integers that a float holds exactly
        "ra": str(target.ra),
        "dec": str(target.dec),
        "run2d": run,
        "plate": str(266 + plate) if of_plates else "",
        "mjd": str(target.lmjd),
        "fiberid": str(1 + fibre),
        "fieldid": "" if of_plates else str(15000 + plate),
        "catalogid": "" if of_plates else str(27021597842679140 + target.number),
        "class": "QSO" if target.kind == "QSO" else target.class_,
        "subclass": target.subclass if target.class_ == "STAR" else "",
        "z": str(target.redshift),
        "sn_median": f"{np.median(list(seen.snr.values())):.4f}",
    }


def _file(row: dict[str, str], seen: Observation) -> bytes:
    """Make a file as `spec` describes it: a header that names the object, and a table with a row for each pixel."""
    named = {"PLATEID": row["plate"], "MJD": row["mjd"], "FIBERID": row["fiberid"]}
    cards: list[Card] = [(name, int(text), "") for name, text in named.items() if text]
    cards += [("PLUG_RA", float(row["ra"]), "[deg]"), ("PLUG_DEC", float(row["dec"]), "[deg]")]
    columns = {
        "flux": seen.flux,
        "loglam": np.log10(seen.wavelength),
        "ivar": seen.ivar,
        "and_mask": np.where(seen.and_mask, 1 << 24, 0),  # NODATA
        "or_mask": np.where(seen.or_mask, 1 << 24, 0),
        "wdisp": np.ones(seen.flux.size),
    }
    table = np.zeros(seen.flux.size, list(TYPES.items()))
    for name, values in columns.items():
        table[name] = values
    return unit([*primary_cards(8, []), *cards], table[:0]) + unit(_table_cards(table), table)


def _table_cards(table: np.ndarray) -> list[Card]:
    names = table.dtype.names or ()
    return [
        ("XTENSION", "BINTABLE", ""),
        ("BITPIX", 8, ""),
        ("NAXIS", 2, ""),
        ("NAXIS1", table.dtype.itemsize, ""),
        ("NAXIS2", len(table), ""),
        ("PCOUNT", 0, ""),
        ("GCOUNT", 1, ""),
        ("TFIELDS", len(names), ""),
        ("EXTNAME", "COADD", ""),
        *((f"TTYPE{i + 1}", name, "") for i, name in enumerate(names)),
        *((f"TFORM{i + 1}", "J" if table.dtype[name].kind == "i" else "E", "") for i, name in enumerate(names)),
    ]


def _write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path
