"""Units of fluxes: all rows of a product have one, or the job says that they may differ."""

import warnings
from functools import lru_cache
from typing import Any

import numpy as np

from survey_batch.core.arrays import F8
from survey_batch.core.errors import UnreadableError

AS_IS = "as-is"
"""Value of `archive.flux_unit` that keeps the numbers of each file."""

KEEP = f'archive.flux_unit = "{AS_IS}" keeps the numbers of each file'


AGAIN = "and survey-batch run --retry unreadable then reads those that were set aside"
"""What follows where `as-is` takes the place of no unit: the product goes on, and its rows are final."""


def is_flux_density(text: str) -> bool:
    """Tell whether astropy knows a unit, and as one of flux density."""
    try:
        _factor(text, "erg / (s cm2 Angstrom)", np.array([5000.0]))
    except (ValueError, TypeError):
        return False
    return True


def refuse_unit(given: str) -> None:
    """Refuse fluxes of a file that says their unit, where the job does not say that of the product.

    Raises
    ------
    UnreadableError
        Says which key to set.
    """
    if _unit(given) == _unit(""):
        return
    convert = f'set archive.flux_unit = "{given}", or another unit to convert to; ' if is_flux_density(given) else ""
    raise UnreadableError(
        f"its fluxes are in {given!r}, and the job does not say the unit of the product: {convert}{KEEP}, {AGAIN}"
    )


def conversion(given: str, wanted: str, wavelength: F8) -> F8:
    """Return the factors from a flux in one unit to one in another, at wavelengths [Angstrom].

    Raises
    ------
    UnreadableError
        The first unit is not said or not known, or is not one of flux density.
    """
    if not given:
        raise UnreadableError(f"the file does not say the unit of its fluxes, so they cannot be converted; {KEEP}")
    try:
        return np.broadcast_to(_factor(given, wanted, wavelength), wavelength.shape)
    except (ValueError, TypeError) as error:
        raise UnreadableError(
            f"its fluxes are in {given!r}, which cannot be converted to {wanted!r}; {KEEP}"
        ) from error


@lru_cache(maxsize=64)
def contradicts(given: str, known: str) -> bool:
    """Tell whether a file says another unit than its fluxes are known to have; one that nobody knows says nothing.

    An ampere is an angstrom in disguise, as in `1e-17 erg/(s cm2 A)`.
    """
    from astropy.units import UnrecognizedUnit, ampere

    unit = _unit(given)
    silent = not given or isinstance(unit, UnrecognizedUnit) or ampere in getattr(unit, "bases", ())
    return not silent and bool(unit != _unit(known))


@lru_cache(maxsize=64)
def error_factor(given: str, flux_unit: str, power: int) -> float:
    """Return the factor from errors, or a power of them, in one unit to those in the unit of the flux.

    It is 1 where a unit is not said, not known or not linear, and where that of a power of errors makes no sense, as
    files often have it.

    Raises
    ------
    UnreadableError
        The unit of errors is known, and is not one of such fluxes.
    """
    from astropy.units import UnitBase, UnrecognizedUnit

    units = _unit(given), _unit(flux_unit)
    if not (given and flux_unit) or not all(
        isinstance(one, UnitBase) and not isinstance(one, UnrecognizedUnit) for one in units
    ):
        return 1.0
    try:
        return float(units[0].to(units[1] ** power))
    except ValueError as error:
        if power != 1:
            return 1.0
        raise UnreadableError(f"its fluxes are in {flux_unit!r}, and its errors in {given!r}") from error


def _factor(given: str, wanted: str, wavelength: F8) -> F8:
    from astropy import units

    density = units.spectral_density(wavelength * units.AA)
    return np.asarray(_linear(_unit(given)).to(_linear(_unit(wanted)), 1.0, equivalencies=density), np.float64)


def _linear(unit: Any) -> Any:
    """Refuse a unit of logarithms, such as magnitudes, which no factor converts."""
    from astropy.units.function import FunctionUnitBase

    if isinstance(unit, FunctionUnitBase):
        raise TypeError(f"{unit} is a unit of logarithms")
    return unit


@lru_cache(maxsize=64)
def _unit(text: str) -> Any:
    """Return a unit, which cannot be converted if astropy does not know it, without a warning for each file."""
    from astropy import units

    with warnings.catch_warnings(action="ignore"):
        return units.Unit(text, parse_strict="silent")
