"""FITS files of LAMOST low-resolution spectra, in the three layouts of its releases."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from survey_batch.simulate.fits_bytes import Card, primary_cards, unit
from survey_batch.spectra.synthetic.observation import Observation
from survey_batch.spectra.synthetic.targets import Target

COEFF0, COEFF1 = 3.5682, 0.0001
"""log10 of the first pixel's wavelength, and of the ratio of neighbouring ones."""


class Layout(NamedTuple):
    """One of the file layouts, as a version of LAMOST's pipeline writes it."""

    name: str
    pixels: int
    version: str
    data_version: str
    """Empty in old releases, which have no such card and no OBSID."""
    content: str
    """Card EXTEN0; empty for a table."""
    type_: str = ">f4"
    suffix: str = ".fits"
    dead_share: float = 0.0


WAVELENGTH_F4 = Layout(
    "wavelength", 3909, "v2.9.8", "LAMOST DR8", "Flux, Inverse, Wavelength, Andmask, Ormask", suffix=".fits.gz"
)
WAVELENGTH_F8 = Layout(
    "wavelength-f8", 3899, "2.7.5", "", "Flux Inverse Wavelength Andmask Ormask", ">f8", dead_share=0.04
)
SUBCONTINUUM = Layout("subcontinuum", 3904, "v2.6.4", "", "Flux Inverse Subcontinuum Andmask Ormask", dead_share=0.08)
COADD = Layout("coadd", 3909, "v2.9.8", "LAMOST DR9", "", suffix=".fits.gz")
COLUMNS = ("FLUX", "IVAR", "WAVELENGTH", "ANDMASK", "ORMASK", "NORMALIZATION")


def file_bytes(layout: Layout, name: str, target: Target, seen: Observation) -> bytes:
    """Make a spectrum's file, not compressed; `name` is the file's, without `.gz`."""
    rows = _rows(layout, seen)
    cards = _cards(layout, name, target, seen)
    if layout is not COADD:
        bits = 8 * np.dtype(layout.type_).itemsize
        return unit([*primary_cards(-bits, [seen.flux.size, 5]), *cards], rows)
    primary = unit([*primary_cards(16, []), *cards], rows[:0])
    return primary + unit(_table_cards(seen.flux.size), rows)


def _rows(layout: Layout, seen: Observation) -> npt.NDArray[Any]:
    normalized = seen.flux / seen.continuum
    third = normalized if layout is SUBCONTINUUM else seen.wavelength
    rows = [seen.flux, seen.ivar, third, seen.and_mask, seen.or_mask]
    return np.array([*rows, normalized] if layout is COADD else rows, dtype=layout.type_)


def _table_cards(size: int) -> list[Card]:
    count = len(COLUMNS)
    return [
        ("XTENSION", "BINTABLE", "Binary table"),
        ("BITPIX", 8, "Required value"),
        ("NAXIS", 2, "Required value"),
        ("NAXIS1", 4 * size * count, "Number of bytes per row"),
        ("NAXIS2", 1, "Number of rows"),
        ("PCOUNT", 0, "Normally 0 (no varying arrays)"),
        ("GCOUNT", 1, "Required value"),
        ("TFIELDS", count, "Number of columns in table"),
        ("EXTNAME", "COADD", "The extension name"),
        *((f"TTYPE{i + 1}", name, "") for i, name in enumerate(COLUMNS)),
        *((f"TFORM{i + 1}", f"{size}E", "") for i in range(count)),
    ]


def _cards(layout: Layout, name: str, target: Target, seen: Observation) -> list[Card]:
    return [
        *_file_cards(layout, name, target),
        *_observation_cards(layout, target),
        *_reduction_cards(),
        *_analysis_cards(layout, target, seen),
    ]


def _file_cards(layout: Layout, name: str, target: Target) -> list[Card]:
    new = bool(layout.data_version)
    cards: list[Card | None] = [
        ("FILENAME", name, ""),
        ("OBSID", target.obsid, "Unique number ID of this spectrum") if new else None,
        ("AUTHOR", "survey_batch", "Who compiled the information"),
        ("DATA_V", layout.data_version, "Data release version") if new else None,
        ("EXTEN0", layout.content, "") if layout.content else None,
        ("N_EXTEN", 1 if layout.content else 2, "The extension number"),
        ("EXTNAME", "Flux", "The extension name") if layout.content and layout is not SUBCONTINUUM else None,
        ("ORIGIN", "SIMULATED", "Organization responsible for creating this file"),
    ]
    return [card for card in cards if card is not None]


def _observation_cards(layout: Layout, target: Target) -> list[Card]:
    fiber = str(target.fiberid) if layout is WAVELENGTH_F8 else target.fiberid
    return [
        ("TELESCOP", "LAMOST", "GuoShouJing Telescope"),
        ("DATE-OBS", target.obsdate, "The observation median UTC"),
        ("LMJD", target.lmjd, "Local Modified Julian Day"),
        ("MJD", target.lmjd - 1, "Modified Julian Day"),
        ("PLANID", target.planid, "Plan ID in use"),
        ("RA", target.ra, "[deg] Right ascension of object"),
        ("DEC", target.dec, "[deg] Declination of object"),
        ("FIBERID", fiber, "Fiber ID of Object"),
        ("OBJTYPE", "Star", "Object type from input catalog"),
        ("RADECSYS", "FK5", "Equatorial coordinate system"),
        ("EQUINOX", 2000.0, "Equinox in years"),
        ("NEXP", 3, "Number of valid exposures"),
        ("EXPTIME", 5400.0, "[s] Minimum of exposure time for all cameras"),
        ("SPID", target.spid, "Spectrograph ID"),
    ]


def _reduction_cards() -> list[Card]:
    return [
        ("HELIO", True, "Heliocentric correction"),
        ("VACUUM", True, "Wavelengths are in vacuum"),
        ("NWORDER", 2, "Number of linear-log10 coefficients"),
        ("WFITTYPE", "LOG-LINEAR", "Linear-log10 dispersion"),
        ("COEFF0", COEFF0, "Central wavelength (log10) of first pixel"),
        ("COEFF1", COEFF1, "Log10 dispersion per pixel"),
        ("CRVAL1", COEFF0, "Central wavelength (log10) of first pixel"),
        ("CD1_1", COEFF1, "Log10 dispersion per pixel"),
        ("CRPIX1", 1, "Starting pixel (1-indexed)"),
        ("CTYPE1", "LINEAR", ""),
        ("DC-FLAG", 1, "Log-linear flag"),
    ]


def _analysis_cards(layout: Layout, target: Target, seen: Observation) -> list[Card]:
    prefix = "SNR" if layout.data_version else "SN_"
    return [
        ("VERSPIPE", layout.version, "Version of Pipeline"),
        ("CLASS", target.class_, "Class of object"),
        ("SUBCLASS", target.subclass, "Subclass of object"),
        ("Z", target.redshift, "Redshift of object"),
        *((f"{prefix}{band.upper()}", value, f"SNR of {band} filter") for band, value in seen.snr.items()),
    ]
