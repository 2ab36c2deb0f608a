"""Units of pixels: nanomaggies by the job or the header, or what the header says."""

import math

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from astropy.units import Unit, UnitBase, mag
from astropy.units.function import FunctionUnitBase

from survey_batch.core.errors import UnreadableError

NANOMAGGY = "nanomaggy"
MAGNITUDE = 22.5
"""AB magnitude of a nanomaggy."""
FAINTEST = 60.0
"""Magnitude of a pixel of 1, either way; a W / (m2 Hz) has -56."""
JANSKYS = 3.631e-6
"""Janskys in a nanomaggy."""
NANOMAGGIES = ("nanomaggy", "nanomaggies", "nanomaggie", "nmgy", "nmaggy")

ZERO_POINTS = ("MAGZERO", "MAGZPT", "MAGZP", "PHOTZP", "ZEROPNT")
"""Cards with the AB magnitude of a pixel of 1, in this order."""
SOFTENED = ("BOFFSET", "BSOFTEN")
"""Cards of pixels on an asinh scale, as of Pan-STARRS 1."""
POGSON = 2.5 / math.log(10)


def factor_of(header: fits.Header, unit: str, zero_point: float | str | None) -> float:
    """Return the unit of the product per unit of the file.

    Parameters
    ----------
    header
        Of the image.
    unit, zero_point
        As in the job's table `[archive]`.

    Raises
    ------
    UnreadableError
        The header does not say what a pixel is, or says another unit than the job.
    """
    stated = stated_unit(header)
    if unit != NANOMAGGY:
        if stated and not _same(stated, unit):
            raise UnreadableError(f"its pixels are in {stated!r} by BUNIT, and archive.unit is {unit!r}")
        return 1.0
    if isinstance(zero_point, str):
        return _by_magnitude(_number(header, zero_point))
    if zero_point is not None:
        return _by_magnitude(zero_point)
    for known in (_by_unit, _by_card, _of_pan_starrs, _by_flux):
        if (factor := known(header, stated)) is not None:
            return factor
    raise UnreadableError(
        f"its header says no unit that is known (BUNIT {stated!r}) and no zero point ({', '.join(ZERO_POINTS)} or "
        "FLUXMAG0): set archive.zero_point to a magnitude or a card, or archive.unit to keep the pixels as they are"
    )


def linear(pixels: npt.NDArray[np.generic], header: fits.Header) -> npt.NDArray[np.generic]:
    """Undo an asinh scale: flux = BOFFSET + 2 BSOFTEN sinh(value / a), a = 2.5 / ln 10.

    Pan-STARRS, Image Processing Pipeline, "asinh compression".
    """
    if not all(card in header for card in SOFTENED):
        return pixels
    offset, softening = (_number(header, card) for card in SOFTENED)
    return np.asarray(offset + 2 * softening * np.sinh(np.asarray(pixels, np.float64) / POGSON))


def noise_factor(given: str, unit: str, power: int) -> float:
    """Return the factor from noise in the unit that its header says to that power of the image's unit.

    It is 1 unless one is a multiple of the other: headers of noise often repeat the image's unit, or say counts.
    """
    if not (given and unit):
        return 1.0
    try:
        theirs, ours = _known(given), _known(unit) ** power
        return 1.0 if isinstance(theirs, FunctionUnitBase) else float(theirs.to(ours))
    except (ValueError, TypeError):
        return 1.0


def _known(text: str) -> UnitBase:
    return Unit(f"{JANSKYS} Jy" if text.lower() in NANOMAGGIES else text)


def stated_unit(header: fits.Header) -> str:
    """Return the unit by the header, "" if it says none; per pixel or not is the same here."""
    text = str(header.get("BUNIT", "") or "").strip()
    for ending in ("/pixel", "/pix", " pixel-1", " pix-1"):
        text = text.removesuffix(ending).strip()
    return text


def _same(stated: str, unit: str) -> bool:
    """Tell whether two spellings are one unit: `ADU` is `adu`, and `MJy` is not `mJy`."""
    if stated.lower() != unit.lower():
        return False
    try:
        return bool(Unit(stated) == Unit(unit))
    except (ValueError, TypeError):  # a unit that astropy does not know, or one spelling of it
        return True


def _by_magnitude(magnitude: float) -> float:
    if abs(magnitude) > FAINTEST:  # stands for no value, as 99 and -999 often do
        raise UnreadableError(f"its zero point is {magnitude:g}, which is no magnitude of a pixel")
    return float(10 ** ((MAGNITUDE - magnitude) / 2.5))


def _by_unit(header: fits.Header, stated: str) -> float | None:  # noqa: ARG001
    """Convert nanomaggies and janskys."""
    if stated.lower() in NANOMAGGIES:
        return 1.0
    try:
        unit = Unit(stated)
        if isinstance(unit, FunctionUnitBase) or mag in unit.bases:
            raise UnreadableError(f"its pixels are magnitudes, or other logarithms, by BUNIT {stated!r}")
        return float(unit.to("Jy")) / JANSKYS if stated else None
    except (ValueError, TypeError):  # no unit, or another kind of unit
        return None


def _by_card(header: fits.Header, stated: str) -> float | None:  # noqa: ARG001
    card = next((card for card in ZERO_POINTS if card in header), None)
    return _by_magnitude(_number(header, card)) if card else None


def _of_pan_starrs(header: fits.Header, stated: str) -> float | None:  # noqa: ARG001
    """Convert counts of the whole exposure, whose zero point is that of one second."""
    if not all(card in header for card in (*SOFTENED, "FPA.ZP", "EXPTIME")):
        return None
    seconds = _number(header, "EXPTIME")
    return _by_magnitude(_number(header, "FPA.ZP") + 2.5 * math.log10(seconds)) if seconds > 0 else None


def _by_flux(header: fits.Header, stated: str) -> float | None:  # noqa: ARG001
    """Convert by the flux of magnitude 0, as of the Hyper Suprime-Cam survey."""
    flux = _number(header, "FLUXMAG0") if "FLUXMAG0" in header else 0.0
    return _by_magnitude(2.5 * math.log10(flux)) if flux > 0 else None


def _number(header: fits.Header, card: str) -> float:
    """Read a card that must be a finite number."""
    value = header.get(card)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise UnreadableError(f"its header card {card} is {value!r}, not a number")
    return number
