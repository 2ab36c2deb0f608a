"""Flux ratios of two windows: the 4000 Angstrom break and molecular bands."""

from functools import cache

import numpy as np

from survey_batch.core.arrays import F8
from survey_batch.spectra.line_list import RATIOS, air_to_vacuum
from survey_batch.spectra.lines import SMALLEST_CONTINUUM
from survey_batch.spectra.spans import Windows, reach_of
from survey_batch.spectra.windows import SMALLEST_SHARE, CleanSpectra

MEANS = sorted({(one.per_frequency, window) for one in RATIOS for window in (one.above, one.below)})
"""Whether flux per frequency is averaged, and the window, of each mean that some ratio needs."""


def flux_ratios(spectra: CleanSpectra) -> tuple[F8, F8]:
    """Measure `RATIOS` in each object's rest frame.

    With means A and B over the good pixels of the two windows, the ratio is A / B and its variance
    (var(A) + (A / B)^2 var(B)) / B^2. A break is a ratio of fluxes per frequency (Bruzual 1983, ApJ 273, 105), that
    is, of f_lambda lambda^2.

    Parameters
    ----------
    spectra
        n spectra with their redshifts.

    Returns
    -------
    values, errors : (n, len(RATIOS)) float64
        NaN where less than half of a window is good, or the denominator is not detected at 3 sigma.
    """
    mean, variance = _means(spectra)
    above, below = (
        [MEANS.index((ratio.per_frequency, window)) for ratio, window in zip(RATIOS, windows, strict=True)]
        for windows in zip(*((ratio.above, ratio.below) for ratio in RATIOS), strict=True)
    )
    known = np.isfinite(mean[:, above]) & (mean[:, below] > SMALLEST_CONTINUUM * np.sqrt(variance[:, below]))
    base = np.where(known, mean[:, below], np.nan)
    value = mean[:, above] / base
    return value, np.sqrt(variance[:, above] + value**2 * variance[:, below]) / base


@cache
def _windows(step: float) -> tuple[Windows, F8]:
    """Return the windows of `MEANS`, each around its own middle, and log10 of the wavelengths there in pixels."""
    edges = [np.log10(air_to_vacuum(np.array(window))) / step for _, window in MEANS]
    middles = [(low + high) / 2 for low, high in edges]
    spans = [(-float(high - low) / 2, float(high - low) / 2) for low, high in edges]
    centres = np.array([10 ** (middle * step) for middle in middles])
    return Windows(centres, spans, [reach_of([span]) for span in spans]), np.array(middles)


def _means(spectra: CleanSpectra) -> tuple[F8, F8]:
    """Return the mean flux over wavelength in each window, and its variance, (object, window), in one unit for all."""
    windows, middles = _windows(spectra.step)
    pixels = spectra.pixels(windows)
    width = pixels.share * pixels.width
    frequency = np.array([per_frequency for per_frequency, _ in MEANS])[windows.window]
    weight = width.copy()
    weight[:, frequency] *= 10 ** (2 * spectra.step * (pixels.x + middles[windows.window])[:, frequency])
    covered = pixels.sum(pixels.share)
    area = np.where(covered >= SMALLEST_SHARE * windows.extent, pixels.sum(width), np.nan)
    return pixels.sum(weight * pixels.flux) / area, pixels.sum(weight**2 * pixels.variance) / area**2
