"""Inputs of the networks from spectra: relative line strengths in wide bins.

Each row is treated by itself, so one object gives the same input alone and among others.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

from survey_batch.core.arrays import F4, F8, Flags
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.spectrum_bins import GoodPixels, few_rows_at_a_time
from survey_batch.spectra.normalize import row_percentiles

ROWS_AT_ONCE = 1024
"""Rows summed at a time."""

LEAST_WEIGHT = 1e-9
"""A lower weight is only rounding of the transforms: there is no good pixel within reach."""

Steps = dict[str, float | int | str]
"""The preprocessing of a recipe."""

STEPS: Steps = {
    "method": "relative-bins",
    "bin_pixels": 16,
    "broad_bins": 12.5,
    "narrow_bins": 4.0,
    "floor": 0.02,
    "ceiling": 2.5,
    "least_good_share": 0.3,
}
"""Bins of 16 pixels (1100 km/s), and two continua: Gaussians with a sigma of 200 and 64 pixels, 5 and 1.5 % of the
wavelength. On new stars, narrower bins are no better, and one continuum is worse."""


def good_share(flux: F4, ivar: F4, mask: npt.NDArray[np.int32]) -> F8:
    """Compute the share of usable pixels in each row."""
    good = mask == 0
    good &= ivar > 0
    good &= np.isfinite(flux)
    return np.asarray(np.count_nonzero(good, axis=1) / good.shape[1])


@few_rows_at_a_time
def relative_bins(
    flux: F4,
    ivar: F4,
    mask: npt.NDArray[np.int32],
    bin_pixels: int = 16,
    widths: tuple[float, ...] = (12.5, 4.0),
    floor: float = 0.02,
    ceiling: float = 2.5,
) -> F4:
    """Divide mean flux in bins by its smooth continuum, leaving lines, molecular bands and the Balmer jump.

    The continuum is removed because LAMOST's fibres have only a relative calibration and stars are reddened. Good
    pixels have equal weight: ivar would give the blue end, where the lines are, no weight.

    Parameters
    ----------
    flux, ivar, mask
        (object, wavelength) on one log grid.
    bin_pixels
        Pixels per bin; left-over pixels at the red end are dropped.
    widths
        Standard deviations, in bins, of the Gaussians that smooth the continuum.
    floor
        Minimum of the continuum, as a share of the row's median bin.
    ceiling
        Maximum of a bin, so that sky residuals and cosmic rays count no more than an emission line.

    Returns
    -------
    (object, bin, width) float32
        Bins without good pixels are interpolated between their neighbours; rows without any are 1.
    """
    bins = relative_flux(GoodPixels.of(flux, ivar, mask, bin_pixels), widths, floor, ceiling)
    return np.stack(bins, axis=-1, dtype=np.float32)


def relative_flux(pixels: GoodPixels, widths: tuple[float, ...], floor: float, ceiling: float) -> list[F8]:
    """Do the work of `relative_bins`; return one array (object, bin) for each width."""
    mean, count, known = pixels.mean(), pixels.count, pixels.known
    (level,) = row_percentiles(np.where(known, mean, np.nan), 50)
    mean /= np.where(level > 0, level, 1.0)
    light = np.concatenate([mean * count, count])
    ratios = [np.clip(mean / _run(light, width, floor), 0, ceiling) for width in widths]
    _fill(ratios, known)
    return ratios


def _run(light: F8, width: float, floor: float) -> F8:
    """Smooth the bins with a Gaussian, each weighted by its number of good pixels.

    `light` has the rows of sums of flux, and after them those of numbers of pixels.
    """
    smooth, weight = np.split(_gaussian(light, width), 2)
    return np.asarray(np.maximum(smooth / np.maximum(weight, LEAST_WEIGHT), floor))


def _gaussian(values: F8, width: float) -> F8:
    """Do the work of `scipy.ndimage.gaussian_filter1d` by Fourier transforms: five times as fast for wide kernels.

    The rounding is that of `scipy.signal.fftconvolve` on mirrored rows, which transforms the kernel each time.
    """
    reach, count = int(4 * width + 0.5), values.shape[1]
    length = fft.next_fast_len(count + 4 * reach, real=True)
    mirrored = np.zeros((len(values), length))
    mirrored[:, : count + 2 * reach] = np.pad(values, ((0, 0), (reach, reach)), mode="symmetric")
    waves = fft.rfft(mirrored, axis=1)
    waves *= _kernel(width, reach, length)
    return np.asarray(fft.irfft(waves, length, axis=1, overwrite_x=True)[:, 2 * reach : 2 * reach + count])


@lru_cache(maxsize=16)
def _kernel(width: float, reach: int, length: int) -> npt.NDArray[np.complex128]:
    """Transform a Gaussian, cut off at `reach` and padded to `length`, (1, length // 2 + 1)."""
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    return np.asarray(fft.rfft(kernel[None] / kernel.sum(), length, axis=1))


def mean_and_spread(rows: npt.NDArray[Any], axes: tuple[int, ...] = (0,)) -> tuple[F8, F8]:
    """Compute mean and standard deviation in float64 along axes that include 0; a file's rows are read in parts."""
    count, mean, square = 0.0, np.zeros(()), np.zeros(())
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = np.asarray(rows[start : start + ROWS_AT_ONCE], np.float64)
        number = float(np.prod([part.shape[axis] for axis in axes]))
        step_to = part.mean(axis=axes) - mean
        spread = ((part - part.mean(axis=axes, keepdims=True)) ** 2).sum(axis=axes)
        # Parts are merged around their own means (Chan, Golub and LeVeque 1979, Stanford STAN-CS-79-773).
        square = square + spread + step_to**2 * count * number / (count + number)
        count, mean = count + number, mean + step_to * number / (count + number)
    return np.asarray(mean), np.sqrt(square / max(count, 1.0))


def step(steps: Steps, name: str) -> float:
    """Get one number of the recipe's preprocessing.

    Raises
    ------
    ConfigurationError
        It is missing or not a number.
    """
    value = steps.get(name)
    if not isinstance(value, int | float):
        raise ConfigurationError(f"the classifier's recipe has no number {name!r} in its steps; train again")
    return float(value)


def _fill(arrays: Sequence[F8], known: Flags) -> None:
    """Interpolate unknown values along each row, in place; the outermost known ones go on to the ends.

    The rounding is that of `numpy.interp`.
    """
    row, gap = np.nonzero(~known)
    if not gap.size:
        return
    count = known.shape[1]
    flat = np.flatnonzero(known)
    # The known neighbours of a gap among those of all rows; they may lie in other rows.
    after = np.searchsorted(flat, row * count + gap)
    left, right = (flat[np.clip(place, 0, flat.size - 1)] if flat.size else gap - gap for place in (after - 1, after))
    has_left, has_right = ((after > 0) & (left // count == row)), (after < flat.size) & (right // count == row)
    left, right = np.where(has_left, left, right), np.where(has_right, right, left)
    neither = ~(has_left | has_right)
    step, distance = np.maximum(right - left, 1), row * count + gap - left
    for values in arrays:
        near = values.reshape(-1)
        slope = (near[right] - near[left]) / step
        values[row, gap] = np.where(neither, 1.0, slope * distance + near[left])
