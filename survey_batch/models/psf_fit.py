"""Fits of point-spread functions to stamps of stars: flux, sub-pixel centre and chi-square for every spectral class.

The model of a star is its class's mixture of monochromatic point-spread functions at its position in the field, moved
to the star's centre and summed over pixels. Planes with three points per pixel hold all spatial frequencies that the
telescope passes (it cuts off at 0.69 of their Nyquist frequency). So they can be moved by any fraction of a pixel by
interpolation with a windowed sinc; the stamps themselves are undersampled and cannot. Each row is fitted by itself, so
its result is the same to the last bit in any block.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, F8
from survey_batch.optics.diffraction import bin_pixels

TAPS = 12
"""Points of the interpolating kernel, whose error is at most 1e-4 of the peak."""
KAISER_BETA = 8.0
MARGIN = 3
"""Extra pixels of the planes around the stamp: room for the kernel and the farthest centre."""
STEPS = 6
"""Gauss-Newton steps for the centre; from 0.3 pixel off, the fourth step is below 1e-4 pixel."""
LARGEST_STEP, FARTHEST = 0.3, 0.9
"""Limits [pixel] of one step, and of the centre's distance from the middle, along each axis."""


@dataclass(frozen=True)
class Fit:
    """The result of a fit to stamps.

    Attributes
    ----------
    chi_square : (star, class) float64
        For the best flux and centre of each class.
    flux : (star, class) float64
        In the stamp's units.
    centre : (star, class, 2) float64
        x and y offset of the star from its position in the field's model [pixel].
    """

    chi_square: F8
    flux: F8
    centre: F8


def fit_classes(
    flux: F4, ivar: F4, planes: F4, weights: F8, oversampling: int, *, fit_flux: bool = True, fit_centre: bool = True
) -> Fit:
    """Fit every class to every star.

    Gauss-Newton steps find the centre for the mean of the classes. The centre of each likely class is so near (0.01
    pixel) that the model is linear between the two: flux, and flux times shift, solve one system of equations.

    Parameters
    ----------
    flux, ivar : (star, y, x) float32
        The stamps and the inverse variance of their pixels; a pixel with ivar 0, below 0 or NaN is left out.
    planes : (star, wavelength, y, x) float32
        Monochromatic point-spread functions at each star's position, oversampled, with a margin of `MARGIN` pixels.
    weights : (class, wavelength) float64
        Share of each wavelength in the light of each class.
    oversampling : int
        Points of the planes per pixel.
    fit_flux, fit_centre : bool
        If not fitted, the flux is 1, and the centre is that of the field's model.
    """
    data, weight = flux.astype(np.float64), np.where(np.isfinite(flux) & (ivar > 0), ivar, 0).astype(np.float64)
    data = np.where(weight > 0, data, 0)
    centre = np.zeros((len(data), 2))
    if fit_centre:
        mean = mixture(planes, weights.mean(axis=0))
        for _ in range(STEPS):
            centre = _step(data, weight, mean, centre, oversampling, fit_flux)
    return _fit_linear(data, weight, planes, weights, centre, oversampling, fit_flux, fit_centre)


def mixture(planes: F4, weights: F8) -> F4:
    """Mix monochromatic planes (star, wavelength, y, x) into one for each star."""
    mixed = np.zeros(planes.shape[:1] + planes.shape[2:], np.float32)
    for number, share in enumerate(weights):
        mixed += np.float32(share) * planes[:, number]
    return mixed


def moved(planes: F4, centre: F8, oversampling: int) -> tuple[F4, F4, F4]:
    """Move planes by fractions of a pixel and sum them over pixels.

    Parameters
    ----------
    planes : (star, ..., y, x) float32
        With a margin of `MARGIN` pixels.
    centre : (star, 2) float64
        Shift in x and y [pixel].
    oversampling : int

    Returns
    -------
    tuple of (star, ..., y, x) float32
        Stamps, and their derivatives with respect to the centre's x and y [1/pixel].
    """
    extra = (1,) * (planes.ndim - 3)
    x, slope_x, y, slope_y = (
        one.reshape(len(planes), *extra, *one.shape[1:])
        for axis in (0, 1)
        for one in shift_matrices(centre[:, axis], planes.shape[-1], oversampling)
    )
    across = planes @ np.swapaxes(x, -1, -2)
    stamp, by_y = y @ across, slope_y @ across
    return stamp, y @ (planes @ np.swapaxes(slope_x, -1, -2)), by_y


def _still(planes: F4, oversampling: int) -> F4:
    """Sum planes over pixels without moving them."""
    edge = MARGIN * oversampling
    return np.asarray(bin_pixels(planes[..., edge:-edge, edge:-edge], oversampling), np.float32)


