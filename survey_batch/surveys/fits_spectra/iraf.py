"""Wavelengths of IRAF's multispec format (Valdes 1993, ASP Conf. Ser. 52, 467; `specwcs` in IRAF's help)."""

import re
from collections.abc import Callable
from itertools import count, takewhile
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev, legendre

from survey_batch.archive.fits_cards import CARD
from survey_batch.archive.fits_units import Unit
from survey_batch.core.arrays import F8
from survey_batch.core.errors import UnreadableError

LINE = CARD - 12
"""Letters of text in one card; blanks at their end are part of it."""

FUNCTIONS: dict[int, Callable[[F8, F8], Any]] = {1: chebyshev.chebval, 2: legendre.legval}
"""Number of a function, and the sum of its polynomials."""


def multispec(unit: Unit, number: int, size: int) -> tuple[F8, bool]:
    """Return the wavelengths of one spectrum, in the unit of the header, and whether they are log10 of it.

    Parameters
    ----------
    unit
        The header: `WAT2_001`, … hold `spec1 = "aperture beam type w1 dw pixels z low high …"` and so on.
    number
        Which spectrum, from 0.
    size
        Number of pixels.

    Raises
    ------
    UnreadableError
        The header does not describe this spectrum, or by a function that is not known here.
    """
    if unit.value("WAXMAP01") is not None:
        raise UnreadableError(
            "the image is a part of another, with fewer axes (WAXMAP01): IRAF's scopy writes it whole"
        )
    row, pixels = _physical(unit, 2, np.array([number + 1.0])), _physical(unit, 1, np.arange(1.0, size + 1))
    cards = takewhile(lambda text: text is not None, (unit.verbatim(f"WAT2_{card:03d}") for card in count(1)))
    text = "".join((card or "").ljust(LINE) for card in cards)
    found = re.search(rf'\bspec{row.item():g}\s*=\s*"([^"]*)"', text)
    try:
        values = [float(word) for word in (found[1] if found else "").split()]
        kind, first, step, _, shift = values[2:7]
        if kind == 2:
            return _function(values[9:], pixels) / (1 + shift), False
        if kind not in (0, 1):
            raise ValueError(f"type {kind:g}")
    except (ValueError, IndexError) as error:
        raise UnreadableError(
            f"the header gives no wavelengths of spectrum {row.item():g} in IRAF's multispec format that are "
            f"understood here ({error})"
        ) from error
    axis = np.asarray(first + step * (pixels - 1), np.float64)
    return (axis - np.log10(1 + shift), True) if kind == 1 else (axis / (1 + shift), False)


def _physical(unit: Unit, axis: int, pixels: F8) -> F8:
    """Return which pixels these were before the image was cut: only to those do the coordinates apply."""
    return (pixels - unit.real(f"LTV{axis}", 0)) / unit.real(f"LTM{axis}_{axis}", 1)


def _function(values: list[float], pixels: F8) -> F8:
    """Return weight (zero point + polynomial) at each pixel, of one function; several are not known here."""
    weight, zero, kind, order, low, high = values[:6]
    coefficients = values[6:]
    if kind not in FUNCTIONS or len(coefficients) != order:
        raise ValueError(f"function {kind:g} with {len(coefficients)} values")
    place = np.asarray((2.0 * pixels - (low + high)) / (high - low), np.float64)
    return np.asarray(weight * (zero + FUNCTIONS[int(kind)](place, np.asarray(coefficients))))
