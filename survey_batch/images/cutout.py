"""Windows of pixels around positions, as `astropy.nddata.Cutout2D(mode="partial")` cuts them.

Pixel coordinates are 0-based, integers at pixel centres. A window of `size` pixels around x starts at
ceil(x - size / 2), for even and odd sizes alike, as in `astropy.nddata.overlap_slices`.
"""

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

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
    return _cut(image, x_start, y_start, size, np.float32(np.nan))


def cut_mask(mask: I4, x_start: I8, y_start: I8, size: int, beyond: int) -> I4:
    """Cut windows out of a mask as `cut` does; `beyond` is the value beyond its edges."""
    return _cut(mask, x_start, y_start, size, np.int32(beyond))


def _cut(image: npt.NDArray[Any], x_start: I8, y_start: I8, size: int, beyond: Kind) -> npt.NDArray[Kind]:
    """Cut windows as numbers of the kind of `beyond`, which stands where they reach beyond the image."""
    kind = beyond.dtype
    height, width = image.shape[-2:]
    far_x, far_y = width - size, height - size
    whole = (x_start >= 0) & (x_start <= far_x) & (y_start >= 0) & (y_start <= far_y)
    windows: npt.NDArray[Kind]
    if whole.any():  # all at once, the others moved to where they are whole
        own: tuple[I8, ...] = (np.arange(len(whole)),) if image.ndim > 2 else ()
        place = *own, y_start.clip(0, far_y), x_start.clip(0, far_x)
        windows = np.asarray(sliding_window_view(image, (size, size), (-2, -1))[place], kind)
        windows[~whole] = beyond
    else:
        windows = np.full((len(whole), size, size), beyond, kind)
    images = np.broadcast_to(image, (len(windows), height, width))
    touching = (x_start > -size) & (x_start < width) & (y_start > -size) & (y_start < height)
    for row in np.flatnonzero(touching & ~whole).tolist():
        left, top = int(x_start[row]), int(y_start[row])
        rows, columns = slice(max(top, 0), top + size), slice(max(left, 0), left + size)
        found = images[row, rows, columns]
        low, near = rows.start - top, columns.start - left
        windows[row, low : low + found.shape[0], near : near + found.shape[1]] = found
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
