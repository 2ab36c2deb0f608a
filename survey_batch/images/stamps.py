"""Windows around objects, and the local background in them.

Everything is measured on stamps: windows of whole pixels with the object in the central pixel. So an object's values
depend on the pixels around it and not on the cutout that they come from.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, F8
from survey_batch.images.cutout import cut

Floats = npt.NDArray[np.floating]

CLIP = 3.0
"""Standard deviations from the median beyond which a pixel of the ring is not background."""
CLIPPINGS = 6
MIDDLE = np.array([0.158655, 0.5, 0.841345])
"""Quantiles of a Gaussian a standard deviation below its median, there, and as far above."""
SMALLEST_RING = 0.25
"""Least share of the ring that must be real and unclipped."""
CORNER = float(np.sqrt(0.5))
"""Pixels from the centre of a pixel to its corners."""
MEDIAN_VARIANCE = np.pi / 2
"""Variance of the median of many Gaussian values, over that of their mean."""


@dataclass(frozen=True)
class Stamps:
    """Background-subtracted windows around objects, in one band.

    Attributes
    ----------
    values : (n, k, k) float32
        Nanomaggies; 0 where a pixel is not real.
    real : (n, k, k) float32
        1 for measured pixels, else 0.
    variance : (n, k, k) or (n, 1, 1) float32
        Squared nanomaggies; 0 where a pixel is not real, or one value for the whole stamp.
    x, y : (n,) float64
        Position of the object, in pixels from the centre of the central pixel.
    background, scatter : (n,) float64
        Subtracted background, and its standard deviation per pixel; NaN where nothing can be measured.
    background_variance : (n,) float64
        Variance of the subtracted level.
    """

    values: F4
    real: F4
    variance: F4
    x: F8
    y: F8
    background: F8
    scatter: F8
    background_variance: F8

    @property
    def half(self) -> int:
        """Pixels on either side of the central one."""
        return int(self.values.shape[-1]) // 2

    def around(self, radius: float) -> Self:
        """Keep only the pixels needed within `radius` pixels of the objects, side by side in memory."""
        margin = self.half - min(half_width(radius), self.half)
        inner = slice(margin, self.values.shape[-1] - margin)
        parts = {
            name: np.ascontiguousarray(part[:, inner, inner])
            for name, part in (("values", self.values), ("real", self.real), ("variance", self.variance))
            if part.shape[-1] > 1
        }
        return type(self)(**{**vars(self), **parts})

    def take(self, rows: npt.NDArray[np.intp]) -> Self:
        """Select stamps."""
        return type(self)(**{name: part[rows] for name, part in vars(self).items()})


def half_width(radius: float) -> int:
    """Return the pixels on either side of the central one that hold a circle around any point in the central one."""
    return int(np.ceil(radius + 0.5))


def make_stamps(images: Floats, x: F8, y: F8, ring: tuple[float, float], ivar: Floats | None = None) -> Stamps:
    """Cut stamps that hold the ring around each object, and subtract the background found in the ring.

    Parameters
    ----------
    images
        (n, y, x) nanomaggies; NaN where there is no pixel.
    x, y
        (n,) positions of the objects, 0-based pixel centres; NaN where the band is missing.
    ring
        Radii of the ring in pixels.
    ivar
        As `images`; a pixel whose inverse variance is not above 0 is not real. Without it, each pixel of a stamp has
        the variance of its background, which leaves out the object's own photon noise.
    """
    half = half_width(ring[1])
    raw, left_x, left_y = _windows(images, x, y, half)
    weight = None if ivar is None else _windows(ivar, x, y, half)[0]
    real = np.isfinite(raw) if weight is None else np.isfinite(raw) & (weight > 0)
    if weight is not None:
        raw = np.where(real, raw, np.float32(np.nan))
    level, scatter, used = ring_background(raw, left_x, left_y, ring)
    values = np.subtract(raw, np.nan_to_num(level).astype(np.float32)[:, None, None], out=raw)
    np.copyto(values, np.float32(0), where=~real)
    variance = (scatter**2)[:, None, None] if weight is None else real / np.where(real, weight, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        uncertainty = MEDIAN_VARIANCE * scatter**2 / used
    return Stamps(
        values, real.astype(np.float32), variance.astype(np.float32), left_x, left_y, level, scatter, uncertainty
    )


def ring_background(windows: F4, x: F8, y: F8, ring: tuple[float, float]) -> tuple[F8, F8, F8]:
    """Return the median and the scatter of the pixels in a ring, both after clipping.

    Pixels whose centres lie in the ring are clipped at 3 standard deviations around their median, six times; the
    standard deviation is half the distance between the 16th and 84th percentiles, which neighbours and clipping hardly
    change.

    Parameters
    ----------
    windows
        (n, k, k); NaN is ignored.
    x, y
        (n,) centre of the ring, in pixels from the central pixel.
    ring
        Radii; the inner one belongs to the ring, the outer one does not.

    Returns
    -------
    median, scatter, count : (n,) float64
        NaN where less than a quarter of the ring is left; count is the number of pixels used.
    """
    half = windows.shape[-1] // 2
    offset = np.arange(-half, half + 1)
    from_centre = np.hypot(offset[:, None], offset)
    off = np.hypot(x, y).max(initial=CORNER) + 1e-6
    row, column = np.nonzero((from_centre > ring[0] - off) & (from_centre < ring[1] + off))
    pixels = windows.reshape(len(windows), -1).take(row * windows.shape[-1] + column, axis=1)
    from_edge = np.abs(from_centre[row, column, None] - ring).min(axis=1)
    edge = np.flatnonzero(from_edge < off)  # all others are inside every object's ring
    square = (offset[column[edge]] - x[:, None]) ** 2 + (offset[row[edge]] - y[:, None]) ** 2
    inside = (square >= ring[0] ** 2) & (square < ring[1] ** 2)
    pixels[:, edge] = np.where(inside, pixels[:, edge], np.float32(np.nan))
    pixels.sort(axis=1)
    median, scatter, count = _clipped(pixels)
    too_few = count < SMALLEST_RING * np.pi * (ring[1] ** 2 - ring[0] ** 2)
    return np.where(too_few, np.nan, median), np.where(too_few, np.nan, scatter), count.astype(np.float64)


def _windows(images: Floats, x: F8, y: F8, half: int) -> tuple[F4, F8, F8]:
    """Cut windows around the pixels that hold the positions; NaN beyond the images."""
    known = np.isfinite(x) & np.isfinite(y)
    centres = [np.rint(np.where(known, position, 0)) for position in (x, y)]
    column, row = (centre.astype(np.intp) - half for centre in centres)
    found = cut(images, np.where(known, column, images.shape[2]), row, 2 * half + 1)
    left_x, left_y = (np.where(known, position - centre, 0) for position, centre in zip((x, y), centres, strict=True))
    return found, left_x, left_y


def _clipped(ordered: F4) -> tuple[F8, F8, npt.NDArray[np.intp]]:
    """Return the median, the scatter and the number of values of ordered rows, NaN last, after clipping.

    A row is done as soon as a clipping leaves it as it was: so would all others.
    """
    rows = np.arange(len(ordered))
    first, last = np.zeros(len(ordered), np.intp), rank(ordered, rows, np.full(len(ordered), np.inf, np.float32))
    median, scatter = _middle(ordered, rows, first, last)
    for _ in range(CLIPPINGS):
        low, high = ((median[rows] + sign * CLIP * scatter[rows]).astype(np.float32) for sign in (-1, 1))
        beyond = np.nextafter(high, np.float32(np.inf))  # the first value that is above the limit
        begin, end = np.split(rank(ordered, np.tile(rows, 2), np.concatenate([low, beyond])), 2)
        moved = (begin != first[rows]) | (end != last[rows])
        rows, begin, end = rows[moved], begin[moved], end[moved]
        if not rows.size:
            break
        first[rows], last[rows] = begin, end
        median[rows], scatter[rows] = _middle(ordered, rows, begin, end)
    return median, scatter, last - first


def rank(ordered: F4, rows: npt.NDArray[np.intp], values: F4) -> npt.NDArray[np.intp]:
    """Count the values of some ordered rows, NaN last, that are smaller than a value for each; by bisection."""
    width = ordered.shape[1]
    if not width:
        return np.zeros(len(rows), np.intp)
    begin, flat = rows * width - 1, ordered.reshape(-1)
    step = 1 << (width.bit_length() - 1)
    # Those below are at least `width - step` if they are at least `step`, so that no later step leads out of a row.
    count = (flat[begin + step] < values) * (width - step)
    while step > 1:
        step //= 2
        count += (flat[begin + count + step] < values) * step
    return np.asarray(count + (flat[begin + np.minimum(count + 1, width)] < values) * (count < width))


def _middle(
    ordered: F4, rows: npt.NDArray[np.intp], first: npt.NDArray[np.intp], last: npt.NDArray[np.intp]
) -> tuple[F8, F8]:
    """Return median and scatter of the values at indices `first` to `last` (exclusive) of some ordered rows."""
    place = first + MIDDLE[:, None] * np.maximum(last - first - 1, 0)
    below = place.astype(np.intp)
    lower = ordered[rows, below].astype(np.float64)
    upper = ordered[rows, np.minimum(below + 1, ordered.shape[1] - 1)].astype(np.float64)
    share = place - below
    low, median, high = np.where(share > 0, lower + share * (upper - lower), lower)
    return median, (high - low) / 2
