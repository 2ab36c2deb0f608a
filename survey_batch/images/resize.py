"""Lanczos resampling of many 8-bit images at once."""

import numpy as np
import numpy.typing as npt
from PIL import Image

Bytes = npt.NDArray[np.uint8]


def resize(images: Bytes, height: int, width: int) -> Bytes:
    """Resize images as Pillow's `Image.resize` with `LANCZOS` does, grey level by grey level.

    Pillow resamples one axis after the other, in integers, and along one axis a row knows nothing of the next. So many
    images on top of each other are resampled along x, and then many side by side along y, in one call each. Pillow from
    version 13 takes y first where it shrinks much more than x; here it is always x.

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
