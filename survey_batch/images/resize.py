"""Lanczos resampling of many 8-bit images at once."""

import numpy as np
import numpy.typing as npt
from PIL import Image

Bytes = npt.NDArray[np.uint8]


def resize(images: Bytes, height: int, width: int) -> Bytes:
    """Resize images exactly as Pillow's `Image.resize` with `LANCZOS` does.

    Pillow resamples one axis after the other, in integers, and rows do not affect each other. So many images are
    stacked and resampled along x in one call, then placed side by side and resampled along y in another. From version
    13, Pillow takes y first if it shrinks much more than x; here x always comes first.

    Parameters
    ----------
    images : (n, y, x, 3) uint8
    height, width : int

    Returns
    -------
    (n, height, width, 3) uint8
    """
    n, rows, columns, channels = images.shape
    if not n:
        return np.empty((0, height, width, channels), np.uint8)
    wide = _resample(images.reshape(n * rows, columns, channels), n * rows, width)
    beside = wide.reshape(n, rows, width, channels).transpose(1, 0, 2, 3)
    tall = _resample(beside.reshape(rows, n * width * channels), height, n * width * channels)
    return np.ascontiguousarray(tall.reshape(height, n, width, channels).transpose(1, 0, 2, 3))


def _resample(image: Bytes, height: int, width: int) -> Bytes:
    """Resample one image of one or three channels."""
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))
