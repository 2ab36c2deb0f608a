"""Normalisation of spectra, which keeps their shape and removes their brightness.

Pixels that are masked, or have an unusable flux or ivar, are ignored and become NaN. A row that cannot be
normalised (no good pixel, or nothing positive to scale by) becomes NaN throughout.
"""

from functools import lru_cache
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, F8, I4, Flags, Index
from survey_batch.core.errors import ConfigurationError

Real = TypeVar("Real", bound=np.floating)
Numbers = npt.NDArray[np.floating]

Method = Literal["l2", "flux", "minmax", "robust", "continuum"]

CONTINUUM_BLOCK = 40
"""Pixels of 1e-4 dex whose median is one point of the continuum fit; it suppresses narrow lines and cosmic rays."""
CONTINUUM_DEGREE = 4
"""Enough for a black body, reddening and calibration; too low to follow molecular bands and the Balmer jump."""
CONTINUUM_POINTS = 15
"""Fewest points of the fit; short spectra reach it with smaller blocks."""
STIFFNESS = 0.02
"""Ridge on the coefficient of degree k >= 2, times k^2; it keeps the curve from diverging at an end without data."""
POWERS = np.arange(CONTINUUM_DEGREE + 1)
RIDGE = np.diag(np.where(POWERS < 2, 1e-9, STIFFNESS * POWERS**2))
"""The smallest ridge, on the straight line, keeps rows without points solvable."""
PAIRS = np.triu_indices(POWERS.size)
PAIR = np.zeros(RIDGE.shape, np.intp)
PAIR[PAIRS] = PAIR.T[PAIRS] = np.arange(PAIRS[0].size)
"""For each pair of degrees, its place among `PAIRS`, which has those of either order once."""
CONTINUUM_ROUNDS = 6
CLIP_BELOW, CLIP_ABOVE = 1.0, 3.0
"""Points more than this many standard deviations below the fit are absorption; above it, emission and sky."""
SMALLEST_SCATTER = 0.04
"""Least standard deviation for clipping, in units of the mean; with less, clipping would spoil a good fit.

It was chosen by repeat visits of one star: its normalised spectra below 4500 Angstrom agree twice as well as with 0.02.
"""
CONTINUUM_FLOOR = 0.02
"""Least continuum, as a share of its row's mean, so that noise divided by it stays finite."""

FEW_ROWS = 16
"""Continua of so many rows stay in a core's cache, from one step to the next."""
LONG_ROW = 256
"""Values in a row from which percentiles are found by way of float32."""


def normalize(flux: F4, ivar: F4, mask: I4, method: Method, block: int = CONTINUUM_BLOCK) -> F4:
    """Normalise each spectrum by itself.

    Parameters
    ----------
    flux, ivar, mask
        (object, wavelength) arrays on one log wavelength grid.
    method
        `l2`: divided by the Euclidean norm of the good pixels.
        `flux`: divided by the mean flux.
        `minmax`: minimum to 0, maximum to 1.
        `robust`: median to 0, half the range from the 16th to the 84th percentile to 1, so that no single pixel
        sets the scale.
        `continuum`: divided by the result of `continuum`.
    block
        Pixels of a point of the continuum fit.

    Returns
    -------
    (object, wavelength) float32

    Raises
    ------
    ConfigurationError
        There is no such method.
    """
    return normalize_known(known_flux(flux, ivar, mask), method, block)


def normalize_known(values: Numbers, method: Method, block: int = CONTINUUM_BLOCK) -> F4:
    """Normalise each row of `known_flux`, as `normalize` does."""
    if method == "continuum":
        return _over_continuum(values, block)
    precise = values.astype(np.float64)
    offset, scale = offset_and_scale(precise, method)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(((precise - offset) / np.where(scale > 0, scale, np.nan)).astype(np.float32))


def good_flux(flux: F4, ivar: F4, mask: I4) -> F8:
    """Return flux in float64, NaN where a pixel must not be used."""
    return np.asarray(known_flux(flux, ivar, mask), np.float64)


def known_flux(flux: F4, ivar: F4, mask: I4) -> F4:
    """Return flux in its own digits, NaN where a pixel must not be used."""
    good = mask == 0
    good &= ivar > 0
    good &= np.isfinite(flux)
    values = flux.astype(np.result_type(flux, np.float32))
    # Bad pixels are few: it is faster to replace them than to copy the others.
    np.copyto(values, np.nan, where=~good)
    return values


