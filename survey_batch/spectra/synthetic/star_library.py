"""Star spectra from which simulated stars are drawn and simulated galaxies are mixed."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F8
from survey_batch.spectra.grid import log_grid
from survey_batch.spectra.synthetic import spectra
from survey_batch.spectra.templates import read_templates

LETTERS = "OBAFGKM"
HOT_STARS = {"O7": 36000.0, "B0": 31000.0, "B2": 20600.0, "B5": 15700.0, "B8": 12500.0}
"""Effective temperatures of hot dwarfs (Pecaut & Mamajek 2013, ApJS 208, 9), rounded."""
FIRST, LAST = 2200.0, 9500.0
"""Rest-frame Angstrom: the blue end of a galaxy at redshift 0.6, and the red end of one at 0."""
JOIN = (3655.0, 3750.0)
"""Range in Angstrom in which an observed template and its continuation to the blue are matched."""


@dataclass(frozen=True)
class StarLibrary:
    """Spectra of stars at rest.

    Parameters
    ----------
    wavelength
        Vacuum Angstrom, (n,).
    flux
        (star, n), f_lambda with a mean of 1.
    kelvin
        Effective temperature, (star,).
    letter
        Spectral letter, (star,).
    """

    wavelength: F8
    flux: npt.NDArray[np.float32]
    kelvin: F8
    letter: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.kelvin)

    def draw(self, low: float, high: float, rng: np.random.Generator) -> int:
        """Draw one of the stars between two temperatures, or take the one nearest to their middle."""
        inside = np.flatnonzero((self.kelvin >= low) & (self.kelvin <= high))
        return int(rng.choice(inside)) if inside.size else int(np.abs(self.kelvin - (low + high) / 2).argmin())

    def draw_any(self, rng: np.random.Generator) -> int:
        """Draw a star of any kind; each letter is equally likely."""
        letter = rng.choice(np.unique(self.letter))
        return int(rng.choice(np.flatnonzero(self.letter == letter)))


@lru_cache(maxsize=1)
def drawn_stars() -> StarLibrary:
    """Make stars from formulas, O to M (see `survey_batch.spectra.synthetic.spectra`)."""
    names = [*HOT_STARS, *(f"{letter}{digit}" for letter in spectra.LETTERS for digit in range(10))]
    kelvin = np.array([_temperature(name) for name in names])
    wavelength = spectra.log_wavelengths(FIRST, LAST)
    flux = [spectra.smooth(spectra.stellar_flux(wavelength, float(one))) for one in kelvin]
    return StarLibrary(wavelength, np.array(flux, np.float32), kelvin, np.array([name[0] for name in names]))


@lru_cache(maxsize=2)
def template_stars(path: str) -> StarLibrary:
    """Read the empirical templates of PyHammer (Kesseli et al. 2017, ApJS 230, 16), O to M.

    Below 3650 Angstrom, where they end, they continue as formula-based stars of the same temperature.

    Parameters
    ----------
    path
        FITS file, as `survey_batch.spectra.templates.read_templates` takes it.

    Raises
    ------
    ConfigurationError
        The file cannot be read or has no such tables.
    """
    templates = read_templates(path, log_grid(JOIN[0], LAST))
    templates = templates.take(np.isin(templates.letter, list(LETTERS)))
    names, observed = templates.spectral_type, templates.wavelength
    wavelength = spectra.log_wavelengths(FIRST, LAST)
    kelvin = np.array([_temperature(name) for name in names])
    flux = [_continued(wavelength, observed, values, one) for values, one in zip(templates.flux, kelvin, strict=True)]
    return StarLibrary(wavelength, np.array(flux, np.float32), kelvin, templates.letter)


def _temperature(name: str) -> float:
    """Return the effective temperature of a spectral type such as G2."""
    letter, digit = name[0], int(name[1])
    if letter in spectra.LETTERS:
        return spectra.temperature(10 * spectra.LETTERS.index(letter) + digit)
    known = {(10 if key[0] == "B" else 0) + int(key[1]): np.log(value) for key, value in HOT_STARS.items()}
    return float(np.exp(np.interp((10 if letter == "B" else 0) + digit, list(known), list(known.values()))))


def _continued(wavelength: F8, observed: F8, flux: F8, kelvin: float) -> F8:
    """Continue an observed spectrum with a formula-based one below its first wavelength."""
    drawn = spectra.smooth(spectra.stellar_flux(wavelength, kelvin))
    seen = np.interp(np.log(wavelength), np.log(observed), flux)
    join = slice(*np.searchsorted(wavelength, JOIN))
    scale = seen[join].mean() / drawn[join].mean()
    return spectra.normalized(np.clip(np.where(wavelength < JOIN[0], scale * drawn, seen), 0, None))
