"""Pixels around rest-frame wavelengths, and sums over windows that end inside pixels."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, F8, I4, Flags, Index
from survey_batch.spectra.grid import STEP, first_pixel, step_of
from survey_batch.spectra.normalize import known_flux
from survey_batch.spectra.spans import Windows

SMALLEST_SHARE = 0.5
"""Least share of a window that good pixels must cover."""

MARGIN = 160
"""Pixels of 1e-4 dex without data on either side of the grid, so that a window may lie off it."""


@dataclass(frozen=True)
class CleanSpectra:
    """Spectra of which nothing but the good pixels counts, for measuring any number of windows.

    Arrays have `margin` pixels that are not good before and after those of the grid.

    Attributes
    ----------
    wavelength : (pixel,)
        Grid of `log_grid` without margins.
    stretch : (object,) or (1,)
        1 + redshift; only one number if all objects have the same.
    flux : (object, margin + pixel + margin)
        0 where not good.
    ivar : (object, margin + pixel + margin)
        Minus infinity where not good, so that the variance is 0.
    width : (margin + pixel + margin,)
        Width of a pixel [Angstrom, as observed].
    step : float
        log10 step of the grid.
    margin : int
        `MARGIN`, in pixels of this step if it is a smaller one.
    """

    wavelength: F8
    stretch: F8
    flux: F4
    ivar: F4
    width: F8
    step: float = STEP
    margin: int = MARGIN

    @classmethod
    def of(
        cls, wavelength: F8, flux: F4, ivar: F4, mask: I4, redshift: npt.NDArray[np.floating] | None = None
    ) -> "CleanSpectra":
        """Find the good pixels.

        Parameters
        ----------
        wavelength
            Grid of `log_grid`, (m,).
        flux, ivar, mask
            (n, m), neither normalised nor smoothed.
        redshift
            (n,); values that are not finite, or not above -1, count as 0. None is 0 for all.
        """
        return cls.of_known(wavelength, known_flux(flux, ivar, mask), ivar, redshift)

    @classmethod
    def of_known(
        cls, wavelength: F8, known: F4, ivar: F4, redshift: npt.NDArray[np.floating] | None = None
    ) -> "CleanSpectra":
        """Do the work of `of`, given the `known_flux`."""
        shift = np.zeros(1) if redshift is None else redshift
        stretch = 1 + np.where(np.isfinite(shift) & (shift > -1), shift, 0).astype(np.float64)
        if len(stretch) and (stretch == stretch[0]).all():
            stretch = stretch[:1]
        bad = np.isnan(known)
        step = step_of(wavelength)
        margin = int(np.ceil(MARGIN * max(STEP / step, 1)))
        # float64, which a notebook may hand in, stays so: its ivar may be beyond float32.
        clean = _between_margins(known, margin, 0, bad)
        weight = _between_margins(ivar, margin, -np.inf, bad)
        width = np.pad(wavelength, margin, mode="edge") * (step * np.log(10))
        return cls(wavelength, stretch, clean, weight, width, step, margin)

    def pixels(self, windows: Windows) -> "Pixels":
        """Take the pixels of some windows of each object; the windows are in pixels of the grid's step."""
        if windows.sizes.max() > self.margin:
            raise ValueError(f"a window of {windows.sizes.max()} pixels does not fit into a margin of {self.margin}")
        centre = np.log10(windows.centres * self.stretch[:, None]) / self.step - first_pixel(self.wavelength)
        nearest = np.rint(centre)
        x = windows.spread(nearest - centre)
        x += windows.offset
        # A part that lies off the grid stays in its margins, wherever it is.
        start = nearest.astype(np.intp)[:, windows.window_of_part] + windows.first
        start = np.clip(start + self.margin, 0, self.width.size - windows.sizes)
        place = windows.places(start + self.width.size * np.arange(len(self.flux))[:, None])
        flux, variance = (np.take(values, place).astype(np.float64) for values in (self.flux, self.ivar))
        share = share_of_pixels(x, windows.low, windows.high)
        if len(share) < len(variance):
            share = np.repeat(share, len(variance), axis=0)
        np.copyto(share, 0, where=variance < 0)
        return Pixels(self, windows, start, x, share, flux, np.divide(1, variance, out=variance))


def _between_margins(values: F4, margin: int, outside: float, bad: Flags) -> F4:
    """Put (object, pixel) between margins, and `outside` there and where it is bad."""
    rows, pixels = values.shape
    inside = slice(margin, margin + pixels)
    whole = np.empty((rows, pixels + 2 * margin), np.result_type(values, np.float32))
    whole[:, :margin], whole[:, inside], whole[:, inside.stop :] = outside, values, outside
    np.copyto(whole[:, inside], outside, where=bad)
    return whole


@dataclass(frozen=True)
class Pixels:
    """The pixels of some windows of each object, one after the other; arrays are (object, pixel).

    Where all objects have one redshift, `x` is (1, pixel).

    Attributes
    ----------
    start
        Place of the first pixel of each part between the margins.
    x
        Position from the window's wavelength [pixels].
    share
        Share of a pixel that lies in the window; 0 where it is not good.
    flux, variance
        0 where not good.
    """

    spectra: CleanSpectra
    windows: Windows
    start: Index
    x: F8
    share: F8
    flux: F8
    variance: F8

    @cached_property
    def width(self) -> F8:
        """Width of a pixel [Angstrom, rest frame]; (1, pixel) where all objects have one redshift."""
        return np.asarray(np.take(self.spectra.width, self.windows.places(self.start)) / self.spectra.stretch[:, None])

    def sum(self, values: F8) -> F8:
        """Sum over the pixels of each window, (object, window)."""
        sums = np.add.reduceat(values, self.windows.begin, axis=1)
        if len(self.windows.parts) == len(self.windows.spans):
            return np.asarray(sums)
        return np.asarray(np.add.reduceat(sums, self.windows.first_part, axis=1))

    def least(self, values: F8) -> F8:
        """Find the least value in each window, (object, window); NaN if one is."""
        return np.asarray(np.minimum.reduceat(values, self.windows.begin[self.windows.first_part], axis=1))

    def means(self) -> tuple[F8, F8, F8]:
        """Return each window's mean flux, variance and mean position, (object, window); NaN if too little is good."""
        share = self.share
        total = self.sum(share)
        total = np.where(total >= SMALLEST_SHARE * self.windows.extent, total, np.nan)
        return (
            self.sum(share * self.flux) / total,
            self.sum(share * share * self.variance) / total**2,
            self.sum(share * self.x) / total,
        )


def share_of_pixels(x: F8, low: F8 | float, high: F8 | float) -> F8:
    """Return the share of each pixel that lies in the window from `low` to `high`."""
    share, begin = x + 0.5, x - 0.5
    np.minimum(share, high, out=share)
    np.maximum(begin, low, out=begin)
    share -= begin
    return np.asarray(np.clip(share, 0, 1, out=share))
