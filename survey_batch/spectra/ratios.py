"""Flux ratios of two windows: the 4000 Angstrom break and molecular bands."""

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, F8, I4
from survey_batch.spectra.grid import STEP
from survey_batch.spectra.line_list import RATIOS, Window, air_to_vacuum
from survey_batch.spectra.lines import SMALLEST_CONTINUUM
from survey_batch.spectra.windows import SMALLEST_SHARE, pixels_around, share_of_pixels

Redshift = npt.NDArray[np.floating]


def flux_ratios(wavelength: F8, flux: F4, ivar: F4, mask: I4, redshift: Redshift) -> tuple[F8, F8]:
    """Measure `RATIOS` in each object's rest frame.

    With means A and B over the good pixels of the two windows, the ratio is A / B and its variance
    (var(A) + (A / B)^2 var(B)) / B^2. A break is a ratio of fluxes per frequency (Bruzual 1983, ApJ 273, 105), that
    is, of f_lambda lambda^2.

    Parameters
    ----------
    wavelength, flux, ivar, mask, redshift
        As in `line_indices`.

    Returns
    -------
    values, errors : (n, len(RATIOS)) float64
        NaN where less than half of a window is good, or the denominator is not detected at 3 sigma.
    """
    spectra = (wavelength, flux, ivar, mask, redshift)
    measured = [
        (*_mean(*spectra, ratio.above, ratio.per_frequency), *_mean(*spectra, ratio.below, ratio.per_frequency))
        for ratio in RATIOS
    ]
    above, above_variance, below, below_variance = (
        np.concatenate(part, axis=1) for part in zip(*measured, strict=True)
    )
    detected = np.isfinite(above) & (below > SMALLEST_CONTINUUM * np.sqrt(below_variance))
    base = np.where(detected, below, np.nan)
    value = above / base
    return value, np.sqrt(above_variance + value**2 * below_variance) / base


def _mean(
    wavelength: F8, flux: F4, ivar: F4, mask: I4, redshift: Redshift, window: Window, per_frequency: bool
) -> tuple[F8, F8]:
    """Return the mean flux over wavelength in a window, and its variance, (object, 1); in one unit for all windows."""
    low, high = np.log10(air_to_vacuum(np.array(window))) / STEP
    middle, half = (low + high) / 2, float(high - low) / 2
    centre = np.array([10 ** (middle * STEP)])
    pixels = pixels_around(wavelength, flux, ivar, mask, redshift, centre, [(-half, half)])
    share = share_of_pixels(pixels.x, -half, half) * pixels.good
    weight = share * pixels.width
    area = np.sum(weight, axis=-1)
    weight = weight * 10 ** (2 * STEP * (pixels.x + middle)) if per_frequency else weight
    area = np.where(np.sum(share, axis=-1) >= SMALLEST_SHARE * 2 * half, area, np.nan)
    return np.sum(weight * pixels.flux, axis=-1) / area, np.sum(weight**2 * pixels.variance, axis=-1) / area**2
