"""Inputs of the galaxy-quasar-star classifiers from spectra on the log grid, in pure numpy.

Each row is treated by itself, so one object gives the same input, bit for bit, alone and among others.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, F8, I4, Flags
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.spectrum_bins import GoodPixels, few_rows, few_rows_at_a_time
from survey_batch.spectra.grid import first_pixel, step_of
from survey_batch.spectra.lines import FWHM
from survey_batch.spectra.normalize import good_flux, normalize, row_percentiles
from survey_batch.spectra.pixels import at_pixels
from survey_batch.spectra.smooth import bridge, smooth
from survey_batch.spectra.spans import Span, at_step, windows_of
from survey_batch.spectra.windows import CleanSpectra

CONTRAST_RANGE = (-4.0, 20.0)
"""Bounds of a bin's flux minus the row's level, in units of the level: a cosmic ray counts no more than a line."""
LEAST_LEVEL = 0.5
"""Minimum level, in units of the row's median bin error, so that noise is not amplified."""
LARGEST_ERROR = 1e3

REST_LINES = {
    "[O II]": 3728.5, "Ca K": 3934.8, "Ca H": 3969.6, "G band": 4305.6, "H delta": 4102.9, "H gamma": 4341.7,
    "H beta": 4862.7, "[O III] 4959": 4960.3, "[O III] 5007": 5008.2, "Mg b": 5176.0, "Na D": 5894.6,
    "[N II]": 6585.3, "H alpha": 6564.6, "[S II]": 6725.5,
    "Mg II": 2799.1, "C III]": 1908.7, "C IV": 1549.1, "Ly alpha": 1215.7,
}  # fmt: skip
"""Vacuum wavelengths [Angstrom] (SDSS, table of spectral lines; Vanden Berk et al. 2001, AJ 122, 549)."""
LINE_SPANS = ((-2 * FWHM, 2 * FWHM), (-12 * FWHM, -5 * FWHM), (5 * FWHM, 12 * FWHM))
"""Windows of a line, and of the continuum on its blue and red sides, in pixels of 1e-4 dex."""
BROAD_SPANS = ((-40.0, 40.0), (-200.0, -100.0), (100.0, 200.0))
"""The same for the broad lines of quasars: 2800 km/s to either side."""
SIGNIFICANCE = 5.0
"""Significance, in standard deviations, at which a line's strength is halved."""

PUBLISHED_GRID = np.linspace(3900.0, 9000.0, 3000)
"""The linear grid [Angstrom] of the published classifiers."""
PUBLISHED_WINDOW, PUBLISHED_ORDER = 11, 3
"""Savitzky-Golay window and order. The published window of 10 is even and shifts a spectrum by half a pixel."""


@few_rows_at_a_time
def flux_channels(flux: F4, ivar: F4, mask: I4, bin_pixels: int) -> F4:
    """Compute flux and its reliability, in bins of the log grid.

    If f and s are the flux of a bin and its error over the row's level (the median bin), the channels are
    (f - 1) / (1 + s^2), which noise cannot make large, and 1 / (1 + s). Both are 0 where there are no good pixels.

    Parameters
    ----------
    flux, ivar, mask
        (object, wavelength).
    bin_pixels
        Pixels per bin, weighted by ivar; left-over pixels at the red end are dropped.

    Returns
    -------
    (object, bin, 2) float32
    """
    return with_error(*over_level(GoodPixels.of(flux, ivar, mask, bin_pixels), ivar))


def over_level(pixels: GoodPixels, ivar: F4) -> tuple[F8, F8]:
    """Compute flux and error of each bin over the row's level, (object, bin); NaN is no measurement."""
    values, error = pixels.weighted_mean(ivar)
    (level,) = row_percentiles(values, 50)
    level = np.fmax(level, LEAST_LEVEL * _noise(error, level))
    level = np.where(level > 0, level, 1.0)
    return values / level, error / level


