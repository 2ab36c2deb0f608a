"""The PSF of one image: an elliptical Moffat profile plus a table of residuals, stretched by position.

The form is that of TRIPPy (Fraser et al. 2016, AJ 151, 158): a Moffat profile and a lookup table of the mean
residual on a grid finer than the pixels. It is an effective PSF in the sense of Anderson & King (2000, PASP 112, 1360):
the value at an offset is the share of a star's light in a pixel centred there, integrated over the pixel.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from survey_batch.core.arrays import F8
from survey_batch.images.psf_stretch import SAME, Variation, unstretch

Profile = Callable[[F8, F8], F8]
"""Share of a star's light in pixels at offsets (dx, dy) from it."""

OVERSAMPLING = 4
"""Cells of the table per pixel."""
SMOOTHING_CELLS = 1.0
"""Width of the Gaussian that fills and smooths the table, because some cells have few stars."""
STEPS = 6
"""Gauss-Newton steps in the fit of a star, which starts from a centroid good to some hundredths of a pixel."""
LARGEST_STEP = 0.3
"""Most pixels that a centre may move in one step."""
LARGEST_SHIFT = 1.5
"""Most pixels between the start and the end of a centre."""
DERIVATIVE_STEP = 0.02
"""Step in pixels for the profile's gradient."""
CLOUD_POINTS = 40_000
"""Number of star pixels that is enough to fit five parameters."""


@dataclass(frozen=True, eq=False)
class PsfModel:
    """The PSF of an image.

    Attributes
    ----------
    shape : (4,) float64
        Moffat profile: cxx, cyy, cxy [1 / pixel^2] and beta of (1 + cxx dx^2 + cyy dy^2 + 2 cxy dx dy)^-beta.
    scale : float
        Its value at the centre, for a flux of 1.
    table : (k, k) float64
        Residual added to the profile, for a flux of 1, in cells of 1/4 pixel; its centre is at offset 0.
    variation : Variation
        How the PSF is stretched across the image; shape, scale and table apply at its middle.
    scatter : float
        Residual of the PSF's stars beyond their noise, as a share of the flux.
    """

    shape: F8
    scale: float
    table: F8
    variation: Variation = SAME
    scatter: float = 0.0

    @property
    def fwhm(self) -> float:
        """Full width at half maximum of the Moffat profile in pixels: the geometric mean of its axes at the middle."""
        cxx, cyy, cxy, beta = self.shape
        return float(2 * np.sqrt(2 ** (1 / beta) - 1) / (cxx * cyy - cxy**2) ** 0.25)

    def at(self, position: F8) -> Profile:
        """Return the profile of n stars at positions x, y, (n, 2); it takes offsets of (n, k, k) pixels."""
        return self.stretched(self.variation.stretch(position))

    def stretched(self, stretch: F8) -> Profile:
        """Return the profile of n stars with given stretches (xx, yy, xy), (n, 3)."""

        def profile(dx: F8, dy: F8) -> F8:
            x, y, area = unstretch(stretch, dx, dy)
            return np.asarray(self(x, y) / area)

        return profile

    def __call__(self, dx: F8, dy: F8) -> F8:
        """Return the share of a star's light in pixels at these offsets (any shape) from it, at the middle."""
        half = self.table.shape[0] // 2
        dx, dy = np.broadcast_arrays(dx, dy)
        cell = np.stack([dy * OVERSAMPLING + half, dx * OVERSAMPLING + half])
        added = ndimage.map_coordinates(self.table, cell, order=1, mode="constant")
        return np.asarray(self.scale * _moffat(self.shape, dx, dy) + added)


@dataclass(frozen=True, eq=False)
class StarFit:
    """Stars fitted with a PSF, (n,) each; `model`, `residual` and `inside` are (n, k, k).

    Attributes
    ----------
    flux, dx, dy, sky : float64
        Flux, centre [pixels from the middle of the stamp] and local sky level.
    model, residual : float64
        The fitted star without its sky level, and the residual after both are subtracted.
    inside : bool
        Pixels used in the fit: within its radius and finite.
    """

    flux: F8
    dx: F8
    dy: F8
    sky: F8
    model: F8
    residual: F8
    inside: npt.NDArray[np.bool_]

    def take(self, rows: npt.NDArray[np.bool_]) -> "StarFit":
        """Select stars by a mask."""
        return StarFit(**{name: values[rows] for name, values in vars(self).items()})