def row_percentiles(values: npt.NDArray[Real], *percentages: float) -> tuple[npt.NDArray[Real], ...]:
    """Return percentiles of each row's finite values, each (object, 1); NaN where a row has none.

    A percentile is the nearest of the sorted values, without interpolation.
    """
    return _percentiles(values, _finite(values), percentages)


def _percentiles(
    values: npt.NDArray[Real], finite: Index, percentages: tuple[float, ...]
) -> tuple[npt.NDArray[Real], ...]:
    """Do the work of `row_percentiles`, given the number of finite values in each row."""
    indices = [np.maximum(np.rint((finite - 1) * percentage / 100), 0).astype(np.intp) for percentage in percentages]
    if values.shape[-1] >= LONG_ROW:
        return _of_long_rows(values, indices)
    ordered = np.sort(values, axis=-1)  # NaN goes last
    return tuple(np.take_along_axis(ordered, index, axis=-1) for index in indices)


def _finite(values: Numbers) -> Index:
    """Count the finite values of each row, (object, 1)."""
    finite = np.isfinite(values)
    if values.shape[-1] >= LONG_ROW:
        return np.count_nonzero(finite, axis=-1, keepdims=True)
    # Of short rows einsum counts five times as fast, in the type that it is given: no more than 255.
    return np.asarray(np.einsum("...p->...", finite.view(np.uint8))[..., None], np.intp)


def _of_long_rows(values: npt.NDArray[Real], indices: list[Index]) -> tuple[npt.NDArray[Real], ...]:
    """Find the values (object, 1) with an index in each sorted row; float32 is sorted twice as fast as float64.

    Rounding keeps the order, so the value that is looked for is the one that rounds to the sorted one. A row where
    several do is sorted again.
    """
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float32)
    ordered = np.sort(rounded, axis=-1)
    found = []
    for index in indices:
        here = rounded == np.take_along_axis(ordered, index, axis=-1)
        value = np.take_along_axis(values, here.argmax(axis=-1, keepdims=True), axis=-1)
        several = np.count_nonzero(here, axis=-1) > 1
        value[several] = np.take_along_axis(np.sort(values[several], axis=-1), index[several], axis=-1)
        found.append(value)
    return tuple(found)


def continuum(values: Numbers, block: int = CONTINUUM_BLOCK) -> F8:
    """Fit a smooth upper continuum to each row.

    The fit is a polynomial in log wavelength through the medians of blocks. It is repeated, and points below it
    (absorption) are dropped sooner than points above it.

    Parameters
    ----------
    values
        (object, wavelength) fluxes, NaN where bad.
    block
        Pixels whose median is one point.

    Returns
    -------
    (object, wavelength) float64
        NaN throughout a row with too few good pixels or no positive mean.
    """
    coefficients, scale = _continuum_fit(values, block)
    return _curves(coefficients, scale, np.empty(values.shape))


def _over_continuum(values: Numbers, block: int) -> F4:
    """Divide each row by its continuum, a few rows at a time."""
    coefficients, scale = _continuum_fit(values, block)
    normal = np.empty(values.shape, np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, len(values), FEW_ROWS):
            rows = slice(start, start + FEW_ROWS)
            precise = values[rows].astype(np.float64)
            level = _curves(coefficients[rows], scale[rows], np.empty(precise.shape))
            normal[rows] = np.divide(precise, level, out=level)
    return normal


