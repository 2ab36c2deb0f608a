"""Sizes and shapes: adaptive moments, point-source flux and half-light radius."""

from dataclasses import dataclass

import numpy as np

from survey_batch.core.arrays import F4, F8, Flags
from survey_batch.images.photometry import SMALLEST_COVERAGE, aperture_flux, circle_overlap, row_sums, total
from survey_batch.images.stamps import Stamps

FWHM = float(np.sqrt(8 * np.log(2)))
"""Full width at half maximum of a Gaussian, in standard deviations."""
TYPICAL_FWHM = 3.3
"""Pixels: 1.3 arcsec, the median seeing of SDSS in r; used if the width of stars is not known."""
SMALLEST_SIGMA, LARGEST_SIGMA = 0.5, 0.4
"""Bounds of the weight's standard deviation: in pixels, and as a share of the radius of the measurement."""
LARGEST_SHIFT = 2.0
"""Most pixels between the light's centre and the catalogue's position; beyond it lies a neighbour."""
DARKEST = np.float32(-60)
"""Smallest logarithm of a weight; smaller numbers are slow on processors."""
ITERATIONS = 10
CONVERGED = 0.02
"""Relative change of the weight at convergence."""
SMALLEST_SIGNAL = 5.0
"""Least signal-to-noise ratio for a shape or a radius."""
BISECTIONS = 7
"""Bisections; they leave 0.12 of 15 pixels, in which growth is a straight line to 0.001 pixel."""

PSF_WEIGHTS, PSF_WIDTHS = (0.86, 0.12, 0.02), (1.0, 2.4, 6.0)
"""An SDSS star: shares of the light, and widths relative to the core, of a double Gaussian with a faint wing
(Stoughton et al. 2002, AJ 123, 485)."""


@dataclass(frozen=True)
class Symmetric:
    """Symmetric 2x2 matrices, (n,) each."""

    xx: F8
    xy: F8
    yy: F8

    @property
    def determinant(self) -> F8:
        """Return the determinants."""
        return np.asarray(self.xx * self.yy - self.xy**2)

    @property
    def eigenvalues(self) -> tuple[F8, F8]:
        """Return the smaller and the larger eigenvalues."""
        middle = (self.xx + self.yy) / 2
        apart = np.sqrt(((self.xx - self.yy) / 2) ** 2 + self.xy**2)
        return middle - apart, middle + apart

    @property
    def inverse(self) -> "Symmetric":
        """Return the inverses."""
        det = self.determinant
        return Symmetric(self.yy / det, -self.xy / det, self.xx / det)

    def within(self, low: float, high: float) -> Flags:
        """Tell whether both eigenvalues lie between bounds; False where they are NaN."""
        smaller, larger = self.eigenvalues
        return np.asarray((smaller >= low) & (larger <= high))

    def where(self, chosen: Flags, other: "Symmetric") -> "Symmetric":
        """Take these matrices where chosen, the others elsewhere."""
        pairs = ((self.xx, other.xx), (self.xy, other.xy), (self.yy, other.yy))
        return Symmetric(*(np.where(chosen, ours, theirs) for ours, theirs in pairs))


@dataclass(frozen=True)
class Shapes:
    """Adaptive moments of n objects.

    Attributes
    ----------
    x, y : (n,) float64
        Centre of the light, in pixels from the central pixel.
    covariance : Symmetric
        Covariance of the best-fitting Gaussian, in pixels squared.
    measured : (n,) bool
        Whether the weight converged near the object's position; where it did not, the other values mean nothing.
    """

    x: F8
    y: F8
    covariance: Symmetric
    measured: Flags

    @property
    def variance(self) -> F8:
        """Variance of the circular Gaussian of the same area."""
        return np.asarray(np.sqrt(np.maximum(self.covariance.determinant, 0)))