def fit_stars(psf: Profile, stamps: F8, sigma: F8, dx: F8, dy: F8, radius: float) -> StarFit:
    """Fit flux, sub-pixel centre and local sky of each star independently.

    The fit is weighted least squares by Gauss-Newton steps, for all stars at once.

    Parameters
    ----------
    psf
    stamps, sigma : (n, k, k) float64
        Pixels and their expected noise, k odd; NaN where there is no pixel.
    dx, dy : (n,) float64
        Initial position of each star, in pixels from the middle of its stamp.
    radius
        Radius of the fit in pixels.
    """
    grid_y, grid_x = _grid(stamps.shape[-1])
    inside = np.hypot(grid_x - dx[:, None, None], grid_y - dy[:, None, None]) <= radius
    inside &= np.isfinite(stamps) & np.isfinite(sigma) & (sigma > 0)
    data = np.where(inside, stamps, 0.0)
    weight = np.where(inside, 1 / np.where(inside, sigma, 1.0) ** 2, 0.0)
    x, y = dx.copy(), dy.copy()
    flux = sky = np.zeros(len(stamps))
    for step in range(STEPS + 1):
        shape = psf(grid_x - x[:, None, None], grid_y - y[:, None, None])
        flux, sky = _linear(data, weight, shape)
        if step < STEPS:
            left = data - flux[:, None, None] * shape - sky[:, None, None]
            x, y = _move(psf, left, weight, flux, x, y, (grid_x, grid_y))
            x, y = (start + np.clip(now - start, -LARGEST_SHIFT, LARGEST_SHIFT) for start, now in ((dx, x), (dy, y)))
    model = flux[:, None, None] * shape
    residual = np.where(inside, stamps - model - sky[:, None, None], 0.0)
    return StarFit(flux, x, y, sky, model, residual, inside)


def fit_psf(
    stamps: F8,
    flux: F8,
    sky: F8,
    dx: F8,
    dy: F8,
    radius: float,
    fwhm: float,
    variation: Variation = SAME,
    position: F8 | None = None,
) -> PsfModel:
    """Build the PSF from stars, given its variation.

    Parameters
    ----------
    stamps : (n, k, k) float64
    flux, sky, dx, dy : (n,) float64
        As in `StarFit`.
    radius
        Pixels from a star's centre that are used.
    fwhm
        First guess in pixels.
    variation
    position : (n, 2) float64, optional
        Positions of the stars on the image; not needed if the PSF does not vary.
    """
    grid_y, grid_x = _grid(stamps.shape[-1])
    x, y = np.broadcast_arrays(grid_x - dx[:, None, None], grid_y - dy[:, None, None])
    used = (np.hypot(x, y) <= radius) & np.isfinite(stamps)
    stretch = variation.stretch(np.zeros((len(stamps), 2)) if position is None else position)
    x, y, area = unstretch(stretch, x, y)
    value = ((stamps - sky[:, None, None]) / flux[:, None, None] * area)[used]
    x, y = x[used], y[used]
    shape, scale = _fit_moffat(x, y, value, fwhm)
    reach = float(np.hypot(x, y).max(initial=radius))
    return PsfModel(shape, scale, _table(x, y, value - scale * _moffat(shape, x, y), reach), variation)


def _grid(size: int) -> tuple[F8, F8]:
    line = np.arange(size, dtype=np.float64) - size // 2
    return line[:, None], line[None, :]


def _moffat(shape: F8, dx: F8, dy: F8) -> F8:
    cxx, cyy, cxy, beta = shape
    return np.asarray((1 + cxx * dx**2 + cyy * dy**2 + 2 * cxy * dx * dy) ** -beta)


def _linear(data: F8, weight: F8, shape: F8) -> tuple[F8, F8]:
    """Solve for flux and sky level, given the profile."""
    pp, p1, one = (_total(weight * part) for part in (shape**2, shape, np.ones_like(shape)))
    pd, d1 = _total(weight * shape * data), _total(weight * data)
    determinant = pp * one - p1**2
    safe = np.where(determinant > 0, determinant, np.inf)
    return (pd * one - p1 * d1) / safe, (pp * d1 - p1 * pd) / safe


