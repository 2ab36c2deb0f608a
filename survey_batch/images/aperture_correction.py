"""Aperture correction of point-source fluxes on one frame, from the frame's own bright stars.

The filter of `shape.point_source_flux` sees the core of a star and assumes its wings, which differ from night to night
and from band to band. The survey's PSF fluxes are defined by the light of bright stars within 7.4 arcsec (SDSS,
Algorithms, "The PSF magnitude": "we use bright stars to determine a further aperture correction to a radius of
7.4 arcsec"). With this correction, so are ours.

It is found in two steps, because only a large aperture needs bright stars. The first is the flux in 7.5 pixels over
the filter's flux, by the median of all stars. The second is the flux within 7.4 arcsec over that in 7.5 pixels, by a
median in which bright stars count for more.
"""

from dataclasses import dataclass, replace

import numpy as np

from survey_batch.core.arrays import F4, F8, I8, Flags
from survey_batch.images.cutout import cut
from survey_batch.images.neighbours import find_neighbours
from survey_batch.images.photometry import aperture_flux, total
from survey_batch.images.psf_rule import half_sample_mode
from survey_batch.images.shape import FWHM, adaptive_moments, point_source_flux
from survey_batch.images.stamps import CLIP, MEDIAN_VARIANCE, Stamps, half_width, make_stamps

TOTAL_RADIUS = 7.4 / 0.396
"""Pixels: the radius within which the survey counts a star's light."""
SMALL_RADIUS = 7.5
"""Pixels; holds 93 to 98 % of that light."""
RING = (15.0, 25.0)
"""Radii of the background of the filter and of the small aperture: the default of `[image_features]`."""
WIDE_RING = (30.0, 45.0)
"""Radii of the background of the large aperture, beyond the wings."""
HALF = half_width(WIDE_RING[1])
"""Pixels on either side of a star that must lie on the frame."""

NOISE_STEP = 16
"""The frame's noise is taken from every 16th pixel along both axes."""
DETECTION = 20.0
"""Least brightness of a star's peak, in standard deviations of the sky; its flux is then good to 2 %."""
SATURATION = 25_000.0
"""Counts above the sky that no pixel of a star may reach; SDSS chips saturate above 30,000."""
MOST_STARS, MOST_FOR_GROWTH = 60, 30
"""Most stars used in all, and in the large aperture, where fainter ones count for little."""
NEIGHBOUR = 0.03
"""Largest peak of a neighbour, as a share of the star's, for a star to count as isolated."""
WIDTH_WINDOW = 0.1
"""Largest relative difference of a star's width from the commonest width; the PSF varies by 3 % over a frame."""
FEWEST_STARS = 5
"""Fewest stars for a frame to have its own correction."""
GROWTH_SCATTER = 0.004
"""Scatter of the growth from star to star that is not noise."""
MEDIAN_ERROR = float(np.sqrt(MEDIAN_VARIANCE))
MAD_PER_SIGMA = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""

TYPICAL_FACTOR, TYPICAL_ERROR = 1.076, 0.025
"""For a frame with too few stars: mean and scatter of 24 frames of five nights, seeing 2.2 to 4.8 pixels."""


@dataclass(frozen=True)
class ApertureCorrection:
    """The aperture correction of one frame.

    Attributes
    ----------
    factor
        Flux of a star within 7.4 arcsec, over the flux that `point_source_flux` finds.
    error
        Standard error of `factor`, the same for every object of the frame.
    stars
        Number of stars used; 0 if the frame has fewer than 5, and `factor` is that of a typical frame.
    fwhm
        Median full width at half maximum of these stars' cores in pixels; NaN if there are too few.
    """

    factor: float
    error: float
    stars: int
    fwhm: float


TYPICAL = ApertureCorrection(TYPICAL_FACTOR, TYPICAL_ERROR, 0, float("nan"))
NONE = ApertureCorrection(1.0, float("nan"), 0, float("nan"))
"""For frames on which it may not be measured (`ImageReader.corrects`)."""


def measure_correction(image: F4, calibration: F4) -> ApertureCorrection:
    """Measure the aperture correction of a frame, which depends only on the frame.

    Parameters
    ----------
    image : (y, x) float32
        Nanomaggies per pixel, sky subtracted.
    calibration : (x,) float32
        Nanomaggies per count of each column; tells which stars are saturated.
    """
    sigma, x, y = _bright_peaks(image, calibration)
    if len(x) < FEWEST_STARS:
        return TYPICAL
    stars = _lone_stars(image, x, y)
    if len(stars) < FEWEST_STARS:
        return TYPICAL
    bright = stars.take(slice(MOST_FOR_GROWTH))
    large, _, _ = aperture_flux(_stamps(image, bright.x, bright.y, WIDE_RING), TOTAL_RADIUS)
    whole = np.isfinite(large)
    if whole.sum() < FEWEST_STARS:
        return TYPICAL
    near, near_error = _median(stars.small / stars.filtered)
    small = bright.small[whole]
    growth, growth_error = _weighted_median(large[whole] / small, _growth_error(small, sigma))
    factor, error = near * growth, np.hypot(near_error / near, growth_error / growth)
    return ApertureCorrection(factor, float(factor * error), len(stars), float(np.median(stars.fwhm)))


@dataclass(frozen=True, eq=False)
class _Stars:
    """Stars of a frame, the brightest first; (n,) each."""

    x: F8
    y: F8
    fwhm: F8
    filtered: F8
    """Flux from `point_source_flux`."""
    small: F8
    """Flux in the small aperture."""

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Flags | slice) -> "_Stars":
        return _Stars(**{name: values[rows] for name, values in vars(self).items()})


