"""The common wavelength grid, and the placement of spectra on it.

Pixel k of the grid is centred on 10^(step k) Angstrom (vacuum) for an integer k. With a step of 1e-4, that is the grid
of LAMOST's low-resolution spectra and those of SDSS, so most of them need only a shift by whole pixels and no
interpolation. The kernels find the step in the grid's wavelengths (`step_of`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from survey_batch.core.arrays import F4, F8, I4, Index
from survey_batch.core.errors import ConfigurationError
from survey_batch.spectra.pixels import pixel_edges

STEP = 1e-4
"""log10 step of the grid unless the job sets another, and of `Spectrum.start`."""
DIGITS = 13
"""Digits to which a grid's step is found in its wavelengths."""
ROUNDING = 1e-7
"""Share by which a step may be off the default and still be it: wavelengths may have been rounded to float32."""
SHIFT_TOLERANCE = 0.02
"""Pixels by which a file's grid may differ from ours and still be copied: less than 0.05 Angstrom up to 10800."""
LINEAR_TOLERANCE = 0.005
"""Pixels by which wavelengths may be off a log-linear grid; float32 rounding shifts them by 0.0012 at most."""
SMALLEST_SHARE = 0.5
"""Least share of an output pixel that good input pixels must cover for a rebinned value."""
NO_DATA = 1 << 16
"""Mask bit: the file has no value here (outside its range, or not a number)."""
BAD_IVAR = 1 << 17
"""Mask bit: the inverse variance is zero or not a number, so the error of the flux is unknown."""
ZERO_FLUX = 1 << 18
"""Mask bit: the flux is exactly zero, which the survey filled in whatever the ivar says; no measurement is zero."""
NOT_MEASURED = NO_DATA | BAD_IVAR | ZERO_FLUX
"""Mask bits of a pixel that holds no measurement."""

MASK_BITS = {"no_data": NO_DATA, "bad_ivar": BAD_IVAR, "zero_flux": ZERO_FLUX}
"""Our bits; a survey's own ones are below 2^16."""


@dataclass(frozen=True)
class Spectrum:
    """One spectrum as in its file, in native byte order.

    Parameters
    ----------
    flux, ivar
        Flux and its inverse variance, (n,) float32.
    mask
        The AND mask (bad in every exposure), (n,) int32; nonzero is bad.
    start
        Position of the first pixel in units of 1e-4 dex, 1e4 log10(wavelength / Angstrom), not rounded; NaN if the
        grid is not log-linear with that step.
    sampled
        Wavelengths [Angstrom, vacuum], (n,) float64, if the grid is not log-linear; else None.
    dispersion
        Standard deviation of the line spread function [km/s], (n,) float32, not positive where it is not known; None
        if the file does not say it.
    """

    flux: F4
    ivar: F4
    mask: I4
    start: float
    sampled: F8 | None = None
    dispersion: F4 | None = None

    @property
    def wavelength(self) -> F8:
        """Pixel centres [Angstrom, vacuum, heliocentric], (n,) float64."""
        if self.sampled is not None:
            return self.sampled
        pixel = np.arange(self.flux.size, dtype=np.float64)
        return np.asarray(10 ** (STEP * (self.start + pixel)))


def log_grid(wavelength_min: float, wavelength_max: float, step: float = STEP) -> F8:
    """Return wavelengths [Angstrom] of the grid pixels with centres in a range, both ends included.

    Raises
    ------
    ConfigurationError
        The range is empty or not positive, or holds one pixel of a step that is not the default.
    """
    if not 0 < wavelength_min < wavelength_max < np.inf:
        raise ConfigurationError(f"wavelength range {wavelength_min} to {wavelength_max} Angstrom holds no pixel")
    # The tolerance keeps an end on the grid if it was typed from a grid wavelength.
    first = int(np.ceil(np.log10(wavelength_min) / step - 1e-6))
    last = int(np.floor(np.log10(wavelength_max) / step + 1e-6))
    if last < first + (step != STEP):
        held = "no pixel" if last < first else f"one pixel, and a step of {step:g} dex needs two"
        raise ConfigurationError(f"wavelength range {wavelength_min} to {wavelength_max} Angstrom holds {held}")
    return np.asarray(10 ** (step * np.arange(first, last + 1)))