def _move(psf: Profile, left: F8, weight: F8, flux: F8, x: F8, y: F8, grid: tuple[F8, F8]) -> tuple[F8, F8]:
    """Take one step of the centre, by the gradient of the fitted star."""
    h = DERIVATIVE_STEP
    offset_x, offset_y = grid[0] - x[:, None, None], grid[1] - y[:, None, None]
    by_x = flux[:, None, None] * (psf(offset_x - h, offset_y) - psf(offset_x + h, offset_y)) / (2 * h)
    by_y = flux[:, None, None] * (psf(offset_x, offset_y - h) - psf(offset_x, offset_y + h)) / (2 * h)
    xx, yy, xy = (_total(weight * part) for part in (by_x**2, by_y**2, by_x * by_y))
    rx, ry = _total(weight * by_x * left), _total(weight * by_y * left)
    determinant = xx * yy - xy**2
    safe = np.where(determinant > 0, determinant, np.inf)
    step_x, step_y = (rx * yy - ry * xy) / safe, (ry * xx - rx * xy) / safe
    return x + np.clip(step_x, -LARGEST_STEP, LARGEST_STEP), y + np.clip(step_y, -LARGEST_STEP, LARGEST_STEP)


def _total(values: F8) -> F8:
    return np.asarray(values.sum(axis=(1, 2)))


def _fit_moffat(x: F8, y: F8, value: F8, fwhm: float) -> tuple[F8, float]:
    """Fit the profile to the pixels of all stars; a few outliers do not matter."""
    every = max(1, len(value) // CLOUD_POINTS)
    x, y, value = x[::every], y[::every], value[::every]
    start = 4 * (2 ** (1 / 3) - 1) / fwhm**2
    top = 2 * start / np.pi  # (beta - 1) / pi * sqrt(det) is the centre of a profile of unit flux

    def left(parameters: F8) -> F8:
        return np.asarray((parameters[4] * top * _moffat(_shape_of(parameters, start), x, y) - value) / top)

    from scipy.optimize import least_squares  # cutouts need this module, but no fit

    fit = least_squares(left, [0.0, 0.0, 0.0, np.log(2.0), 1.0], loss="soft_l1", f_scale=0.02)
    return _shape_of(fit.x, start), float(fit.x[4] * top)


def _shape_of(parameters: F8, start: float) -> F8:
    """Map unbounded parameters to an elliptical shape with a finite flux."""
    wide, high = start * np.exp(parameters[0]), start * np.exp(parameters[1])
    return np.array([wide, high, np.tanh(parameters[2]) * np.sqrt(wide * high), 1 + np.exp(parameters[3])])


def _table(x: F8, y: F8, value: F8, radius: float) -> F8:
    """Put residuals on the finer grid: the clipped mean of each cell, smoothed with pixel counts as weights."""
    half = int(np.ceil(radius)) * OVERSAMPLING
    cell = (np.rint(y * OVERSAMPLING).astype(int) + half, np.rint(x * OVERSAMPLING).astype(int) + half)
    kept = np.all([(part >= 0) & (part <= 2 * half) for part in cell], axis=0)
    index = np.ravel_multi_index(tuple(part[kept] for part in cell), (2 * half + 1,) * 2)
    total = np.bincount(index, _clipped(value[kept], index), (2 * half + 1) ** 2)
    count = np.bincount(index, minlength=(2 * half + 1) ** 2).astype(np.float64)
    total, count = (
        ndimage.gaussian_filter(part.reshape(2 * half + 1, -1), SMOOTHING_CELLS, mode="constant")
        for part in (total, count)
    )
    return np.where(count > 1e-3, total / np.maximum(count, 1e-3), 0.0)


def _clipped(value: F8, cell: npt.NDArray[np.int64]) -> F8:
    """Clip values that stand out in their cell, such as neighbours and cosmic rays of single stars."""
    order = np.lexsort((value, cell))
    _, first, count = np.unique(cell[order], return_index=True, return_counts=True)
    sorted_value = value[order]
    low, middle, high = (sorted_value[first + np.int64((count - 1) * part)] for part in (0.16, 0.5, 0.84))
    spread = np.repeat(3 * np.maximum(high - low, 1e-4) / 2, count)
    centre = np.repeat(middle, count)
    clipped = np.empty_like(value)
    clipped[order] = np.clip(sorted_value, centre - spread, centre + spread)
    return clipped