def _bright_peaks(image: F4, calibration: F4) -> tuple[float, I8, I8]:
    """Find the frame's noise, and the brightest unsaturated peaks whose windows lie on the frame."""
    sample = image[::NOISE_STEP, ::NOISE_STEP]
    sample = sample[np.isfinite(sample)]
    low, level, high = np.percentile(sample, [15.8655, 50, 84.1345]) if sample.size else (0.0, 0.0, 0.0)
    if high <= low:  # no pixels, or no noise: not a frame of the sky
        return 0.0, np.empty(0, np.int64), np.empty(0, np.int64)
    sigma = float(high - low) / 2
    height, width = image.shape
    pixels = np.flatnonzero(image > np.float32(level + DETECTION * sigma))
    y, x = pixels // width, pixels % width
    inside = (x >= HALF) & (x < width - HALF) & (y >= HALF) & (y < height - HALF)
    x, y = x[inside], y[inside]
    for reach in (1, 3):
        highest = _is_highest(image, x, y, reach)
        x, y = x[highest], y[highest]
    peak = image[y, x]
    with np.errstate(divide="ignore"):
        unsaturated = peak / calibration[x] < SATURATION
    x, y, peak = x[unsaturated], y[unsaturated], peak[unsaturated]
    brightest = np.argsort(-peak, kind="stable")[:MOST_STARS]
    return sigma, x[brightest], y[brightest]


def _is_highest(image: F4, x: I8, y: I8, reach: int) -> Flags:
    """Tell which pixels are the highest of their surroundings; of equal ones, only the first is."""
    own, highest = image[y, x], np.ones(len(x), bool)
    steps = range(-reach, reach + 1)
    for down, right in ((down, right) for down in steps for right in steps):
        other = image[y + down, x + right]
        highest &= own > other if (down, right) < (0, 0) else own >= other
    return highest


def _lone_stars(image: F4, x: I8, y: I8) -> _Stars:
    """Measure the peaks (x, y) as for features, and keep those with the width of stars and no neighbour."""
    stamps = _stamps(image, x.astype(np.float64), y.astype(np.float64), RING)
    shapes = adaptive_moments(stamps, RING[0])
    filtered, _ = point_source_flux(stamps, shapes.x, shapes.y, shapes.variance, RING[0])
    small, _, _ = aperture_flux(replace(stamps, x=shapes.x, y=shapes.y), SMALL_RADIUS)
    stars = _Stars(x + shapes.x, y + shapes.y, FWHM * np.sqrt(shapes.variance), filtered, small)
    crowded = find_neighbours(stamps, RING[1])["brightest_ratio"] > NEIGHBOUR
    stars = stars.take(shapes.measured & (filtered > 0) & (small > 0) & ~crowded)
    if not len(stars):
        return stars
    return stars.take(np.abs(stars.fwhm / half_sample_mode(stars.fwhm) - 1) < WIDTH_WINDOW)


def _stamps(image: F4, x: F8, y: F8, ring: tuple[float, float]) -> Stamps:
    half = half_width(ring[1])
    first_x, first_y = (np.rint(position).astype(np.int64) - half for position in (x, y))
    return _levelled(make_stamps(cut(image, first_x, first_y, 2 * half + 1), x - first_x, y - first_y, ring), ring)


def _levelled(stamps: Stamps, ring: tuple[float, float]) -> Stamps:
    """Use the mean of the ring as the background instead of its median.

    Counts are whole numbers, so a median is off by up to half a count. In a large aperture that is 1 to 3 % of a star's
    light in u and z.
    """
    offset = np.arange(-stamps.half, stamps.half + 1)
    across, down = ((offset - centre[:, None]) ** 2 for centre in (stamps.x, stamps.y))
    square = down[:, :, None] + across[:, None, :]
    used = (square >= ring[0] ** 2) & (square < ring[1] ** 2) & (stamps.real > 0)
    used &= np.abs(stamps.values) <= CLIP * stamps.scatter[:, None, None]
    level = total(np.where(used, stamps.values, np.float32(0))) / np.maximum(np.count_nonzero(used, axis=(1, 2)), 1)
    values = stamps.values - stamps.real * level.astype(np.float32)[:, None, None]
    return replace(stamps, values=values, background=stamps.background + level)


def _growth_error(small: F8, sigma: float) -> F8:
    """Return the expected scatter of the growth: of the stars, and of the sky in and around the large aperture."""
    area, ring = np.pi * TOTAL_RADIUS**2, np.pi * (WIDE_RING[1] ** 2 - WIDE_RING[0] ** 2)
    noise = sigma * np.sqrt(area * (1 + area / ring))
    return np.asarray(np.hypot(GROWTH_SCATTER, noise / small))


def _median(values: F8) -> tuple[float, float]:
    """Return the median and its standard error."""
    middle = float(np.median(values))
    scatter = MAD_PER_SIGMA * float(np.median(np.abs(values - middle)))
    return middle, MEDIAN_ERROR * scatter / np.sqrt(len(values))


def _weighted_median(values: F8, error: F8) -> tuple[float, float]:
    """Return the inverse-variance weighted median and its standard error, enlarged if the values scatter more."""
    order = np.argsort(values, kind="stable")
    weight = 1 / error[order] ** 2
    below = np.cumsum(weight) - weight / 2
    middle = float(np.interp(weight.sum() / 2, below, values[order]))
    excess = MAD_PER_SIGMA * float(np.median(np.abs(values - middle) / error))
    return middle, MEDIAN_ERROR * max(excess, 1.0) / float(np.sqrt(weight.sum()))
