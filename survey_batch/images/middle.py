"""The middle of images."""

from typing import Any

import numpy.typing as npt


def middle(pixels: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """Take the middle (…, size, size) of images (…, y, x), or all of smaller images."""
    top, left = (max(0, (side - size) // 2) for side in pixels.shape[-2:])
    return pixels[..., top : top + size, left : left + size]
