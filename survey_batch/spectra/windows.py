"""Pixels around rest-frame wavelengths, and means over windows that end inside pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, F8, I4, Flags
from survey_batch.spectra.grid import STEP, first_pixel

SMALLEST_SHARE = 0.5
"""Least share of a window that good pixels must cover."""


@dataclass(frozen=True)
class Pixels:
    """Each object's pixels around some rest-frame wavelengths; all arrays are (object, wavelength, pixel).

    Where all objects have one redshift, `x` and `width` are (1, wavelength, pixel).

    Parameters
    ----------
    x
        Position from the wavelength [pixels].
    flux, variance
        0 where not good.
    good
        Whether a pixel is on the grid and can be used.
    width
        Width of a pixel [Angstrom, rest frame].
    """

    x: F8
    flux: F8
    variance: F8
    good: Flags
    width: F8


def pixels_around(
    wavelength: F8,
    flux: F4,
    ivar: F4,
    mask: I4,
    redshift: npt.NDArray[np.floating],
    centres: F8,
    spans: Sequence[tuple[float, float]],
) -> Pixels:
    """Take the pixels that cover windows around rest-frame vacuum wavelengths [Angstrom].

    Parameters
    ----------
    wavelength
        Grid of `log_grid`, (m,).
    flux, ivar, mask
        (n, m).
    redshift
        (n,); values that are not finite, or not above -1, count as 0.
    centres
        (k,).
    spans
        First and last pixel of each window, counted from its centre.
    """
    stretch = 1 + np.where(np.isfinite(redshift) & (redshift > -1), redshift, 0).astype(np.float64)
    if len(stretch) and (stretch == stretch[0]).all():
        stretch = stretch[:1]
    reach = int(np.ceil(np.abs(spans).max())) + 1
    centre = np.log10(centres * stretch[:, None]) / STEP - first_pixel(wavelength)
    pixel = np.rint(centre).astype(np.intp)[..., None] + np.arange(-reach, reach + 1)
    index = np.clip(pixel, 0, wavelength.size - 1)
    flat = index + np.arange(len(flux))[:, None, None] * wavelength.size
    f, weight, flags = (np.take(values, flat) for values in (flux, ivar, mask))
    good = (index == pixel) & (flags == 0) & (weight > 0) & np.isfinite(f)
    weight = weight.astype(np.float64)
    return Pixels(
        pixel - centre[..., None],
        np.where(good, f, 0).astype(np.float64),
        np.where(good, 1 / np.where(good, weight, 1), 0),
        good,
        np.take(wavelength, index) * (STEP * np.log(10)) / stretch[:, None, None],
    )


def share_of_pixels(x: F8, low: float, high: float) -> F8:
    """Return the share of each pixel that lies in the window from `low` to `high`."""
    return np.asarray(np.clip(np.minimum(x + 0.5, high) - np.maximum(x - 0.5, low), 0, 1))


def window_mean(pixels: Pixels, span: tuple[float, float]) -> tuple[F8, F8, F8]:
    """Return a window's mean flux, variance and mean position, (object, wavelength, 1); NaN if too little is good."""
    weight = share_of_pixels(pixels.x, *span) * pixels.good
    total = np.sum(weight, axis=-1, keepdims=True)
    total = np.where(total >= SMALLEST_SHARE * (span[1] - span[0]), total, np.nan)
    mean, position = (np.sum(weight * values, axis=-1, keepdims=True) / total for values in (pixels.flux, pixels.x))
    return mean, np.sum(weight**2 * pixels.variance, axis=-1, keepdims=True) / total**2, position
