"""Lanczos resampling of many 8-bit images, to the bit as Pillow does it, by matrix products.

Pillow resamples one axis after the other. A value is a sum of pixels times weights, which are whole numbers of 2^-22,
and is rounded half up and limited to 0 to 255. Such sums are exact in double precision, in any order and on any
processor, so that a matrix product may form them: many values at a time, where Pillow forms one.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from survey_batch.core.arrays import F8

Bytes = npt.NDArray[np.uint8]

UNIT = 1 << 22
"""Pillow's weights are whole numbers of 1 / UNIT."""
VALUES = 32
"""Resampled rows in a matrix product: few, since they have pixels in common, and enough that Python's share is small.
Of columns, half as many."""
AXES_IN_MEMORY = 16


class Band(NamedTuple):
    """Resampled values that lie side by side along an axis, and the pixels that they are made of."""

    made: slice
    used: slice
    weights: F8
    """(made, used)."""


def resize(images: Bytes, resized: Bytes) -> Bytes:
    """Resize images exactly as Pillow's `Image.resize` with `LANCZOS` does.

    From version 13, Pillow sometimes takes y first where y shrinks; here x always comes first. Each image is resized by
    itself: a stack of them leaves a core's cache.

    Parameters
    ----------
    images : (n, y, x, channel) uint8
    resized : (n, height, width, channel) uint8
        Where to put them; its shape says how large they become.

    Returns
    -------
    (n, height, width, channel) uint8
        `resized`.
    """
    (rows, columns, channels), (height, width) = images.shape[1:], resized.shape[1:3]
    across, down = bands(columns, width, VALUES // 2, channels), bands(rows, height, VALUES, 1)
    wide = np.empty((rows, width * channels))
    for place, image in zip(resized, images, strict=True):
        pixels = image.reshape(rows, -1).astype(np.float64)
        for made, used, weights in across:
            np.matmul(pixels[:, used], weights.T, out=wide[:, made])
        np.floor(_limited(wide), out=wide)
        for made, used, weights in down:
            place[made] = _limited(weights @ wide[used]).reshape(-1, width, channels)
    return resized


def lanczos_weights(pixels: int, values: int) -> F8:
    """Return the weights by which Pillow resamples an axis: what becomes of each pixel of 1 among zeros.

    Integers of 32 bits are rounded as the weights of 8-bit images are, half away from zero.

    Returns
    -------
    (values, pixels) float64
    """
    alone = Image.fromarray(np.eye(pixels, dtype=np.int32) * np.int32(UNIT))
    return np.asarray(alone.resize((values, pixels), Image.Resampling.LANCZOS), np.float64).T / UNIT


@lru_cache(AXES_IN_MEMORY)
def bands(pixels: int, values: int, at_once: int, channels: int) -> tuple[Band, ...]:
    """Divide the resampled values of an axis, for pixels whose channels lie side by side.

    A product with all weights would be one of zeros, mostly.
    """
    weights, found = lanczos_weights(pixels, values), []
    for start in range(0, values, at_once):
        part = weights[start : start + at_once]
        touched = np.flatnonzero(part.any(axis=0))
        low, high = int(touched[0]), int(touched[-1]) + 1
        made = slice(start * channels, (start + len(part)) * channels)
        used = slice(low * channels, high * channels)
        found.append(Band(made, used, np.asarray(np.kron(part[:, low:high], np.eye(channels)), np.float64)))
    return tuple(found)


def _limited(sums: F8) -> F8:
    """Limit to 0 to 255, in place, values whose whole parts are then the rounded ones."""
    sums += 0.5
    return np.clip(sums, 0, 255, out=sums)
