"""Other sources near an object: peaks of a smoothed image."""

import numpy as np

from survey_batch.core.arrays import F4, F8
from survey_batch.core.feature import Feature
from survey_batch.images.stamps import Stamps

KERNEL = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
"""Binomial: a Gaussian of one pixel."""
SMOOTHED_NOISE = float(np.sum(KERNEL**2))
"""Scatter of the smoothed image over that of independent pixels."""
DETECTION = 5.0
"""Standard deviations of the smoothed background that a peak must reach."""
LOWEST = np.float32(-np.inf)
OWN_RADIUS = 3.0
"""Peaks within this many pixels of the position are the object itself."""

NEIGHBOURS = (
    Feature("neighbours", "1", "peaks of 5 standard deviations beside the object"),
    Feature("nearest_distance", "pixel", "distance of the nearest neighbour"),
    Feature("nearest_ratio", "1", "peak of the nearest neighbour over the object's"),
    Feature("brightest_distance", "pixel", "distance of the brightest neighbour"),
    Feature("brightest_ratio", "1", "peak of the brightest neighbour over the object's"),
)
"""What `find_neighbours` measures."""


def find_neighbours(stamps: Stamps, radius: float) -> dict[str, F8]:
    """Count the sources around each object, and measure the nearest and the brightest of them.

    A neighbour is a pixel that is the highest of the 7x7 pixels around it after smoothing with a Gaussian of one pixel,
    and at least 5 standard deviations of the background high. In the halo of a bright object, noise and spikes are
    counted as neighbours.

    Parameters
    ----------
    stamps
        Stamps of n objects.
    radius
        Pixels from the object within which peaks count.

    Returns
    -------
    dict of (n,) float64
        By the names in `NEIGHBOURS`: number of neighbours, distances in pixels, ratios of the neighbour's peak to the
        object's. NaN where nothing is measured or there is no neighbour; ratios are also NaN where the object itself
        does not reach 5 standard deviations.
    """
    image = _smooth(stamps.values)
    offset = np.arange(-stamps.half, stamps.half + 1)
    u, v = (offset - centre[:, None] for centre in (stamps.x, stamps.y))
    square = (u**2).astype(np.float32)[:, None, :] + (v**2).astype(np.float32)[:, :, None]
    limit = (DETECTION * SMOOTHED_NOISE * stamps.scatter).astype(np.float32)
    near = square < OWN_RADIUS**2
    with np.errstate(invalid="ignore"):
        own = np.where(near, image, LOWEST).max(axis=(1, 2))
        own = np.where(own >= limit, own, np.float32(np.nan)).astype(np.float64)
        peak = image >= np.maximum(_largest_around(image), limit[:, None, None])
    peak &= (stamps.real > 0) & ~near & (square <= radius**2)
    count = np.count_nonzero(peak, axis=(1, 2))
    nearest = _pick(np.where(peak, -square, LOWEST), square, image)
    brightest = _pick(np.where(peak, image, LOWEST), square, image)
    some = count > 0
    values = (count, *(np.where(some, v, np.nan) for d, b in (nearest, brightest) for v in (d, b / own)))
    known = np.isfinite(stamps.background)
    return {name: np.where(known, v, np.nan) for (name, *_), v in zip(NEIGHBOURS, values, strict=True)}


def _pick(score: F4, square: F4, image: F4) -> tuple[F8, F8]:
    """Return the distance and height of the pixel with the highest score."""
    n = len(score)
    pixel = score.reshape(n, -1).argmax(axis=1)
    rows = np.arange(n)
    distance, height = (values.reshape(n, -1)[rows, pixel].astype(np.float64) for values in (square, image))
    return np.sqrt(distance), height


def _smooth(image: F4) -> F4:
    """Convolve with the kernel along both axes; pixels beyond the edges count as 0."""
    reach = len(KERNEL) // 2
    for axis in (1, 2):
        padded = np.pad(image, [(reach, reach) if axis == a else (0, 0) for a in range(3)])
        # One long row, on which the kernel also runs over the ends of the rows: these pixels are dropped.
        row, step = padded.reshape(-1), padded.strides[axis] // padded.itemsize
        weighed = {weight: np.float32(weight) * row for weight in set(KERNEL.tolist())}
        length = len(row) - step * (len(KERNEL) - 1)
        smooth = np.zeros_like(row)
        for start, weight in enumerate(KERNEL.tolist()):
            smooth[:length] += weighed[weight][start * step : start * step + length]
        image = _part(smooth.reshape(padded.shape), axis, 0, image.shape[axis])
    return np.ascontiguousarray(image)


def _largest_around(image: F4) -> F4:
    """Return the largest of the 7x7 pixels around each pixel."""
    for axis in (1, 2):
        image = np.pad(image, [(3, 3) if axis == a else (0, 0) for a in range(3)], constant_values=LOWEST)
        for step in (1, 2, 3):  # windows of 2, 4 and 7 pixels
            length = image.shape[axis] - step
            image = np.maximum(_part(image, axis, 0, length), _part(image, axis, step, length))
    return image


def _part(image: F4, axis: int, start: int, length: int) -> F4:
    return image[(slice(None),) * axis + (slice(start, start + length),)]
