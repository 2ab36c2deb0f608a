"""Windows of pixels around positions, as `astropy.nddata.Cutout2D(mode="partial")` cuts them.

Pixel coordinates are 0-based, integers at pixel centres. A window of `size` pixels around x starts at
ceil(x - size / 2), for even and odd sizes alike, as in `astropy.nddata.overlap_slices`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F8, I8


def window_start(position: F8, size: int) -> I8:
    """Return the first pixel of a window of `size` pixels around each position."""
    return np.ceil(position - size / 2).astype(np.int64)


def cut(image: npt.NDArray[np.float32], x_start: I8, y_start: I8, size: int) -> npt.NDArray[np.float32]:
    """Cut square windows out of an image.

    Parameters
    ----------
    image : (ny, nx) float32
    x_start, y_start : (n,) int
        First column and row of each window, which may lie outside the image.
    size : int

    Returns
    -------
    (n, size, size) float32
        NaN where a window reaches beyond the image.
    """
    rows, inside_y = _span(y_start, size, image.shape[0])
    columns, inside_x = _span(x_start, size, image.shape[1])
    windows: npt.NDArray[np.float32] = image[rows[:, :, None], columns[:, None, :]]
    windows[~(inside_y[:, :, None] & inside_x[:, None, :])] = np.nan
    return windows


def coverage(windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the share of real (finite) pixels in each window: (n, size, size) to (n,)."""
    return np.asarray(np.isfinite(windows).mean(axis=(-2, -1), dtype=np.float64), np.float32)


def overlap(start: I8, size: int, length: int) -> F8:
    """Return the share of a window, given its first pixel, that lies on an axis of `length` pixels."""
    return np.asarray((np.minimum(start + size, length) - np.maximum(start, 0)).clip(0) / size)


def on_image(x: F8, y: F8, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Tell whether positions lie on an image of (ny, nx) pixels, up to half a pixel beyond the outer pixel centres."""
    return (x >= -0.5) & (x < shape[1] - 0.5) & (y >= -0.5) & (y < shape[0] - 0.5)


def _span(start: I8, size: int, length: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    index = start[:, None] + np.arange(size)
    return index.clip(0, length - 1), (index >= 0) & (index < length)
