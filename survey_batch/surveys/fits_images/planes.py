"""What stands beside an image: the noise of its pixels, and a mask of bad ones."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from survey_batch.core.arrays import F4, I4
from survey_batch.core.errors import UnreadableError
from survey_batch.images.frame import Frame
from survey_batch.images.quality import LAST_BIT, NO_DATA
from survey_batch.surveys.fits_images.files import opened, pixels_of
from survey_batch.surveys.fits_images.units import linear, noise_factor, stated_unit

Noise = Literal["ivar", "variance", "sigma"]
Bits = Literal["all"] | tuple[int, ...]

POWERS: Mapping[Noise, int] = {"ivar": -2, "variance": 2, "sigma": 1}
"""Of the unit of the image: the unit of noise of each kind."""

OWN = (1 << (LAST_BIT + 1)) - 1
"""All bits that a mask may have."""


def with_noise(frame: Frame, raw: bytes, hdu: str, noise: Noise, *, tiles: bool = True) -> Frame:
    """Give a frame the inverse variance of its pixels.

    Parameters
    ----------
    frame
        Its calibration turns the unit of the image's file into that of the product.
    raw, hdu, tiles
        File and HDU of the noise, as for `files.read_image`.
    noise
        What the pixels of the noise are, in units of the image's file, or in a multiple that their header says.

    Returns
    -------
    Frame
        Its `ivar` is 0 where the noise is not a finite number above 0.

    Raises
    ------
    UnreadableError
        As of `files.read_image`, or the image has another shape.
    """
    with opened(raw, hdu, "noise_hdu", tiles=tiles) as found:
        pixels: Any = linear(_alike(pixels_of(found), frame, "noise"), found.header)
        factor = noise_factor(stated_unit(found.header), frame.unit, POWERS[noise])
    with np.errstate(all="ignore"):
        pixels = pixels if factor == 1 else pixels * np.float64(factor)
        ivar = _inverse_variance(pixels.astype(np.float32), noise) / frame.calibration[0] ** 2
        usable = np.isfinite(ivar) & (ivar > 0)
        if not usable.any() and (np.isfinite(pixels) & (pixels > 0)).any():
            raise UnreadableError("the noise is beyond what an inverse variance in single precision can hold")
        return replace(frame, ivar=np.where(usable, ivar, np.float32(0)))


def _inverse_variance(pixels: F4, noise: Noise) -> F4:
    one = np.float32(1)
    if noise == "ivar":
        return pixels
    if noise == "variance":
        return one / pixels
    return np.where(pixels > 0, one / pixels**2, np.float32(0))


def with_mask(frame: Frame, raw: bytes, hdu: str, bits: Bits, *, tiles: bool = True) -> Frame:
    """Give a frame its mask, with the bits that are bad alone.

    Parameters
    ----------
    frame, raw, hdu, tiles
        As of `with_noise`.
    bits
        Bits that are bad, or all that are set.

    Raises
    ------
    UnreadableError
        As of `with_noise`, or the pixels are no whole numbers, or have bits that the product cannot hold.
    """
    with opened(raw, hdu, "mask_hdu", tiles=tiles) as found:
        pixels = _alike(pixels_of(found), frame, "mask")
    nothing = np.zeros(pixels.shape, bool)
    if pixels.dtype.kind == "f":  # integers with a scale, or with a number that stands for nothing
        nothing = ~np.isfinite(pixels)
        pixels = np.where(nothing, 0, pixels)
        if (pixels != np.rint(pixels)).any():
            raise UnreadableError("the mask has pixels that are no whole numbers, and so no bits")
    values = pixels.astype(np.int64)
    if bits == "all" and (values & ~OWN).any():
        raise UnreadableError(f"the mask has bits above {LAST_BIT}: name those that are bad in archive.mask_bits")
    bad = values & (OWN if bits == "all" else sum(1 << bit for bit in bits))
    mask: I4 = np.where(nothing, NO_DATA, bad).astype(np.int32)
    return replace(frame, mask=mask)


def _alike(pixels: Any, frame: Frame, what: str) -> Any:
    """Refuse pixels that do not fit those of the image."""
    if pixels.shape != frame.image.shape:
        theirs, ours = (" x ".join(map(str, shape[::-1])) for shape in (pixels.shape, frame.image.shape))
        raise UnreadableError(f"the {what} has {theirs} pixels, and its image {ours}")
    return pixels