def _noise(error: F8, level: F8) -> F8:
    """Find each row's median error, (object, 1); NaN where it is too small to matter, as it nearly always is."""
    above = np.count_nonzero(LEAST_LEVEL * error > level, axis=1)
    loud = (2 * above >= np.count_nonzero(np.isfinite(error), axis=1)) | np.isnan(level[:, 0])
    noise = np.full_like(level, np.nan)
    (noise[loud],) = row_percentiles(error[loud], 50)
    return noise


def with_error(flux: F8, error: F8) -> F4:
    """Compute channels, (object, bin, 2), from flux and error over the row's level; NaN is no measurement."""
    known, error = _known(flux, error)
    contrast = np.where(known, np.clip(flux - 1, *CONTRAST_RANGE), 0)
    return np.stack([contrast / (1 + error**2), known / (1 + error)], axis=-1, dtype=np.float32)


def reliability(flux: F8, error: F8) -> F8:
    """Compute the second of the channels alone, (object, bin)."""
    known, error = _known(flux, error)
    return known / (1 + error)


def _known(flux: F8, error: F8) -> tuple[Flags, F8]:
    """Tell which bins are measured, and bound their errors."""
    known = np.isfinite(flux) & np.isfinite(error)
    return known, np.clip(np.where(known, error, LARGEST_ERROR), 0, LARGEST_ERROR)


def flux_and_error(channels: F4) -> tuple[F8, F8]:
    """Recover flux and error, (object, bin), from the channels; NaN is no measurement."""
    trust = np.where(channels[..., 1] > 0, channels[..., 1], np.nan).astype(np.float64)
    error = 1 / trust - 1
    return 1 + channels[..., 0] * (1 + error**2), error


def noisier(channels: F4, snr: tuple[float, float], bin_pixels: int, random: np.random.Generator) -> F4:
    """Add noise to each row to lower its signal to noise to a value drawn from a range, if that is lower.

    Parameters
    ----------
    channels
        (object, bin, 2).
    snr
        Range of the median signal to noise per pixel (not per bin), log-uniform.
    bin_pixels
        Pixels per bin.
    random
        Random generator.

    Returns
    -------
    (object, bin, 2) float32
        The added noise varies along wavelength as the row's own error does; the error channel includes it.
    """
    flux, error = flux_and_error(channels)
    wanted = np.exp(random.uniform(np.log(snr[0]), np.log(snr[1]), size=(len(channels), 1)))
    (median,) = row_percentiles(error, 50)
    median = np.where(median > 0, median, np.inf)
    factor = np.sqrt(np.maximum((1 / (wanted * np.sqrt(bin_pixels)) / median) ** 2 - 1, 0))
    return with_error(flux + error * factor * random.normal(size=flux.shape), error * np.hypot(1, factor))


def tilted(channels: F4, slope: float, step: float, random: np.random.Generator) -> F4:
    """Augment each row's flux calibration with a slope over the whole range and a step near its middle.

    `slope` and `step` are standard deviations of the logarithm of the factor between the two ends.
    """
    flux, error = flux_and_error(channels)
    rows, bins = flux.shape
    x = np.linspace(-0.5, 0.5, bins)
    edge = random.uniform(-0.1, 0.1, size=(rows, 1))
    draw = random.normal(size=(2, rows, 1))
    factor = np.exp(slope * draw[0] * x + step * draw[1] * ((x > edge) - 0.5))
    return with_error(flux * factor, error * factor)


def rest_line_channels(wavelength: F8, flux: F4, ivar: F4, mask: I4, redshift: npt.NDArray[np.floating]) -> F4:
    """Measure the strengths of lines in each object's rest frame, and mark those measured.

    A strength is (mean flux of the line / mean flux of the continuum beside it - 1), times s^2 / (s^2 +
    `SIGNIFICANCE`^2) for a line that differs from the continuum by s standard deviations.

    Parameters
    ----------
    wavelength
        Grid of `log_grid`, (m,).
    flux, ivar, mask
        (object, m).
    redshift
        (object,); if it is unknown (not finite, or not above -1), nothing is measured.

    Returns
    -------
    (object, line, 2) float32
        All lines of `REST_LINES` in narrow windows, then in broad windows; (0, 0) where there is no measurement.
    """
    parts = [
        _rest_lines(wavelength, flux[rows], ivar[rows], mask[rows], redshift[rows]) for rows in few_rows(len(flux))
    ]
    return np.concatenate(parts)


