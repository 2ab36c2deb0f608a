"""Percentile scaling of each image by itself."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F8

Image = TypeVar("Image", npt.NDArray[np.float32], npt.NDArray[np.float64])
Ints = npt.NDArray[np.intp]


def percentiles_of(images: Image, shares: Sequence[float]) -> list[Image]:
    """Find percentiles of each image, ignoring pixels without data.

    They equal those of `numpy.nanpercentile`, linear between neighbours and in double precision, but without its loop
    over images.

    Parameters
    ----------
    images : (..., y, x) float32 or float64
        NaN where there is no data.
    shares : sequence of float
        Percentages, 0 to 100.

    Returns
    -------
    list of (...,) arrays of the same type
        One array for each share; NaN for an image without data.
    """
    ordered = np.sort(images.reshape(*images.shape[:-2], -1), axis=-1)  # pixels without data come last
    last = np.maximum((~np.isnan(ordered)).sum(axis=-1, keepdims=True) - 1, 0)
    return [_interpolate(ordered, last, last * (share / 100))[..., 0].astype(images.dtype) for share in shares]


def scale_to_percentiles(images: Image, percentiles: tuple[float, float]) -> Image:
    """Clip each image to two of its percentiles and scale it to 0 to 1.

    Parameters
    ----------
    images : (..., y, x) float32 or float64
        Not finite where there is no data.
    percentiles : two floats
        The lower and the upper, 0 to 100.

    Returns
    -------
    (..., y, x) of the same type
        NaN where there is no data. An image whose two percentiles are equal becomes 0.
    """
    pixels = np.where(np.isfinite(images), images, images.dtype.type(np.nan))
    low, high = (limit[..., None, None] for limit in percentiles_of(pixels, percentiles))
    scaled = np.clip(pixels, low, high)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled -= low
        return np.where(high == low, pixels * 0, scaled / (high - low))


def _interpolate(ordered: Image, last: Ints, rank: F8) -> F8:
    """Interpolate between two sorted pixels, from the nearer one, so that each is reproduced exactly."""
    below = np.floor(rank).astype(np.intp)
    lower, upper = (
        np.take_along_axis(ordered, np.minimum(index, last), axis=-1).astype(np.float64) for index in (below, below + 1)
    )
    part, step = rank - below, upper - lower
    return np.where(part < 0.5, lower + step * part, upper - step * (1 - part))
