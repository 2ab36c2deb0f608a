"""Wavelengths of a spectrum: from a header's linear coordinates, in which unit, and in which medium.

The cards are those of the FITS standard 4.0 (sections 8.2 and 8.4; Greisen et al. 2006, A&A 446, 747) and those that
IRAF writes (`DC-FLAG`, `WAT1_001`).
"""

import re
from collections.abc import Iterable

import numpy as np

from survey_batch.archive.fits_units import Unit
from survey_batch.core.arrays import F8
from survey_batch.core.errors import UnreadableError
from survey_batch.surveys.fits_spectra.iraf import multispec

LOG10 = "log10"
"""The unit of log10(wavelength / Angstrom)."""

VACUUM, AIR = "vacuum", "air"

UNITS = {
    **dict.fromkeys(("angstrom", "angstroms", "ang", "a", "aa", "0.1nm", "10**-10m", "1e-10m"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre"), 10.0),
    **dict.fromkeys(("um", "micron", "microns", "micrometer", "micrometers", "micrometre", "µm", "μm"), 1e4),
    "mm": 1e7,
    "cm": 1e8,
    "m": 1e10,
}
"""Units of wavelength, in lower case without blanks: Angstrom per unit."""

_LOG = re.compile(r"^(dex|log10|log|lg)(\(?(angstroms?|a|aa|ang)?\)?)$")

_WAVELENGTHS = re.compile(r"^((WAVE|AWAV)(-LOG(10)?)?|WAVELEN.*|LAMBDA.*|LOG.*|LINEAR|)$")
"""CTYPE1 of an axis that is linear in wavelength or its logarithm; old files say little or nothing."""

MULTISPEC = "MULTISPE"

_OTHERS = ("FREQ", "ENER", "WAVN")
"""Beginnings of CTYPE1 of other quantities that tell a wavelength; the package specutils converts them."""


def unit_of(text: str) -> str:
    """Return a unit of wavelength as a key of `UNITS`, or `LOG10`; "" if nothing is said.

    Raises
    ------
    UnreadableError
        It is no unit of wavelength.
    """
    plain = re.sub(r"[\s'\[\]]", "", text).lower()
    if not plain or plain in UNITS:
        return plain
    if _LOG.match(plain):
        return LOG10
    raise UnreadableError(f"its wavelengths are in {text!r}, which is no unit of wavelength known here")


def angstrom(values: F8, unit: str, medium: str) -> F8:
    """Return vacuum wavelengths [Angstrom] from values in a unit of `unit_of`."""
    from survey_batch.spectra.line_list import air_to_vacuum

    wavelength = np.asarray(10**values if unit == LOG10 else values * UNITS[unit])
    return air_to_vacuum(wavelength) if medium == AIR else wavelength


def medium_of(units: Iterable[Unit], names: Iterable[str] = ()) -> str:
    """Return the medium of wavelengths, as headers or the name of their column say; "" if nothing is said."""
    said = set()
    for unit in units:
        kind, vacuum, word = ((unit.value(card) or "").upper() for card in ("CTYPE1", "VACUUM", "AIRORVAC"))
        code = _code(kind)
        said |= {AIR} if code == "AWAV" or vacuum in ("F", "0") or word.startswith("AIR") else set()
        said |= {VACUUM} if code == "WAVE" or vacuum in ("T", "1") or word.startswith("VAC") else set()
    for name in names:
        said |= {AIR} if re.search(r"(^|_)air(_|$)", name.lower()) else set()
        said |= {VACUUM} if re.search(r"(^|_)vac(uum)?(_|$)", name.lower()) else set()
    if len(said) > 1:
        raise UnreadableError("one part of the file says that its wavelengths are in air, another that in vacuum")
    return said.pop() if said else ""


def _code(kind: str) -> str:
    """Return which wavelength an axis has by the FITS standard; "" if a word such as WAVELENGTH says it otherwise."""
    return kind[:4] if kind[:4] in ("WAVE", "AWAV") and kind[4:5] in ("", "-") else ""


def has_axis(unit: Unit) -> bool:
    """Tell whether a header gives coordinates of its pixels that may be wavelengths."""
    cards = [unit.value(card) for card in ("CD1_1", "CDELT1")]
    linear = unit.value("CRVAL1") is not None and cards != [None, None] and not kind_of_axis(unit).startswith(_OTHERS)
    return linear or is_multispec(unit)


def is_multispec(unit: Unit) -> bool:
    """Tell whether a header gives its coordinates in IRAF's multispec format."""
    return kind_of_axis(unit) == MULTISPEC


def from_header(unit: Unit, size: int, number: int) -> tuple[F8, str]:
    """Return the coordinates of an image's pixels along its first axis, and their unit ("" if it is not said).

    Parameters
    ----------
    unit
        The header.
    size
        Number of pixels.
    number
        Which spectrum, from 0, of an image with several whose wavelengths may differ.

    Raises
    ------
    UnreadableError
        They are no wavelengths, or not linear in wavelength or its logarithm.
    """
    kind = kind_of_axis(unit)
    if is_multispec(unit):
        values, log = multispec(unit, number, size)
        return _scaled(values, unit_of(_iraf_unit(unit)), log=log)
    if not _WAVELENGTHS.match(kind):
        raise UnreadableError(
            f"its first axis has CTYPE1 = {kind!r}, which is not linear in wavelength or its logarithm"
        )
    # The standard's default of CRPIX1 is 0. Headers that do not follow it mean the first pixel.
    first, reference = unit.real("CRVAL1"), unit.real("CRPIX1", 0 if _code(kind) else 1)
    step = unit.real("CD1_1") if unit.value("CD1_1") is not None else unit.real("CDELT1") * unit.real("PC1_1", 1)
    if not step or not np.isfinite([first, step, reference]).all():
        raise UnreadableError(f"the coordinates CRVAL1 = {first}, CRPIX1 = {reference}, step {step} are impossible")
    offset = step * (np.arange(1, size + 1) - reference)
    unit_text = unit.value("CUNIT1") or _iraf_unit(unit)
    if kind in ("WAVE-LOG", "AWAV-LOG"):
        return np.asarray(first * np.exp(offset / first)), unit_of(unit_text)
    values = np.asarray(first + offset)
    log = unit.integer("DC-FLAG", 0) == 1 or kind.startswith("LOG") or kind.endswith("-LOG10")
    return _scaled(values, unit_of(unit_text), log=log)


def _scaled(values: F8, unit: str, *, log: bool) -> tuple[F8, str]:
    """Return coordinates and their unit; logarithms, whose unit is Angstrom if none is said, as those of Angstrom."""
    if not log:
        return values, unit
    return (values if unit in ("", LOG10) or UNITS[unit] == 1 else values + np.log10(UNITS[unit])), LOG10


def kind_of_axis(unit: Unit) -> str:
    """Return the card CTYPE1 in capital letters."""
    return (unit.value("CTYPE1") or "").upper()


def _iraf_unit(unit: Unit) -> str:
    found = re.search(r"units=(\w+)", unit.value("WAT1_001") or "")
    return found[1] if found else ""
