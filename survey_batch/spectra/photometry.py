"""Colours by synthetic photometry, in simple passbands at the wavelengths of SDSS g, r and i."""

import numpy as np

from survey_batch.core.arrays import F8
from survey_batch.spectra.grid import first_pixel
from survey_batch.spectra.windows import CleanSpectra

# Top hats: 1 between these vacuum wavelengths [Angstrom], 0 elsewhere; centres 4800, 6250 and 7700 and widths of 1400,
# 1400 and 1500. z lies beyond the end of LAMOST spectra.
PASSBAND_SOURCE = "Fukugita et al. (1996, AJ 111, 1748)"
PASSBANDS = {"g": (4100.0, 5500.0), "r": (5550.0, 6950.0), "i": (6950.0, 8450.0)}
COLORS = (("g", "r"), ("r", "i"))
COLOR_NAMES = tuple(f"synthetic_{blue}_{red}" for blue, red in COLORS)

SMALLEST_SHARE = 0.8
"""Least share of a passband that good pixels must cover; missing pixels are assumed to equal the mean of the others."""
SMALLEST_FLUX = 3.0
"""Least mean flux for a magnitude, in its standard deviations."""


def synthetic_colors(spectra: CleanSpectra) -> tuple[F8, F8]:
    """Measure the colours g - r and r - i in `PASSBANDS`, as observed (not in the rest frame).

    The mean flux per frequency of a photon counter is sum f_i lambda_i^2 / n over a passband's good pixels, which are
    equal steps in log wavelength. AB colours are -2.5 log10 of its ratios, 0 for a flat f_nu. The passbands do not
    overlap, so their errors are independent.

    The colours are no substitute for photometry. The passbands are not the SDSS filters. LAMOST fluxes are relative,
    calibrated by standard stars on the same plate; the colour error of that calibration is not in the errors here.

    Parameters
    ----------
    spectra
        n spectra, flux per wavelength in any unit.

    Returns
    -------
    values, errors : (n, 2) float64
        Colours [mag] in the order of `COLORS` and their standard deviations; NaN where good pixels cover less than
        0.8 of either passband or its flux is not detected at 3 sigma.
    """
    means = {band: _mean_flux(spectra, band) for band in PASSBANDS}
    pairs = [(means[blue], means[red]) for blue, red in COLORS]
    values = np.stack([-2.5 * np.log10(blue / red) for (blue, _), (red, _) in pairs], axis=1)
    errors = np.stack([2.5 / np.log(10) * np.hypot(blue, red) for (_, blue), (_, red) in pairs], axis=1)
    return values, errors


def _mean_flux(spectra: CleanSpectra, band: str) -> tuple[F8, F8]:
    """Return a passband's mean flux per frequency, (n,), and its relative error; NaN where it has no magnitude."""
    low, high = np.ceil(np.log10(PASSBANDS[band]) / spectra.step).astype(int) - first_pixel(spectra.wavelength)
    inside = slice(*np.clip((low, high), 0, spectra.wavelength.size))
    pixels = slice(inside.start + spectra.margin, inside.stop + spectra.margin)
    squared = spectra.wavelength[inside] ** 2
    # Whole arrays of one type are multiplied faster than numpy turns one into the other on the way.
    flux, weight = (values[:, pixels].astype(np.float64) for values in (spectra.flux, spectra.ivar))
    count = np.count_nonzero(weight > 0, axis=1)
    total = np.sum(np.multiply(flux, squared, out=flux), axis=1)
    noise = np.sqrt(np.sum(np.divide(squared**2, weight, out=weight), axis=1))
    known = (count >= SMALLEST_SHARE * (high - low)) & (total > SMALLEST_FLUX * noise)
    total = np.where(known, total, np.nan)
    return total / np.maximum(count, 1), noise / total
