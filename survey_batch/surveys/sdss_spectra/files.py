"""Files of SDSS spectra: a table `COADD` with one row for each pixel (SDSS data model, `spec`)."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.archive.fits_units import Unit, extensions, primary_unit
from survey_batch.core.arrays import I4
from survey_batch.core.errors import UnreadableError
from survey_batch.core.sky import separation_arcsec
from survey_batch.spectra.checks import increasing
from survey_batch.spectra.grid import Spectrum, log_linear_start

FIBRE_BITS = (1 << 16) - 1
"""Bits of SPPIXMASK that concern a whole fibre: it is not plugged, or its trace, flat or arc is bad."""
FIBRE_PROBLEM = 1 << 13
PIXEL_BITS = (
    *("near_bad_pixel", "low_flat", "full_reject", "partial_reject", "scattered_light", "crosstalk", "no_sky"),
    *("bright_sky", "no_data", "combine_reject", "bad_flux_factor", "bad_sky_chi", "red_monster"),
)
"""Bits 16 to 28 of SPPIXMASK (SDSS, Bitmasks). Those of a product lie below 2^16, so they move down by 16."""
MASK_BITS = {**{name: 1 << bit for bit, name in enumerate(PIXEL_BITS)}, "fibre_problem": FIBRE_PROBLEM}

IDENTITY = {"plate": "PLATEID", "mjd": "MJD", "fiberid": "FIBERID"}
"""Columns of the catalogue, and the cards of the header that say the same."""

NEEDED, WIDTH = ("FLUX", "IVAR", "AND_MASK", "LOGLAM"), "WDISP"
"""Columns that every file has, and the standard deviation of the line spread function in pixels of 1e-4 dex."""

PIXEL_KM_S = 1e-4 * np.log(10) * 299792.458
"""Width of such a pixel [km/s]."""

ARCMINUTE = 60.0
"""Arcseconds; a file's position farther than this from the catalogue's belongs to another object."""


def read_spectrum(raw: bytes, row: Mapping[str, Any]) -> Spectrum:
    """Read one spectrum, and check that it belongs to the object.

    Parameters
    ----------
    raw
        The bytes of a FITS file, decompressed.
    row
        The object's row of the catalogue. `plate`, `mjd`, `fiberid`, `run2d` and the position are compared where the
        row and the header have them.

    Raises
    ------
    UnreadableError
        The bytes are not such a file, are cut short, or hold another object.
    """
    primary = primary_unit(raw)
    _check_identity(primary, row)
    units = extensions(primary)
    table = next((unit for unit in units if unit.value("EXTNAME") in ("COADD", "coadd")), None)
    if table is None:
        names = [unit.value("EXTNAME") or "" for unit in units]
        raise UnreadableError(f"no spectrum: there is no table COADD among the extensions {names}")
    with np.errstate(all="ignore"):  # the grid flags values that are not finite
        return _spectrum(*_columns(table))


def _columns(table: Unit) -> Iterator[npt.NDArray[Any]]:
    """Yield the columns that are needed, and that of the width if it is there."""
    rows = table.rows()
    named = {name.upper(): name for name in rows.dtype.names or ()}
    if lacking := [name for name in NEEDED if name not in named]:
        raise UnreadableError(f"table COADD has no column {' or '.join(lacking)}; it has {', '.join([*named][:20])}")
    for name in (*NEEDED, WIDTH):
        if name in named:
            yield table.physical(named[name], rows)


def _spectrum(*columns: npt.NDArray[Any]) -> Spectrum:
    if wrong := [str(values.dtype) for values in columns if values.ndim != 1 or values.dtype.kind not in "iuf"]:
        raise UnreadableError(f"columns of table COADD do not hold one number in each row ({', '.join(wrong)})")
    flux, ivar, mask, loglam, *width = columns
    if flux.size < 2:
        raise UnreadableError(f"table COADD has {flux.size} pixels")
    logarithm = loglam.astype(np.float64)
    if not increasing(10**logarithm):
        raise UnreadableError("its wavelengths (column LOGLAM) are not increasing numbers")
    start = log_linear_start(logarithm)
    values = flux.astype(np.float32), ivar.astype(np.float32), pixel_mask(mask)
    dispersion = (width[0] * PIXEL_KM_S).astype(np.float32) if width else None
    return Spectrum(*values, start, None if np.isfinite(start) else 10**logarithm, dispersion)


def pixel_mask(mask: npt.NDArray[Any]) -> I4:
    """Turn SPPIXMASK into the bits of `MASK_BITS`."""
    bits = np.asarray(np.nan_to_num(mask, nan=FIBRE_BITS), np.int64)
    pixel = (bits >> 16) & (FIBRE_PROBLEM - 1)
    return np.where(bits & FIBRE_BITS != 0, pixel | FIBRE_PROBLEM, pixel).astype(np.int32)


def _check_identity(primary: Unit, row: Mapping[str, Any]) -> None:
    """Refuse a file whose header names another object, or another reduction, than the catalogue's row."""
    cards = {name: primary.value(card) for name, card in IDENTITY.items()}
    known = {name: int(text) for name, text in cards.items() if text and text.isdigit()}
    wrong = [f"{name} {held} instead of {row[name]}" for name, held in known.items() if held != row[name] >= 0]
    run, asked = primary.value("RUN2D"), row.get("run2d", "")
    wrong += [f"run2d {run} instead of {asked}"] if run and asked and run != asked else []
    here, there = _position(primary), (float(row["ra"]), float(row["dec"]))
    if here and np.isfinite(there).all() and (apart := float(separation_arcsec(*here, *there))) > ARCMINUTE:
        wrong.append("position {} {} instead of {} {} ({:,.4g} arcmin away)".format(*here, *there, apart / ARCMINUTE))
    if wrong:
        raise UnreadableError(f"the file holds another object than the catalogue says: {', '.join(wrong)}")


def _position(primary: Unit) -> tuple[float, float] | None:
    """Return the position of the fibre's hole [deg], None if the header does not say it."""
    if primary.value("PLUG_RA") is None or primary.value("PLUG_DEC") is None:
        return None
    ra, dec = primary.real("PLUG_RA"), primary.real("PLUG_DEC")
    return (ra, dec) if 0 <= ra <= 360 and -90 <= dec <= 90 else None
