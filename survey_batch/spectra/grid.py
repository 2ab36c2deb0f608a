"""The common wavelength grid, and the placement of spectra on it.

Pixel k of the grid is centred on 10^(1e-4 k) Angstrom (vacuum) for an integer k. That is the grid of LAMOST and
SDSS spectra, so most of them need only a shift by whole pixels and no interpolation.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from survey_batch.core.arrays import F4, F8, I4
from survey_batch.core.errors import ConfigurationError

STEP = 1e-4
"""log10 step of the grid."""
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


def mask_attributes(own: Mapping[str, int]) -> dict[str, object]:
    """Return CF attributes with which a reader can decode a mask array: the survey's own bits, then ours."""
    bits = {**own, **MASK_BITS}
    return {
        "long_name": "pixel mask: 0 is good, every bit is a reason not to use the pixel",
        "flag_masks": list(bits.values()),
        "flag_meanings": " ".join(bits),
    }


def log_grid(wavelength_min: float, wavelength_max: float) -> F8:
    """Return wavelengths [Angstrom] of the grid pixels with centres in a range, both ends included.

    Raises
    ------
    ConfigurationError
        The range is empty or not positive.
    """
    if not 0 < wavelength_min < wavelength_max < np.inf:
        raise ConfigurationError(f"wavelength range {wavelength_min} to {wavelength_max} Angstrom holds no pixel")
    # The tolerance keeps an end on the grid if it was typed from a grid wavelength.
    first = int(np.ceil(np.log10(wavelength_min) / STEP - 1e-6))
    last = int(np.floor(np.log10(wavelength_max) / STEP + 1e-6))
    if last < first:
        raise ConfigurationError(f"wavelength range {wavelength_min} to {wavelength_max} Angstrom holds no pixel")
    return np.asarray(10 ** (STEP * np.arange(first, last + 1)))


def log_linear_start(logarithm: F8) -> float:
    """Return where a grid of log10(wavelength / Angstrom) begins [1e-4 dex]; NaN if its step is not 1e-4."""
    offset = logarithm / STEP - np.arange(logarithm.size)
    start = float(offset.mean())
    return start if np.abs(offset - start).max() < LINEAR_TOLERANCE else np.nan


def first_pixel(grid: F8) -> int:
    """Return the integer k of a grid's first pixel."""
    return round(float(np.log10(grid[0])) / STEP)


def to_grid(spectra: Sequence[Spectrum], grid: F8) -> tuple[F4, F4, I4]:
    """Put spectra on the common grid.

    If a file's grid agrees with ours to 0.02 pixel, its values are copied bit for bit, shifted by whole pixels;
    otherwise they are rebinned (see `rebin`). A pixel without data has flux NaN, ivar 0 and the mask bit `NO_DATA`. A
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
    first = first_pixel(grid)
    for row, spectrum in enumerate(spectra):
        if (shift := _whole_shift(spectrum, first)) is not None:
            to, here = _overlap(shift, spectrum.flux.size, grid.size)
            flux[row, to], ivar[row, to] = spectrum.flux[here], spectrum.ivar[here]
            mask[row, to] = spectrum.mask[here]
        else:
            flux[row], ivar[row], mask[row] = rebin(spectrum, grid)
    bits = flag(flux, ivar, mask)
    np.copyto(ivar, 0, where=~((ivar > 0) & (ivar < np.inf)))
    np.copyto(flux, np.nan, where=~np.isfinite(flux))
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
    first = first_pixel(grid)
    for row, spectrum in enumerate(spectra):
        if spectrum.dispersion is None:
            continue
        if (shift := _whole_shift(spectrum, first)) is not None:
            to, here = _overlap(shift, spectrum.flux.size, grid.size)
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


def at_pixels(values: F4, pixel: F8) -> F4:
    """Interpolate rows, (…, n), linearly at positions between 0 and n - 1 pixels, (m,); (…, m) float32.

    A position on a pixel takes its value; one between two pixels is missing (NaN) if either is.
    """
    left = np.clip(np.floor(pixel).astype(np.intp), 0, values.shape[-1] - 2)
    share = (pixel - left).astype(np.float32)
    before, after = values[..., left], values[..., left + 1]
    between = (1 - share) * before + share * after
    return np.asarray(np.where(share == 0, before, np.where(share == 1, after, between)))


def pixel_edges(wavelength: F8) -> F8:
    """Return pixel edges, half-way between centres in log wavelength; (n,) to (n + 1,)."""
    centre = np.log(wavelength)
    edges = np.empty(wavelength.size + 1)
    edges[1:-1] = (centre[1:] + centre[:-1]) / 2
    edges[0], edges[-1] = 2 * centre[0] - edges[1], 2 * centre[-1] - edges[-2]
    return np.asarray(np.exp(edges))


def _whole_shift(spectrum: Spectrum, first: int) -> int | None:
    """Return by how many pixels a spectrum's grid is shifted against ours; None if not by a whole number."""
    shift = spectrum.start - first
    return round(shift) if math.isfinite(shift) and abs(shift - round(shift)) <= SHIFT_TOLERANCE else None


def _overlap(shift: int, size: int, grid_size: int) -> tuple[slice, slice]:
    """Return the overlap of a grid and `size` pixels from its pixel `shift`, as slices of each."""
    begin, end = max(shift, 0), max(min(shift + size, grid_size), 0)
    end = max(end, begin)
    return slice(begin, end), slice(begin - shift, end - shift)
