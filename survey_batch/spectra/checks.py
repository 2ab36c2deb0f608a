"""What a survey's reader returns, looked at before it is used."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F8
from survey_batch.spectra.grid import Spectrum

KINDS = {"flux": "fiu", "ivar": "fiu", "mask": "iub", "wavelengths": "fiu", "dispersion": "fiu"}
"""Kinds of numbers that an array may hold, as numpy writes them."""

NAMES = {"f": "numbers", "i": "integers"}
"""What the first of these kinds is called."""

UNITS = {"nm": 10.0, "microns": 1e4}
"""Angstrom per unit, for units that a reader may have forgotten to convert."""

LARGEST_MASK = 0xFFFF
"""Bits that a survey may use; those above are ours."""


def fault_of(spectrum: Spectrum) -> str | None:
    """Say what makes a spectrum unusable, which only its reader can mend; None if it is well made."""
    arrays: list[tuple[str, npt.NDArray[Any]]]
    arrays = [("flux", spectrum.flux), ("ivar", spectrum.ivar), ("mask", spectrum.mask)]
    if spectrum.sampled is not None:
        arrays.append(("wavelengths", spectrum.sampled))
    if spectrum.dispersion is not None:
        arrays.append(("dispersion", spectrum.dispersion))
    for name, values in arrays:
        if not isinstance(values, np.ndarray):
            return f"{name} is of type {type(values).__name__} and must be a numpy array"
        if values.dtype.kind not in KINDS[name]:
            return f"{name} holds {values.dtype} and must hold {NAMES[KINDS[name][0]]}"
    if len({values.shape for _, values in arrays}) > 1 or spectrum.flux.ndim != 1 or spectrum.flux.size < 2:
        said = ", ".join(f"{name} {values.shape}" for name, values in arrays)
        return f"its arrays have the shapes {said}; they must be equal, with one dimension and two pixels at least"
    if not 0 <= int(np.bitwise_or.reduce(spectrum.mask)) <= LARGEST_MASK:  # one look at all bits
        return f"its mask holds {spectrum.mask.min()} to {spectrum.mask.max()} and must hold 0 to {LARGEST_MASK}"
    return _fault_of_grid(spectrum.start, spectrum.sampled)


def increasing(wavelength: F8) -> bool:
    """Tell whether wavelengths are increasing positive numbers; no if one is NaN."""
    return bool(wavelength[0] > 0 and wavelength[-1] < np.inf and (wavelength[1:] > wavelength[:-1]).all())


def _fault_of_grid(start: Any, sampled: F8 | None) -> str | None:
    if not isinstance(start, (float, int, np.floating, np.integer)):
        what = "an array" if np.ndim(start) else type(start).__name__
        return f"the first pixel of its grid is {what} and must be a number: NaN if wavelengths follow"
    if sampled is None:
        return None if math.isfinite(start) else "it has neither the first pixel of a log-linear grid nor wavelengths"
    if math.isfinite(start):
        return "it has wavelengths and the first pixel of a log-linear grid; with wavelengths, give NaN for the pixel"
    if not increasing(sampled):
        return "its wavelengths are not increasing positive numbers"
    return None


def outside(spectrum: Spectrum, low: float, high: float) -> str | None:
    """Say that a spectrum has no pixel in a range [Angstrom], and which unit may be the cause; None if it has one."""
    first, last = float(spectrum.wavelength[0]), float(spectrum.wavelength[-1])
    if first <= high and last >= low:
        return None
    likely = [unit for unit, factor in UNITS.items() if first * factor <= high and last * factor >= low]
    unit = f". If they are {likely[0]}, the survey's reader must turn them into Angstrom" if likely else ""
    return f"its wavelengths run from {first:g} to {last:g} Angstrom, and [spectra] from {low:g} to {high:g}{unit}"