def adaptive_moments(stamps: Stamps, reach: float) -> Shapes:
    """Find the elliptical Gaussian weight that has the shape of the light under it.

    Bernstein & Jarvis (2002, AJ 123, 583) and Hirata & Seljak (2003, MNRAS 343, 459): under a weight of covariance W
    the light has second moments M. A Gaussian's own covariance is (M^-1 - W^-1)^-1, which becomes the next weight, or
    2 M if it is not a valid covariance. Shapes are not corrected for the PSF. Minor axes below 2.5 pixels FWHM are
    undersampled and come out up to a tenth too thin.

    Parameters
    ----------
    stamps
        Stamps of n objects.
    reach
        Pixels from the object within which light is used.
    """
    near = stamps.around(reach)
    values = _rows_side_by_side(near.values)
    bounds = SMALLEST_SIGMA**2, (LARGEST_SIGMA * reach) ** 2
    x, y = near.x, near.y
    start = np.full(len(x), (TYPICAL_FWHM / FWHM) ** 2)
    weight = Symmetric(start, np.zeros(len(x)), start)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for _ in range(ITERATIONS):
            shift_x, shift_y, moments = _weighted_moments(values, x, y, weight)
            step = _next_weight(moments, weight, bounds)
            change = np.maximum(np.abs(step.xx - weight.xx), np.abs(step.yy - weight.yy)) / (weight.xx + weight.yy)
            x, y = _moved(x, near.x, shift_x), _moved(y, near.y, shift_y)
            weight = step
        placed = np.hypot(x - near.x, y - near.y) < LARGEST_SHIFT
        found = moments.within(bounds[0] / 2, bounds[1] / 2)
    return Shapes(x, y, weight, placed & found & (change < CONVERGED) & np.isfinite(near.background))


def point_source_flux(stamps: Stamps, x: F8, y: F8, variance: F8, reach: float) -> tuple[F8, F8]:
    """Measure the flux of a star with a matched filter: a Gaussian weight of the PSF's core.

    With w_i = exp(-r_i^2 / 2s), a star whose Gaussian core is as wide, and sums over real pixels,

        F = 2 pi s sum_i w_i f_i / sum_i w_i^2 / c,

    where c is the share of a star's light that a Gaussian fits (`gaussian_share`), because the filter does not see the
    wings. The light of sources wider than a star is underestimated by design. Wings differ from night to night: of a
    real star's light in 7.5 pixels this finds 0.90 in a seeing of 2.3 pixels FWHM, 0.96 at 3.5 and 1.01 at 4.7. The
    missing part is known from the frame (`aperture_correction.measure_correction`).

    Parameters
    ----------
    stamps
        Stamps of n objects.
    x, y, variance
        (n,) centre and variance s of the weight, in pixels and pixels squared.
    reach
        Pixels from the object within which light is used.

    Returns
    -------
    flux, error : (n,) float64
        Nanomaggies; the error is for a known weight and includes that of the background's level. NaN where less than
        95 % of the weight lies on real pixels.
    """
    near = stamps.around(reach)
    weight = _gaussian(near.half, x, y, Symmetric(variance, np.zeros_like(variance), variance)) * near.real
    with np.errstate(divide="ignore", invalid="ignore"):
        whole, square = total(weight), weight**2
        scale = 2 * np.pi * variance / total(square) / GAUSSIAN_SHARE
        noise = total(square * near.variance) + whole**2 * near.background_variance
        covered = whole / (2 * np.pi * variance) >= SMALLEST_COVERAGE
        good = covered & np.isfinite(near.background)
        flux, error = scale * total(weight * near.values), scale * np.sqrt(noise)
        return np.where(good, flux, np.nan), np.where(good, error, np.nan)


def half_light_radius(stamps: Stamps, reach: float) -> F8:
    """Measure the radius that holds half of the light within `reach` pixels, the PSF included; (n,), in pixels.

    It is NaN where that light is not detected at 5 sigma.
    """
    near = stamps.around(reach)
    whole, error, _ = aperture_flux(near, reach)
    radius = np.full(len(whole), np.nan)
    detected = np.flatnonzero(whole > SMALLEST_SIGNAL * error)
    x, y = (centre[detected].astype(np.float32) for centre in (near.x, near.y))
    values, half_light = near.values[detected], whole[detected] / 2
    low, high = np.zeros(len(detected)), np.full(len(detected), reach)
    under, over = -half_light, half_light
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        excess = _light_within(values, x, y, middle) - half_light
        less = excess < 0
        low, under = np.where(less, middle, low), np.where(less, excess, under)
        high, over = np.where(less, high, middle), np.where(less, over, excess)
    radius[detected] = low + (high - low) * under / (under - over)
    return radius


def gaussian_share(weights: tuple[float, ...], widths: tuple[float, ...]) -> float:
    """Return the share of the light of concentric round Gaussians that the adaptive Gaussian holds.

    A component of weight p and variance c adds q = p / (c + W) to the light under a weight of variance W, and
    c W / (c + W) to its second moment, which is W / 2 when the weight has converged.
    """
    p, c = np.array(weights), np.array(widths) ** 2
    variance = 1.0
    for _ in range(100):
        q = p / (c + variance)
        variance = 2 * float(np.sum(q * c * variance / (c + variance)) / np.sum(q))
    return 2 * variance * float(np.sum(p / (c + variance)))