def step_of(grid: F8) -> float:
    """Return the log10 step of a grid of `log_grid`, to `DIGITS` digits; of less than two pixels, the default."""
    if len(grid) < 2:
        return STEP
    with np.errstate(all="ignore"):  # in a notebook, wavelengths may be anything
        low, high = float(np.log10(grid[0])), float(np.log10(grid[-1]))
    if not 0 < high - low < np.inf:
        return STEP
    # The last pixel's number is a large integer, so the step that it gives is exact but for the last digits.
    last = round(high * (len(grid) - 1) / (high - low))
    step = float(f"{high / last:.{DIGITS}g}") if last else STEP
    return STEP if abs(step - STEP) < ROUNDING * STEP else step


def log_linear_start(logarithm: F8) -> float:
    """Return where a grid of log10(wavelength / Angstrom) begins [1e-4 dex]; NaN if its step is not 1e-4."""
    offset = logarithm / STEP - np.arange(logarithm.size)
    start = float(offset.mean())
    return start if np.abs(offset - start).max() < LINEAR_TOLERANCE else np.nan


def first_pixel(grid: F8) -> int:
    """Return the integer k of a grid's first pixel."""
    return round(float(np.log10(grid[0])) / step_of(grid))


def to_grid(spectra: Sequence[Spectrum], grid: F8) -> tuple[F4, F4, I4]:
    """Put spectra on the common grid.

    If a file's grid has our step and agrees with ours to 0.02 pixel, its values are copied bit for bit; otherwise they
    are rebinned (see `rebin`). A pixel without data has flux NaN, ivar 0 and the mask bit `NO_DATA`. A
    pixel whose ivar is not positive keeps its flux, with ivar 0 and the mask bit `BAD_IVAR`. A pixel whose flux is
    exactly zero has the bit `ZERO_FLUX`.

    Parameters
    ----------
    spectra
        n spectra of any length and start.
    grid
        Wavelengths of `log_grid`, (m,).

    Returns
    -------
    flux, ivar : (n, m) float32
    mask : (n, m) int32
    """
    flux = np.full((len(spectra), grid.size), np.nan, np.float32)
    ivar = np.zeros(flux.shape, np.float32)
    mask = np.zeros(flux.shape, np.int32)
    ours = _Grid.of(grid)
    for row, spectrum in enumerate(spectra):
        if (shared := ours.shared(spectrum)) is not None:
            to, here = shared
            flux[row, to], ivar[row, to] = spectrum.flux[here], spectrum.ivar[here]
            mask[row, to] = spectrum.mask[here]
        else:
            flux[row], ivar[row], mask[row] = rebin(spectrum, grid)
    bits = flag(flux, ivar, mask)
    known = np.isfinite(flux)
    np.copyto(ivar, 0, where=~(known & (ivar > 0) & (ivar < np.inf)))
    np.copyto(flux, np.nan, where=~known)
    return flux, ivar, bits


def dispersion_on_grid(spectra: Sequence[Spectrum], grid: F8) -> F4:
    """Put the dispersion of spectra [km/s] on the common grid: copied as by `to_grid`, or interpolated linearly.

    Parameters
    ----------
    spectra
        n spectra.
    grid
        Wavelengths of `log_grid`, (m,).

    Returns
    -------
    (n, m) float32
        NaN where a file does not say it.
    """
    found = np.full((len(spectra), grid.size), np.nan, np.float32)
    ours = _Grid.of(grid)
    for row, spectrum in enumerate(spectra):
        if spectrum.dispersion is None:
            continue
        if (shared := ours.shared(spectrum)) is not None:
            to, here = shared
            found[row, to] = spectrum.dispersion[here]
        else:
            known = np.where(spectrum.dispersion > 0, spectrum.dispersion, np.nan)
            found[row] = np.interp(grid, spectrum.wavelength, known, np.nan, np.nan)
    return np.where((found > 0) & (found < np.inf), found, np.float32(np.nan))


def flag(flux: F4, ivar: F4, mask: I4) -> I4:
    """Add the bits `NO_DATA`, `BAD_IVAR` and `ZERO_FLUX` to a mask where they apply."""
    no_data, bad_ivar = ~np.isfinite(flux), ~((ivar > 0) & (ivar < np.inf))
    # The three bits follow one another. They are put together from the highest one down, in bytes: numpy adds four
    # times as many of these at once as integers, and is slow to shift them.
    ours = (flux == 0).view(np.uint8)
    for applies in (bad_ivar, no_data):
        ours += ours
        ours += applies.view(np.uint8)
    bits = ours.astype(np.int32)
    bits *= NO_DATA
    return np.asarray(mask | bits)


