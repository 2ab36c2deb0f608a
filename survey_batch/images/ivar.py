"""Inverse variance of the pixels of frames.

Errors follow the SDSS data model, `frame`: the counts are dn = flux / calibration + sky, their error is
sqrt(dn / gain + dark variance), and the calibration converts that back to nanomaggies. The sky is interpolated
bilinearly from the frame's coarse sky image and is constant beyond its edge.

A pixel that noise made bright gets a lower ivar than one that noise made faint. An ivar-weighted mean of faint pixels
is therefore biased low. Bleed trails and bad columns get no special ivar, because frames do not say where they are.
"""

from typing import NamedTuple

import numpy as np

from survey_batch.core.arrays import F4, I8
from survey_batch.images.frame import Sky


class Ccd(NamedTuple):
    """Noise properties of one CCD."""

    gain: float
    """Electrons per count."""
    dark_variance: float
    """Squared counts, read noise included."""


def sky_counts(sky: Sky, rows: I8, columns: I8) -> F4:
    """Interpolate the sky at the rows and columns of each window: (n, ny) and (n, nx) to (n, ny, nx), in counts."""
    top, below = _split(sky.row[rows], sky.image.shape[0])
    left, beside = _split(sky.column[columns], sky.image.shape[1])
    top, below, left, beside = top[:, :, None], below[:, :, None], left[:, None, :], beside[:, None, :]
    upper = sky.image[top, left] * (1 - beside) + sky.image[top, left + 1] * beside
    lower = sky.image[top + 1, left] * (1 - beside) + sky.image[top + 1, left + 1] * beside
    return np.asarray(upper * (1 - below) + lower * below, np.float32)


def _split(position: F4, length: int) -> tuple[I8, F4]:
    """Split positions on an axis into the pixel before and the fraction after it; the edge is repeated."""
    inside = position.clip(0, length - 1)
    before = np.minimum(inside.astype(np.int64), length - 2)
    return before, (inside - before).astype(np.float32)


def inverse_variance(flux: F4, calibration: F4, sky: F4, ccd: Ccd) -> F4:
    """Find the inverse variance of each pixel.

    Parameters
    ----------
    flux : (n, ny, nx) float32
        Sky-subtracted, nanomaggy per pixel.
    calibration : (n, nx) float32
        Nanomaggy per count of each column.
    sky : (n, ny, nx) float32
        Counts.
    ccd : Ccd
        The CCD's gain and dark variance.

    Returns
    -------
    (n, ny, nx) float32
        1 / nanomaggy^2; 0 where the flux is NaN or the calibration is not positive.
    """
    unit = calibration[:, None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        counts = (flux / unit + sky).clip(0)  # a negative number of electrons is noise around zero
        ivar = 1 / ((counts / np.float32(ccd.gain) + np.float32(ccd.dark_variance)) * unit**2)
    return np.asarray(np.where(np.isfinite(ivar) & (unit > 0), ivar, np.float32(0)), np.float32)


def window_ivar(flux: F4, x_start: I8, y_start: I8, calibration: F4, sky: Sky, ccd: Ccd) -> F4:
    """Find the inverse variance of windows cut from a frame: (n, size, size), 0 beyond the frame.

    Parameters
    ----------
    flux : (n, size, size) float32
        The windows, NaN beyond the frame.
    x_start, y_start : (n,) int
        First column and row of each window.
    calibration : (2048,) float32
        The frame's calibration vector.
    sky : Sky
        The frame's sky.
    ccd : Ccd
    """
    size = flux.shape[-1]
    columns = (x_start[:, None] + np.arange(size)).clip(0, len(sky.column) - 1)
    rows = (y_start[:, None] + np.arange(size)).clip(0, len(sky.row) - 1)
    return inverse_variance(flux, calibration[columns], sky_counts(sky, rows, columns), ccd)
