"""Lanczos resampling of many 8-bit images."""

import numpy as np
import numpy.typing as npt
from PIL import Image

Bytes = npt.NDArray[np.uint8]


def resize(images: Bytes, resized: Bytes) -> Bytes:
    """Resize images exactly as Pillow's `Image.resize` with `LANCZOS` does.

    Pillow resamples one axis after the other, in integers. From version 13, it sometimes takes y first where y shrinks;
    here x always comes first. Each image is resized by itself: a stack of them leaves a core's cache.

    Parameters
    ----------
    images : (n, y, x, 3) uint8
    resized : (n, height, width, 3) uint8
        Where to put them; its shape says how large they become.

    Returns
    -------
    (n, height, width, 3) uint8
        `resized`.
    """
    rows = images.shape[1]
    height, width = resized.shape[1:3]
    for place, image in zip(resized, map(Image.fromarray, images), strict=True):
        wide = image.resize((width, rows), Image.Resampling.LANCZOS) if height < rows else image
        place[...] = wide.resize((width, height), Image.Resampling.LANCZOS)
    return resized
