"""Windows of pixels around positions, as `astropy.nddata.Cutout2D(mode="partial")` cuts them.

Pixel coordinates are 0-based, integers at pixel centres. A window of `size` pixels around x starts at
ceil(x - size / 2), for even and odd sizes alike, as in `astropy.nddata.overlap_slices`.
"""

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F8, I4, I8

Floats = npt.NDArray[np.floating]
Kind = TypeVar("Kind", np.float32, np.int32)


def window_start(position: F8, size: int) -> I8:
    """Return the first pixel of a window of `size` pixels around each position."""
    return np.ceil(position - size / 2).astype(np.int64)


def cut(image: Floats, x_start: I8, y_start: I8, size: int) -> npt.NDArray[np.float32]:
    """Cut square windows out of one image, or each out of its own.

    Parameters
    ----------
    image : (ny, nx) or (n, ny, nx)
    x_start, y_start : (n,) int
        First column and row of each window, which may lie outside the image.
    size : int

    Returns
    -------
    (n, size, size) float32
        NaN where a window reaches beyond the image.
    """
    return _cut(image, x_start, y_start, np.full((len(x_start), size, size), np.nan, np.float32))


def cut_mask(mask: I4, x_start: I8, y_start: I8, size: int, beyond: int) -> I4:
    """Cut windows out of a mask as `cut` does; `beyond` is the value beyond its edges."""
    return _cut(mask, x_start, y_start, np.full((len(x_start), size, size), beyond, np.int32))


def _cut(image: npt.NDArray[Any], x_start: I8, y_start: I8, windows: npt.NDArray[Kind]) -> npt.NDArray[Kind]:
    """Copy what lies on the image into windows that hold what is beyond it."""
    size = windows.shape[-1]
    height, width = image.shape[-2:]
    images = np.broadcast_to(image, (len(windows), height, width))
    # A copy of a rectangle takes a fifth of the time that picking its pixels by their indices takes.
    for window, one, left, top in zip(windows, images, x_start.tolist(), y_start.tolist(), strict=True):
        rows, columns = slice(max(top, 0), max(top + size, 0)), slice(max(left, 0), max(left + size, 0))
        found = one[rows, columns]
        low, near = rows.start - top, columns.start - left
        window[low : low + found.shape[0], near : near + found.shape[1]] = found
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
