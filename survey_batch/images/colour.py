"""Colour images from three bands by the method of Lupton et al. (2004, PASP 116, 133).

The three bands are dimmed by one factor per pixel, so that a bright pixel keeps its colour. The result equals
`astropy.visualization.make_lupton_rgb` with `minimum=0` to the last grey level, for many images at a time.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]

SMALLEST_Q, LARGEST_Q = 2.0**-23, 1e10
"""Range of the softening, as in astropy; below it the formula would be 0/0, and `LINEAR_Q` is used."""
LINEAR_Q = 0.1
FIXED = 0.1
"""Share of the stretch that every softening maps to the same brightness, as in astropy: f(0.1 stretch) = 0.1."""


def lupton_rgb(bands: Floats, stretch: float, q: float) -> npt.NDArray[np.uint8]:
    """Compose colour images.

    Parameters
    ----------
    bands : (n, 3, y, x) float32 or float64
        Red, green and blue. A pixel without data (not finite) has no light in that band: 0.
    stretch : float
        Linear stretch, in the unit of `bands`; above 0.
    q : float
        Softening; 0 is nearly linear.

    Returns
    -------
    (n, y, x, 3) uint8
        Black where the mean of the three bands is not positive, or so large that it overflows.
    """
    light = np.where(np.isfinite(bands), bands, bands.dtype.type(0))
    with np.errstate(all="ignore"):  # extreme values overflow, and are then made black
        light *= _dimming(light, stretch, q)[:, None]
    np.clip(light, 0, np.finfo(light.dtype).max, out=light)
    light /= np.maximum(light.max(axis=1, keepdims=True), 1)
    light *= 255.0
    return np.ascontiguousarray(np.moveaxis(light.astype(np.uint8), 1, -1))


def _dimming(light: Floats, stretch: float, q: float) -> Floats:
    """Return f(I) / I of each pixel, with f(I) = asinh(q I / stretch) times a constant: (n, 3, y, x) to (n, y, x)."""
    q = LINEAR_Q if q < SMALLEST_Q else min(float(q), LARGEST_Q)
    intensity = (light[:, 0] + light[:, 1] + light[:, 2]) / 3.0
    target = np.arcsinh(intensity * (q / float(stretch)))
    # In double precision even for single-precision images: a 0-d numpy scalar, as in astropy.
    np.multiply(target, np.float64(FIXED) / np.arcsinh(FIXED * q), out=target, casting="same_kind")
    usable = (intensity > 0) & np.isfinite(target)
    return np.divide(target, intensity, out=np.zeros_like(target), where=usable)
