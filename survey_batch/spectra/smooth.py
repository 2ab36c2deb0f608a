"""Smoothing of spectra."""

import numpy as np

from survey_batch.core.arrays import F4
from survey_batch.core.errors import ConfigurationError


def smooth(flux: F4, window: int, order: int = 3) -> F4:
    """Smooth each spectrum by a Savitzky-Golay filter.

    Bad pixels are bridged by straight lines between their good neighbours for filtering, and become NaN again
    afterwards. Spectra are mirrored at their ends, so that a row's result depends only on the row.

    Parameters
    ----------
    flux
        (object, wavelength); NaN where bad.
    window
        Pixels; odd, because an even window shifts spectra by half a pixel. 1 means no smoothing.
    order
        Degree of the polynomial.

    Returns
    -------
    (object, wavelength) float32

    Raises
    ------
    ConfigurationError
        The window is even, longer than the spectra or not longer than the order.
    """
    if window % 2 == 0 or window < 1:
        raise ConfigurationError(
            f"spectral_features.smoothing_window is {window}; use an odd one: an even window shifts spectra by half a "
            "pixel"
        )
    if window == 1:
        return flux
    if order >= window:
        raise ConfigurationError(
            f"spectral_features.smoothing_order is {order}; it must be less than the window, {window}"
        )
    if window > flux.shape[1]:
        raise ConfigurationError(
            f"spectral_features.smoothing_window is {window}, but a spectrum has only {flux.shape[1]} pixels"
        )
    from scipy.signal import savgol_filter  # takes most of a second to import, and few jobs smooth

    smoothed = savgol_filter(bridge(flux), window, order, axis=-1, mode="mirror")
    return np.where(np.isfinite(flux), smoothed, np.nan).astype(np.float32)


def bridge(flux: F4) -> F4:
    """Replace NaN by linear interpolation along each row, and by the nearest good value at its ends.

    A row without any good pixel stays NaN.
    """
    count = flux.shape[1]
    pixel = np.arange(count)
    good = np.isfinite(flux)
    left = np.maximum.accumulate(np.where(good, pixel, -1), axis=1)
    right = np.minimum.accumulate(np.where(good, pixel, count)[:, ::-1], axis=1)[:, ::-1]
    left, right = np.where(left < 0, right, left), np.where(right == count, left, right)
    left, right = np.clip(left, 0, count - 1), np.clip(right, 0, count - 1)
    share = ((pixel - left) / np.maximum(right - left, 1)).astype(np.float32)
    before, after = np.take_along_axis(flux, left, axis=1), np.take_along_axis(flux, right, axis=1)
    return np.asarray(np.where(good, flux, before + share * (after - before)))
