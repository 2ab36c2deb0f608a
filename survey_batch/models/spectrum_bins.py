"""Good pixels of spectra summed in bins, which all inputs from bins are made of.

Each row is treated by itself, so one object gives the same input, bit for bit, alone and among others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce, wraps
from typing import Any, Self, TypeVar, cast

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, F8, I4, Flags

ROWS_AT_ONCE = 64
"""What is computed of so many rows stays in a core's cache, from one step to the next."""
FEW_PIXELS = 7
"""Pixels per bin up to which numpy's sum over a short axis adds one by one; adding whole columns so is far faster."""

Compute = TypeVar("Compute", bound=Callable[..., F4])


def few_rows_at_a_time(compute: Compute) -> Compute:
    """Make a function of flux, ivar and mask, (object, wavelength), work on a few rows at a time."""

    @wraps(compute)
    def whole(flux: F4, ivar: F4, mask: I4, *arguments: Any, **named: Any) -> F4:
        def part(rows: slice) -> F4:
            return compute(flux[rows], ivar[rows], mask[rows], *arguments, **named)

        first, *others = few_rows(len(flux))
        values = part(first)
        result = np.empty((len(flux), *values.shape[1:]), values.dtype)
        result[first] = values
        for rows in others:
            result[rows] = part(rows)
        return result

    return cast("Compute", whole)


def few_rows(count: int) -> list[slice]:
    """Divide rows into parts of `ROWS_AT_ONCE`; no rows are one empty part."""
    return [slice(start, start + ROWS_AT_ONCE) for start in range(0, max(count, 1), ROWS_AT_ONCE)]


@dataclass(frozen=True)
class GoodPixels:
    """The good pixels of some spectra; pixels at the red end that fill no bin are left out.

    Attributes
    ----------
    width : int
        Pixels per bin.
    good : (object, pixel) bool
        Whether a pixel may be used.
    flux : (object, pixel) float64
        0 where it is not good.
    count : (object, bin) float64
        Good pixels of each bin.
    """

    width: int
    good: Flags
    flux: F8
    count: F8

    @classmethod
    def of(cls, flux: F4, ivar: F4, mask: I4, width: int) -> Self:
        """Find the good pixels of spectra, (object, wavelength), as `normalize.good_flux` does."""
        used = slice(flux.shape[1] // width * width)
        flux = flux[:, used]
        good = mask[:, used] == 0
        good &= ivar[:, used] > 0
        good &= np.isfinite(flux)
        return cls(width, good, _masked(flux, good), bin_sums(good.view(np.int8), width).astype(np.float64))

    @property
    def known(self) -> Flags:
        """Whether a bin has good pixels, (object, bin)."""
        return self.count > 0

    def mean(self) -> F8:
        """Compute the mean of each bin, (object, bin); 0 if it has no good pixel."""
        return np.asarray(bin_sums(self.flux, self.width) / np.maximum(self.count, 1))

    def weighted_mean(self, ivar: F4) -> tuple[F8, F8]:
        """Compute the mean of each bin, weighted by ivar, and its error; NaN if it has no good pixel."""
        weight = _masked(ivar[:, : self.good.shape[1]], self.good)
        total = bin_sums(weight, self.width)
        total = np.where(total > 0, total, np.nan)
        weight *= self.flux
        return bin_sums(weight, self.width) / total, 1 / np.sqrt(total)


def bin_sums(values: npt.NDArray[Any], width: int) -> npt.NDArray[Any]:
    """Sum each bin of `width` pixels, (object, pixel) to (object, bin); small integers must not overflow.

    The order of additions, and so the rounding, is that of `numpy.sum` over the pixels of a bin.
    """
    if width > FEW_PIXELS:
        return np.asarray(values.reshape(len(values), values.shape[1] // width, width).sum(axis=2))
    return reduce(np.add, (values[:, place::width] for place in range(width)))


def _masked(values: F4, good: Flags) -> F8:
    """Return float64 numbers, 0 where they are not good."""
    masked = values.astype(np.float64)
    # Bad pixels are few: it is faster to replace them than to copy the others.
    np.copyto(masked, 0.0, where=~good)
    return masked
