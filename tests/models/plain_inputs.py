"""Inputs from spectra computed step by step in the plainest way: what the fast ones must equal to the last bit."""

import numpy as np
from scipy.signal import fftconvolve

from survey_batch.models.preprocessing import LEAST_WEIGHT
from survey_batch.models.spectrum_inputs import CONTRAST_RANGE, LARGEST_ERROR, LEAST_LEVEL
from survey_batch.spectra.normalize import good_flux


def percentile(values, percentage=50):
    last = np.isfinite(values).sum(axis=1, keepdims=True) - 1
    index = np.maximum(np.rint(last * percentage / 100), 0).astype(np.intp)
    return np.take_along_axis(np.sort(values, axis=1), index, axis=1)


def in_bins(values, width):
    bins = values.shape[1] // width
    return values[:, : bins * width].reshape(len(values), bins, width)


def gaussian(values, width):
    reach = int(4 * width + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    mirrored = np.pad(values, ((0, 0), (reach, reach)), mode="symmetric")
    return fftconvolve(mirrored, kernel[None] / kernel.sum(), mode="valid", axes=1)


def filled(values, known):
    index, result = np.arange(values.shape[1]), values.copy()
    for row, here in enumerate(known):
        result[row, ~here] = np.interp(index[~here], index[here], values[row, here]) if here.any() else 1.0
    return result


def relative_bins(flux, ivar, mask, bin_pixels, widths=(12.5, 4.0), floor=0.02, ceiling=2.5):
    pixels = in_bins(good_flux(flux, ivar, mask), bin_pixels)
    count = np.isfinite(pixels).sum(axis=2).astype(np.float64)
    mean = np.nansum(pixels, axis=2) / np.maximum(count, 1)
    level = percentile(np.where(count > 0, mean, np.nan))
    mean = mean / np.where(level > 0, level, 1.0)
    channels = []
    for width in widths:
        smooth, weight = gaussian(mean * count, width), gaussian(count, width)
        continuum = np.maximum(smooth / np.maximum(weight, LEAST_WEIGHT), floor)
        channels.append(filled(np.clip(mean / continuum, 0, ceiling), count > 0))
    return np.stack(channels, axis=-1).astype(np.float32)


def flux_channels(flux, ivar, mask, bin_pixels):
    pixels = in_bins(good_flux(flux, ivar, mask), bin_pixels)
    weight = np.where(np.isfinite(pixels), in_bins(ivar, bin_pixels).astype(np.float64), 0)
    total = np.sum(weight, axis=2)
    total = np.where(total > 0, total, np.nan)
    values, error = np.sum(weight * np.where(np.isfinite(pixels), pixels, 0), axis=2) / total, 1 / np.sqrt(total)
    level = np.fmax(percentile(values), LEAST_LEVEL * percentile(error))
    level = np.where(level > 0, level, 1.0)
    values, error = values / level, error / level
    known = np.isfinite(values) & np.isfinite(error)
    error = np.clip(np.where(known, error, LARGEST_ERROR), 0, LARGEST_ERROR)
    contrast = np.where(known, np.clip(values - 1, *CONTRAST_RANGE), 0)
    return np.stack([contrast / (1 + error**2), known / (1 + error)], axis=-1).astype(np.float32)