GAUSSIAN_SHARE = gaussian_share(PSF_WEIGHTS, PSF_WIDTHS)


def _light_within(values: F4, x: F4, y: F4, radius: F8) -> F8:
    """Sum the light in a circle around each object; (n,) radii in pixels.

    Overlaps are found only near the circles, where alone they are not 0, for circles of about one size at a time. Rows
    are as long as those of the stamps, so that numpy adds them up in one order for all sizes.
    """
    half = values.shape[-1] // 2
    sums = np.zeros(values.shape[:2], np.float32)
    sizes = np.array([half // 3, half // 2, half])
    size = sizes[np.searchsorted(sizes[:-1], np.ceil(radius + 0.5))]
    for reach in np.unique(size).tolist():
        rows = np.flatnonzero(size == reach)
        inner = slice(half - reach, half + reach + 1)
        overlap = circle_overlap(x[rows], y[rows], radius[rows], reach)
        light = np.zeros((*overlap.shape[:2], values.shape[-1]), np.float32)
        np.multiply(overlap, values[rows, inner, inner], out=light[:, :, inner])
        sums[rows, inner] = row_sums(light)
    return np.asarray(sums.sum(axis=1, dtype=np.float64))


def _weighted_moments(values: F4, x: F8, y: F8, weight: Symmetric) -> tuple[F8, F8, Symmetric]:
    """Return first moments about (x, y) and second moments about the light's centre, under a Gaussian weight."""
    half = values.shape[-1] // 2
    light = _gaussian(half, x, y, weight)
    light *= values
    u, v = (np.arange(-half, half + 1) - centre[:, None] for centre in (x, y))
    powers = (None, u.astype(np.float32), (u**2).astype(np.float32))
    row_0, row_x, row_xx = (row_sums(light, power).astype(np.float64) for power in powers)
    whole = row_0.sum(axis=1)
    parts = (row_x, row_0 * v, row_xx, row_x * v, row_0 * v**2)
    mean_x, mean_y, xx, xy, yy = (part.sum(axis=1) / whole for part in parts)
    return mean_x, mean_y, Symmetric(xx - mean_x**2, xy - mean_x * mean_y, yy - mean_y**2)


def _gaussian(half: int, x: F8, y: F8, covariance: Symmetric) -> F4:
    """Return exp(-chi^2 / 2) on the pixels of a stamp, (n, k, k), laid out as `_rows_side_by_side`."""
    offset, precision = np.arange(-half, half + 1), covariance.inverse
    u, v = offset - x[:, None], offset[:, None] - y
    cross, along, across = (
        part.astype(np.float32)
        for part in (precision.xy[:, None] * u, precision.xx[:, None] / 2 * u**2, precision.yy / 2 * v**2)
    )
    # Rows of all stamps lie side by side: what depends on x alone is one long row, so that numpy's loops are long.
    if cross.any():
        exponent = np.einsum("yn,nx->ynx", v.astype(np.float32), -cross)
        exponent -= along[None]
        exponent -= across[:, :, None]
    else:
        exponent = -along[None] - across[:, :, None]
    np.maximum(exponent, np.full(exponent.shape[1:], DARKEST), out=exponent)  # an array: faster than with a scalar
    return np.asarray(np.exp(exponent, out=exponent)).swapaxes(0, 1)


def _rows_side_by_side(values: F4) -> F4:
    """Lay (n, k, k) out in memory as (k, n, k)."""
    return np.ascontiguousarray(values.swapaxes(0, 1)).swapaxes(0, 1)


def _next_weight(moments: Symmetric, weight: Symmetric, bounds: tuple[float, float]) -> Symmetric:
    """Return the shape of the light under a weight; the weight itself where the moments allow none within bounds."""
    low, high = bounds
    light, filter_ = moments.inverse, weight.inverse
    precision = Symmetric(light.xx - filter_.xx, light.xy - filter_.xy, light.yy - filter_.yy)
    double = Symmetric(2 * moments.xx, 2 * moments.xy, 2 * moments.yy)
    slow = double.where(double.within(low, high), weight)
    return precision.inverse.where(precision.within(1 / high, 1 / low), slow)


def _moved(centre: F8, start: F8, shift: F8) -> F8:
    """Follow the light's centre, which a weight of the light's own shape shows at half its distance."""
    step = np.where(np.isfinite(shift), 2 * shift, 0)
    return np.clip(centre + step, start - LARGEST_SHIFT, start + LARGEST_SHIFT)
