"""Colours by synthetic photometry, in simple passbands at the places of SDSS g, r and i."""

import numpy as np

from survey_batch.core.arrays import F4, F8, I4
from survey_batch.spectra.grid import STEP, first_pixel

# Top hats: 1 between these vacuum wavelengths [Angstrom], 0 elsewhere; centres 4800, 6250 and 7700 and widths of 1400,
# 1400 and 1500 as Fukugita et al. (1996, AJ 111, 1748) give them. z lies beyond the end of LAMOST spectra.
PASSBANDS = {"g": (4100.0, 5500.0), "r": (5550.0, 6950.0), "i": (6950.0, 8450.0)}
COLORS = (("g", "r"), ("r", "i"))
COLOR_NAMES = tuple(f"synthetic_{blue}_{red}" for blue, red in COLORS)

SMALLEST_SHARE = 0.8
"""Share of a passband that good pixels must cover: what is missing is taken to be as the mean of what is there."""
SMALLEST_FLUX = 3.0
"""Standard deviations below which a mean flux has no magnitude."""


def synthetic_colors(wavelength: F8, flux: F4, ivar: F4, mask: I4) -> tuple[F8, F8]:
    """Measure the colours g - r and r - i in `PASSBANDS`, as observed (not in the rest frame).

    A photon counter's mean flux per frequency, sum f_i lambda_i^2 / n over a passband's good pixels, which are equal
    steps in log wavelength; AB colours are -2.5 log10 of its ratios, 0 for a flat f_nu. The passbands do not overlap,
    so that their errors are independent.

    They are no substitute for photometry: the passbands are not the SDSS filters, and LAMOST fluxes are relative,
    calibrated by standard stars on the same plate, with the colour error of that calibration (not in the errors here).

    Parameters
    ----------
    wavelength
        Grid of `log_grid`, (m,).
    flux, ivar, mask
        (n, m), per wavelength, in any unit.

    Returns
    -------
    values, errors : (n, 2) float64
        Colours [mag] in the order of `COLORS` and their standard deviations; NaN where good pixels cover less than
        0.8 of either passband or its flux is not detected at 3 sigma.
    """
    means = {band: _mean_flux(wavelength, flux, ivar, mask, band) for band in PASSBANDS}
    pairs = [(means[blue], means[red]) for blue, red in COLORS]
    values = np.stack([-2.5 * np.log10(blue / red) for (blue, _), (red, _) in pairs], axis=1)
    errors = np.stack([2.5 / np.log(10) * np.hypot(blue, red) for (_, blue), (_, red) in pairs], axis=1)
    return values, errors


def _mean_flux(wavelength: F8, flux: F4, ivar: F4, mask: I4, band: str) -> tuple[F8, F8]:
    """Mean flux per frequency in a passband, (n,), and its relative error; NaN where it has no magnitude."""
    low, high = np.ceil(np.log10(PASSBANDS[band]) / STEP).astype(int) - first_pixel(wavelength)
    inside = slice(max(low, 0), max(high, 0))
    f, weight, squared = flux[:, inside].astype(np.float64), ivar[:, inside].astype(np.float64), wavelength[inside] ** 2
    good = (mask[:, inside] == 0) & (weight > 0) & np.isfinite(f)
    count = np.sum(good, axis=1)
    total = np.sum(np.where(good, f, 0) * squared, axis=1)
    noise = np.sqrt(np.sum(np.where(good, squared**2 / np.where(good, weight, 1), 0), axis=1))
    known = (count >= SMALLEST_SHARE * (high - low)) & (total > SMALLEST_FLUX * noise)
    total = np.where(known, total, np.nan)
    return total / np.maximum(count, 1), noise / total