def _continuum_fit(values: Numbers, block: int) -> tuple[F8, F8]:
    """Return coefficients of each row's continuum, (object, degree + 1), and its unit, (object, 1)."""
    count = values.shape[1]
    width = max(min(block, count // CONTINUUM_POINTS), 1)
    points = _block_medians(values, width)
    mean = _mean(points)
    scale = np.where(mean > 0, mean, np.nan)
    return _clipped_fit(*_polynomials(count, width), points / scale), np.asarray(scale)


def _curves(coefficients: F8, scale: F8, out: F8) -> F8:
    """Compute the continuum of some rows in every pixel."""
    polynomials, _ = _polynomials(out.shape[1], 1)
    np.einsum("np,pw->nw", coefficients, polynomials, out=out)
    np.clip(out, CONTINUUM_FLOOR, np.inf, out=out)
    return np.asarray(np.multiply(out, scale, out=out))


def offset_and_scale(values: F8, method: Method) -> tuple[F8 | float, F8]:
    """Return what `normalize` subtracts from each row and divides it by; `values` are NaN where bad."""
    if method == "l2":
        return 0.0, np.sqrt(np.nansum(values**2, axis=1, keepdims=True))
    if method == "flux":
        return 0.0, _mean(values)
    if method == "minmax":
        low, high = row_percentiles(values, 0, 100)
        return low, high - low
    if method == "robust":
        low, middle, high = row_percentiles(values, 16, 50, 84)
        return middle, (high - low) / 2
    if method == "continuum":
        return 0.0, continuum(values)
    raise ConfigurationError(
        f"spectral_features.normalization is {method!r}; possible: l2, flux, minmax, robust, continuum"
    )


def _mean(values: F8) -> F8:
    """Return the mean of each row's finite values, (object, 1); NaN, without a warning, where there are none."""
    count = np.sum(np.isfinite(values), axis=1, keepdims=True)
    total = np.nansum(values, axis=1, keepdims=True)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def _block_medians(values: Numbers, width: int) -> F8:
    """Return the medians of blocks of `width` pixels, (object, block); NaN where most of a block is bad.

    Blocks of float32 are sorted as such, which is faster.
    """
    blocks = values.shape[1] // width
    pixels = values[:, : blocks * width].reshape(-1, width)
    finite = _finite(pixels)
    (median,) = _percentiles(pixels, finite, (50,))
    return np.where(2 * finite >= width, median, np.nan).astype(np.float64).reshape(-1, blocks)


@lru_cache(maxsize=16)
def _polynomials(count: int, width: int) -> tuple[F8, F8]:
    """Return Legendre polynomials over `count` pixels at the middles of blocks of `width`, and their products.

    They are (degree + 1, block), and (pair, block) for the pairs of `PAIRS`.
    """
    middles = (np.arange(count // width) + 0.5) * width
    polynomials = np.array(
        np.polynomial.legendre.legvander(2 * middles / count - 1, CONTINUUM_DEGREE).T, np.float64, order="C"
    )
    return polynomials, polynomials[PAIRS[0]] * polynomials[PAIRS[1]]


def _clipped_fit(polynomials: F8, products: F8, points: F8) -> F8:
    """Return coefficients of each row's fit after asymmetric clipping, (object, degree + 1); NaN for too few points."""
    usable = np.isfinite(points)
    target = np.where(usable, points, 0)
    number = np.sum(usable, axis=1, keepdims=True)
    fewest = np.maximum(len(polynomials) + 1, number // 4)
    coefficients = _least_squares(polynomials, products, target, usable)
    rows, kept, inside_of = np.arange(len(points)), usable, usable
    for _ in range(CONTINUUM_ROUNDS):
        residual = target - np.einsum("np,pb->nb", coefficients[rows], polynomials)
        inside = inside_of & _within(residual, kept)
        # A row that would lose too many points stays as it is; one that stays as it is has its fit.
        moved = (inside != kept).any(axis=1) & (np.sum(inside, axis=1) >= fewest[:, 0])
        rows, target, fewest, kept, inside_of = (each[moved] for each in (rows, target, fewest, inside, inside_of))
        coefficients[rows] = _least_squares(polynomials, products, target, kept)
    return np.where(number > len(polynomials), coefficients, np.nan)


def _within(residual: F8, kept: Flags) -> Flags:
    """Mark the points that are not too far from the fit, by the scatter of the fitted points."""
    number = np.maximum(np.sum(kept, axis=1, keepdims=True), 1)
    scatter = np.sqrt(np.sum(residual**2 * kept, axis=1, keepdims=True) / number)
    scatter = np.maximum(scatter, SMALLEST_SCATTER)
    return np.asarray((residual >= -CLIP_BELOW * scatter) & (residual <= CLIP_ABOVE * scatter))


def _least_squares(polynomials: F8, products: F8, target: F8, kept: Flags) -> F8:
    """Fit each row's kept points; the normal equations are small and well conditioned in Legendre polynomials.

    It uses einsum, because the rounding of matrix products depends on the number of rows.
    """
    weight = kept.astype(np.float64)
    normal = np.einsum("nb,kb->nk", weight, products)[:, PAIR]
    normal += RIDGE
    moment = np.einsum("nb,pb->np", weight * target, polynomials)
    return np.asarray(np.linalg.solve(normal, moment[..., None])[..., 0])