def shift_matrices(shift: F8, points: int, oversampling: int) -> tuple[F4, F4]:
    """Make matrices that move a row of points by a fraction of a pixel and sum it over pixels.

    Parameters
    ----------
    shift : (star,) float64
        Pixels.
    points, oversampling : int
        Number of points in the row, and per pixel; the `MARGIN` pixels at either end are not summed.

    Returns
    -------
    tuple of (star, pixel, point) float32
        The matrix, and its derivative with respect to the shift.
    """
    reach = oversampling * MARGIN
    displacement = np.arange(-reach, reach + 1) + oversampling * shift[:, None]
    kernel, slope = _kernel(-displacement)
    start = oversampling * np.arange(points // oversampling - 2 * MARGIN)
    return _banded(kernel, start, points, oversampling), _banded(-oversampling * slope, start, points, oversampling)


def _banded(taps: F8, start: npt.NDArray[np.int64], points: int, oversampling: int) -> F4:
    """Make matrices (star, pixel, point); each row adds up one pixel's points, interpolated with the same taps."""
    summed = np.zeros((len(taps), taps.shape[1] + oversampling - 1))
    for point in range(oversampling):
        summed[:, point : point + taps.shape[1]] += taps
    matrix = np.zeros((len(taps), len(start), points), np.float32)
    for pixel, first in enumerate(start):
        matrix[:, pixel, first : first + summed.shape[1]] = summed
    return matrix


def _kernel(distance: F8) -> tuple[F8, F8]:
    """Compute a Kaiser-windowed sinc (Kaiser & Schafer 1980, IEEE Trans. ASSP 28, 105), and its derivative."""
    half = TAPS / 2
    inside = np.abs(distance) < half
    t = np.where(inside, distance, 0.0)
    root = np.sqrt(1 - (t / half) ** 2)
    window = np.i0(KAISER_BETA * root) / np.i0(KAISER_BETA)
    # d i0(b r)/dt = i1(b r) b dr/dt and dr/dt = -t / (half^2 r)
    window_slope = -KAISER_BETA * _i1(KAISER_BETA * root) * t / (half**2 * root * np.i0(KAISER_BETA))
    sinc = np.sinc(t)
    at_zero = np.abs(t) < 1e-9
    sinc_slope = np.where(at_zero, 0.0, (np.cos(np.pi * t) - sinc) / np.where(at_zero, 1.0, t))
    kernel = np.where(inside, sinc * window, 0.0)
    return kernel, np.where(inside, sinc_slope * window + sinc * window_slope, 0.0)


def _i1(x: F8) -> F8:
    from scipy.special import i1

    return np.asarray(i1(x), np.float64)


def _step(data: F8, weight: F8, plane: F4, centre: F8, oversampling: int, fit_flux: bool) -> F8:
    """Take one Gauss-Newton step of the centre, with the best-fitting flux at the present centre."""
    stamp, by_x, by_y = moved(plane, centre, oversampling)
    design = np.stack([stamp, by_x, by_y], axis=1).astype(np.float64)
    normal, right, _ = _normal_equations(data, weight, design)
    flux, shift = _solve(normal[:, None], right[:, None], fit_flux)
    step = np.clip(shift[:, 0], -LARGEST_STEP, LARGEST_STEP)
    return np.clip(centre + np.where(flux[:, 0] > 0, step, 0.0), -FARTHEST, FARTHEST)


def _fit_linear(
    data: F8, weight: F8, planes: F4, weights: F8, centre: F8, oversampling: int, fit_flux: bool, fit_centre: bool
) -> Fit:
    """Solve for flux and flux times shift of each class around a common centre."""
    parts = moved(planes, centre, oversampling) if fit_centre else (_still(planes, oversampling),)
    bins = planes.shape[1]
    design = np.concatenate(parts, axis=1).astype(np.float64)
    gram, projection, square = _normal_equations(data, weight, design)
    blocks = gram.shape[1] // bins
    gram = gram.reshape(len(data), blocks, bins, blocks, bins)
    normal = np.einsum("kb,nibjc,kc->nkij", weights, gram, weights)
    right = np.einsum("kb,nib->nki", weights, projection.reshape(len(data), blocks, bins))
    flux, shift = _solve(normal, right, fit_flux)
    solution = np.concatenate([flux, flux * shift], axis=-1)[..., :blocks]
    chi_square = square[:, None] - np.einsum(
        "nki,nki->nk", solution, 2 * right - np.einsum("nkij,nkj->nki", normal, solution)
    )
    return Fit(chi_square, flux[..., 0], centre[:, None] + shift)


def _normal_equations(data: F8, weight: F8, design: F8) -> tuple[F8, F8, F8]:
    """Compute weighted products: columns (star, column, y, x) with columns, columns with data, data with data."""
    columns = design.reshape(*design.shape[:2], -1)
    weighted = columns * weight.reshape(len(data), 1, -1)
    flat = data.reshape(len(data), -1, 1)
    square = (data * weight * data).reshape(len(data), -1).sum(axis=1)
    return weighted @ np.swapaxes(columns, 1, 2), (weighted @ flat)[..., 0], square


def _solve(normal: F8, right: F8, fit_flux: bool) -> tuple[F8, F8]:
    """Solve the normal equations of a stamp and its slopes, if any, for flux (..., 1) and shift (..., 2)."""
    slopes = right.shape[-1] - 1
    if fit_flux:
        answer = _solved(normal, right)
        flux = answer[..., :1]
    else:
        flux = np.ones_like(right[..., :1])
        answer = np.concatenate([flux, _solved(normal[..., 1:, 1:], right[..., 1:] - normal[..., 1:, 0])], axis=-1)
    shift = answer[..., 1:] / np.where(flux == 0, 1.0, flux)
    return flux, shift if slopes else np.zeros((*right.shape[:-1], 2))


def _solved(normal: F8, right: F8) -> F8:
    """Solve each small system; 0 where it has no unique solution."""
    if right.shape[-1] == 0:
        return right
    scale = np.abs(normal).max(axis=(-2, -1), keepdims=True)
    solvable = np.linalg.det(normal / np.where(scale > 0, scale, 1.0)) > 1e-12
    safe = np.where(solvable[..., None, None], normal, np.eye(right.shape[-1]))
    return np.where(solvable[..., None], np.linalg.solve(safe, right[..., None])[..., 0], 0.0)
