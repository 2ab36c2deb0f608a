"""Images on the page at a whole number of CSS pixels for each of theirs, so that the browser blurs nothing."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from survey_batch.images.picture import Pixels
from survey_batch.report.page import Html, picture

SIDE = 128
"""Smallest side of a picture [CSS pixels]; smaller ones are enlarged by a whole factor, so that no pixel is blurred."""
BAND_SIDE = 64
"""The same for one band of several."""
LARGEST = 320
"""Largest side; in the pixels of larger ones, as many pixels as needed are averaged."""


def pixels(image: Pixels, description: str, smallest: int = SIDE) -> Html:
    """Embed an image so that each of its pixels is a whole number of CSS pixels."""
    less = -(-max(image.shape[:2]) // LARGEST)
    if less > 1:
        image = _averaged(image, less)
    times = _times(max(image.shape[:2]), smallest)
    height, width = (side * times for side in image.shape[:2])
    return picture(encode(image), description, class_="pixels", width=width, height=height)


def _averaged(image: Pixels, less: int) -> Pixels:
    height, width = (side // less for side in image.shape[:2])
    blocks = image[: height * less, : width * less].reshape(height, less, width, less, -1)
    return np.asarray(blocks.mean(axis=(1, 3)).round(), np.uint8)


def _times(side: int, smallest: int) -> int:
    return max(1, -(-smallest // side))


def side_of(size: int, smallest: int) -> int:
    """Side of a picture of `size` pixels on the page [CSS pixels]."""
    less = -(-size // LARGEST)
    return size // less * _times(size // less, smallest)


def shown_at(size: int, smallest: int) -> str:
    """Say how large images of `size` pixels are on the page."""
    if less := -(-size // LARGEST) - 1:
        return f"{size} × {size} pixels, {less + 1} × {less + 1} of them averaged in one"
    times = _times(size, smallest)
    return f"{size} × {size} pixels at " + (f"{times} times their size" if times > 1 else "their true size")


def size_of(image: npt.NDArray[Any]) -> str:
    """Write width and height."""
    return f"{image.shape[1]} × {image.shape[0]} pixels"


def encode(image: Pixels) -> bytes:
    """Compress an image as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="png", optimize=True)
    return buffer.getvalue()