def _rest_lines(wavelength: F8, flux: F4, ivar: F4, mask: I4, redshift: npt.NDArray[np.floating]) -> F4:
    known = np.isfinite(redshift) & (redshift > -1)
    spectra = CleanSpectra.of(wavelength, flux, ivar, mask, redshift)
    value = np.concatenate([_contrast(spectra, spans) for spans in (LINE_SPANS, BROAD_SPANS)], axis=1)
    measured = np.isfinite(value) & known[:, None]
    strength = np.where(measured, np.clip(value, *CONTRAST_RANGE), 0)
    return np.stack([strength, measured], axis=-1, dtype=np.float32)


def _contrast(spectra: CleanSpectra, spans: tuple[Span, ...]) -> F8:
    """Compute line / continuum - 1, reduced where it is noise, (object, line); NaN where it cannot be measured."""
    here = at_step(spans, spectra.step)
    windows = windows_of(tuple((centre, here) for centre in REST_LINES.values()))
    (line, line_variance, _), (blue, blue_variance, _), (red, red_variance, _) = (
        spectra.pixels(one).means() for one in windows
    )
    continuum, excess = (blue + red) / 2, line - (blue + red) / 2
    variance = line_variance + (blue_variance + red_variance) / 4
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        weight = excess**2 / (excess**2 + SIGNIFICANCE**2 * variance)
        level = np.maximum(continuum, np.sqrt(variance))
        return np.asarray(weight * excess / level)


def published_flux(wavelength: F8, flux: F4, ivar: F4, mask: I4) -> F4:
    """Convert spectra to the published input: on the linear grid, divided by their norm, smoothed.

    Bad pixels, which the published files do not mark, are first bridged by straight lines.

    Parameters
    ----------
    wavelength
        Grid of `log_grid`, (m,).
    flux, ivar, mask
        (object, m).

    Returns
    -------
    (object, 3000) float32
        A row without good pixels is 0 throughout.

    Raises
    ------
    ConfigurationError
        The grid does not cover 3900 to 9000 Angstrom.
    """
    linear = on_linear_grid(wavelength, bridge(good_flux(flux, ivar, mask).astype(np.float32)))
    everywhere = np.ones(linear.shape, np.float32)
    unit = normalize(linear, everywhere, np.zeros(linear.shape, np.int32), "l2")
    return np.nan_to_num(smooth(unit, PUBLISHED_WINDOW, PUBLISHED_ORDER))


def on_linear_grid(wavelength: F8, flux: F4) -> F4:
    """Interpolate rows on the log grid linearly to `PUBLISHED_GRID`.

    Raises
    ------
    ConfigurationError
        The log grid does not cover `PUBLISHED_GRID`.
    """
    if wavelength[0] > PUBLISHED_GRID[0] or wavelength[-1] < PUBLISHED_GRID[-1]:
        raise ConfigurationError(
            f"the published classifiers need 3900 to 9000 Angstrom, the product has {wavelength[0]:.1f} to "
            f"{wavelength[-1]:.1f}; set wavelength_min and wavelength_max in [spectra], or use variant 'convolution'"
        )
    pixel = np.log10(PUBLISHED_GRID) / step_of(wavelength) - first_pixel(wavelength)
    return at_pixels(flux, pixel)


def noise_copies(block: Mapping[str, npt.NDArray[Any]], snr: float, seed: int) -> dict[str, npt.NDArray[Any]]:
    """Add white noise with a standard deviation of (mean absolute flux) / `snr`: the published augmentation.

    `block` has `flux`, `ivar` and `mask`, (object, wavelength); other variables stay as they are.
    """
    values = good_flux(block["flux"], block["ivar"], block["mask"])
    count = np.maximum(np.isfinite(values).sum(axis=1, keepdims=True), 1)
    sigma = np.nansum(np.abs(values), axis=1, keepdims=True) / count / snr
    noise = sigma * np.random.default_rng(seed).normal(size=values.shape)
    return {**block, "flux": (block["flux"] + noise).astype(np.float32)}