def rebin(spectrum: Spectrum, grid: F8) -> tuple[F4, F4, I4]:
    """Rebin one spectrum onto any increasing grid, conserving the integral of flux over wavelength.

    With o_ij the overlap [Angstrom] of input pixel i and output pixel j, and sums over inputs with ivar > 0:

        flux_j = sum_i o_ij flux_i / sum_i o_ij
        1 / ivar_j = sum_i (o_ij)^2 / ivar_i / (sum_i o_ij)^2

    The error is that of a single pixel; neighbours become correlated. An output pixel less than half covered by good
    pixels has no value. Each output pixel has the mask bits of all input pixels that it touches.

    Returns
    -------
    flux, ivar : (m,) float32
    mask : (m,) int32
    """
    source, target = pixel_edges(spectrum.wavelength), pixel_edges(grid)
    cuts = np.union1d(source, target)
    cuts = cuts[(cuts >= max(source[0], target[0])) & (cuts <= min(source[-1], target[-1]))]
    # Exactly one pixel of each grid lies between two neighbouring cuts.
    middle, overlap = (cuts[1:] + cuts[:-1]) / 2, np.diff(cuts)
    i = np.searchsorted(source, middle) - 1
    j = np.searchsorted(target, middle) - 1
    flags = flag(spectrum.flux, spectrum.ivar, spectrum.mask)
    mask = np.zeros(grid.size, np.int32)
    np.bitwise_or.at(mask, j, flags[i])
    good = (flags[i] & NOT_MEASURED) == 0
    i, j, overlap = i[good], j[good], overlap[good]
    cover = np.bincount(j, overlap, grid.size)
    total = np.bincount(j, overlap * spectrum.flux[i], grid.size)
    variance = np.bincount(j, overlap**2 / spectrum.ivar[i].astype(np.float64), grid.size)
    valued = cover >= SMALLEST_SHARE * np.diff(target)
    flux = np.divide(total, cover, out=np.full(grid.size, np.nan), where=valued)
    ivar = np.divide(cover**2, variance, out=np.zeros(grid.size), where=valued)
    return flux.astype(np.float32), ivar.astype(np.float32), mask


Part = slice | Index
"""Some pixels of a row."""


class _Grid(NamedTuple):
    """The common grid: its step, the number of its first pixel, and how many it has."""

    step: float
    first: int
    size: int

    @classmethod
    def of(cls, grid: F8) -> "_Grid":
        return cls(step_of(grid), first_pixel(grid), grid.size)

    def shared(self, spectrum: Spectrum) -> tuple[Part, Part] | None:
        """Return which of our pixels take which of a spectrum's as they are; None if its grid is not ours."""
        if self.step != STEP:
            return self._same_pixels(spectrum)
        shift = spectrum.start - self.first
        whole = math.isfinite(shift) and abs(shift - round(shift)) <= SHIFT_TOLERANCE
        return _overlap(round(shift), spectrum.flux.size, self.size) if whole else None

    def _same_pixels(self, spectrum: Spectrum) -> tuple[Part, Part] | None:
        """Do so pixel by pixel: there may be gaps between pixels without a value, as between the arms of a spectrum."""
        if spectrum.sampled is None:
            return None
        place = np.log10(spectrum.sampled) / self.step - self.first
        pixel = np.rint(place).astype(np.intp)
        empty = np.isnan(spectrum.flux)
        gap = empty[1:] & empty[:-1]
        if np.abs(place - pixel).max() > SHIFT_TOLERANCE or not ((np.diff(pixel) == 1) | gap).all():
            return None
        inside = (pixel >= 0) & (pixel < self.size)
        return pixel[inside], np.flatnonzero(inside)


def _overlap(shift: int, size: int, grid_size: int) -> tuple[slice, slice]:
    """Return the overlap of a grid and `size` pixels from its pixel `shift`, as slices of each."""
    begin, end = max(shift, 0), max(min(shift + size, grid_size), 0)
    end = max(end, begin)
    return slice(begin, end), slice(begin - shift, end - shift)
