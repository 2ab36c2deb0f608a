"""Cutouts of stars as a network's input, each scaled by itself so that a network applies to other exposures."""

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4

RING = 0.36
"""Inner radius, as a share of the cutout's size, of the ring in which sky and noise are measured."""
CORE = 2
"""Pixels on either side of the middle in which the peak is sought."""
MAD_PER_SIGMA = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
PROFILE_LIMITS = (-0.25, 1.5)
"""Limits to which the profile is clipped; how much brighter a neighbour is does not matter."""
BRIGHTNESS_UNIT = 10.0
"""asinh of the S/N per pixel that becomes 1: an S/N of 11,000."""


def scaled_pixels(flux: F4) -> F4:
    """Scale each cutout by its own sky, noise and peak.

    Parameters
    ----------
    flux : (n, y, x) float32
        One band; any unit and sky level. NaN where there is no pixel.

    Returns
    -------
    (n, y, x, 3) float32
        The profile (flux - sky) / peak, which shows the shape; asinh((flux - sky) / noise) / 10, which shows brightness
        and faint neighbours; and 1 where there is no pixel. Finite everywhere.
    """
    sky, noise = ring_statistics(flux)
    above = flux.astype(np.float64) - sky[:, None, None]
    y, x = (size // 2 for size in flux.shape[1:])
    core = above[:, y - CORE : y + CORE + 1, x - CORE : x + CORE + 1].reshape(len(flux), -1)
    peak = np.where(np.isfinite(core), core, 0.0).max(axis=1)
    unit = np.maximum(np.maximum(peak, 3 * noise), np.finfo(np.float32).tiny)
    profile = np.clip(above / unit[:, None, None], *PROFILE_LIMITS)
    brightness = np.arcsinh(above / np.maximum(noise, np.finfo(np.float32).tiny)[:, None, None]) / BRIGHTNESS_UNIT
    missing = ~np.isfinite(above)
    planes = (np.where(missing, 0.0, plane) for plane in (profile, brightness))
    return np.stack([*planes, missing], axis=-1).astype(np.float32)


def ring_statistics(flux: F4) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Find each cutout's sky and noise: median and scaled median absolute deviation of its outer ring, (n,) each.

    Both are 0 where the ring has no pixel.
    """
    height, width = flux.shape[1:]
    distance = np.hypot(np.arange(height)[:, None] - height // 2, np.arange(width) - width // 2)
    ring = flux[:, distance >= RING * min(height, width)].astype(np.float64)
    sky = _median(ring)
    return sky, MAD_PER_SIGMA * _median(np.abs(ring - sky[:, None]))


def _median(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the median of the finite values of each row; 0 where there are none."""
    count = np.isfinite(values).sum(axis=1)
    ordered = np.sort(np.where(np.isfinite(values), values, np.inf), axis=1)
    rows = np.arange(len(values))
    low, high = ((count - 1).clip(0) // 2, (count // 2).clip(0, values.shape[1] - 1))
    with np.errstate(invalid="ignore"):
        middle = (ordered[rows, low] + ordered[rows, high]) / 2
    return np.asarray(np.where(count > 0, middle, 0.0))


def change_view(values: F4, rng: np.random.Generator, *, zoom: float, shift: float) -> F4:
    """Rotate, mirror, zoom and shift each image at random; for training rows only.

    Parameters
    ----------
    values : (n, size, size, channel) float32
    rng
    zoom
        Largest change of scale, as a logarithm; it imitates another seeing or pixel size.
    shift
        Largest shift in pixels.

    Returns
    -------
    (n, size, size, channel) float32
        Interpolated bilinearly; beyond the edge, the nearest pixel is used.
    """
    rows, size = values.shape[:2]
    scale = np.exp(rng.uniform(-zoom, zoom, rows))
    quarter, mirror = rng.integers(0, 4, rows), rng.choice([-1.0, 1.0], rows)
    cosine, sine = np.array([1.0, 0.0, -1.0, 0.0])[quarter], np.array([0.0, 1.0, 0.0, -1.0])[quarter]
    line = np.arange(size) - (size - 1) / 2
    y, x = line[:, None], line[None, :]
    turned_x = (cosine[:, None, None] * x - sine[:, None, None] * y) * (scale * mirror)[:, None, None]
    turned_y = (sine[:, None, None] * x + cosine[:, None, None] * y) * scale[:, None, None]
    offset = rng.uniform(-shift, shift, (2, rows, 1, 1)) + (size - 1) / 2
    return _bilinear(values, turned_y + offset[0], turned_x + offset[1])


def _bilinear(values: F4, y: npt.NDArray[np.float64], x: npt.NDArray[np.float64]) -> F4:
    limit = values.shape[1] - 1
    y, x = y.clip(0, limit), x.clip(0, limit)
    top, left = (np.minimum(part.astype(np.intp), limit - 1) for part in (y, x))
    low, near = ((part - start).astype(np.float32)[..., None] for part, start in ((y, top), (x, left)))
    row = np.arange(len(values))[:, None, None]
    upper = values[row, top, left] * (1 - near) + values[row, top, left + 1] * near
    lower = values[row, top + 1, left] * (1 - near) + values[row, top + 1, left + 1] * near
    return np.asarray(upper * (1 - low) + lower * low)
