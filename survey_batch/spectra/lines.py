"""Equivalent widths of lines and bands.

On a grid in log wavelength a redshift is a shift, and a resolving power a width in pixels. So each object's windows
are the same pixels, moved by its own redshift. Windows end inside pixels, which then count by their share.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from survey_batch.core.arrays import F8
from survey_batch.spectra.grid import STEP, first_pixel, step_of
from survey_batch.spectra.line_list import BANDS, LINES, Band, Line, air_to_vacuum
from survey_batch.spectra.spans import Span, Windows, at_step, windows_of
from survey_batch.spectra.windows import SMALLEST_SHARE, CleanSpectra

__all__ = ["BANDS", "FWHM", "LINES", "Band", "Line", "air_to_vacuum", "band_indices", "line_indices"]

RESOLVING_POWER = 1800.0
"""Resolving power of LAMOST's low-resolution mode."""
FWHM = 1 / (RESOLVING_POWER * STEP * np.log(10))
"""Width of an unresolved line: 2.41 pixels of 1e-4 dex at any wavelength."""
LARGEST_STEP = FWHM * STEP
"""Step [dex] of a grid whose pixels are as wide as an unresolved line; in wider ones, lines are not to be seen."""
LINE_HALF_WIDTH = 1.5 * FWHM
"""Holds 99.96 % of an unresolved Gaussian line: 5.5 Angstrom on either side at H alpha."""
SIDE_CENTRE, SIDE_HALF_WIDTH = 10 * FWHM, 3 * FWHM
"""Continuum windows on either side: 25 to 47 Angstrom from the centre at H alpha."""
SMALLEST_CONTINUUM = 3.0
"""Least continuum for a ratio, in its standard deviations."""

LINE_SPANS: tuple[Span, ...] = (
    (-LINE_HALF_WIDTH, LINE_HALF_WIDTH),
    (-SIDE_CENTRE - SIDE_HALF_WIDTH, -SIDE_CENTRE + SIDE_HALF_WIDTH),
    (SIDE_CENTRE - SIDE_HALF_WIDTH, SIDE_CENTRE + SIDE_HALF_WIDTH),
)
"""Windows of a line and of the continuum to its blue and red, in pixels of 1e-4 dex: velocities, on any grid."""


def line_indices(spectra: CleanSpectra, lines: Sequence[Line] = LINES) -> tuple[F8, F8]:
    """Measure the equivalent widths of some lines in each object's rest frame.

    With window shares w_i, pixel widths d_i [Angstrom, rest frame] and a continuum C_i = a_i m_b + (1 - a_i) m_r, the
    straight line through the means m_b and m_r of the side windows:

        EW = W / sum_i w_i * sum_i w_i d_i (1 - f_i / C_i)
        var(EW) = (W / sum_i w_i)^2 * (sum_i (w_i d_i / C_i)^2 / ivar_i
            + var(m_b) (sum_i w_i d_i f_i a_i / C_i^2)^2 + var(m_r) (sum_i w_i d_i f_i (1 - a_i) / C_i^2)^2)

    where W is the window's width and sums are over good pixels.

    Parameters
    ----------
    spectra
        n spectra with their redshifts.
    lines
        Lines to measure.

    Returns
    -------
    values, errors : (n, len(lines)) float64
        Equivalent width [Angstrom], positive in absorption, and its standard deviation. NaN where less than half
        of a window is good, the line is off the grid, or the continuum is not detected at 3 sigma.
    """
    return _equivalent_widths(spectra, _line_windows(tuple(lines), spectra.step))


def band_indices(spectra: CleanSpectra) -> tuple[F8, F8]:
    """Measure the equivalent widths of `BANDS` as `line_indices` does, each in its own windows.

    A published index in magnitudes (TiO) is -2.5 log10(1 - EW / width of the feature's window). Spectra are not
    degraded to the Lick resolution (8.5 to 11 Angstrom), so values are near the Lick system but not on it. The error
    ignores the correlation between overlapping windows.

    Returns
    -------
    values, errors : (n, len(BANDS)) float64
        As from `line_indices`.
    """
    return _equivalent_widths(spectra, _band_windows(spectra.step))


def needed_pixels(wavelength: F8, lines: Sequence[Line]) -> slice:
    """Return the pixels of a grid of `log_grid` that the windows of some lines take, without a redshift.

    On these pixels alone, each line is measured as on all of them, to the last bit: a position in a row is a
    wavelength's number in the logarithm less that of the first pixel, which floating point subtracts exactly.
    """
    windows = _line_windows(tuple(lines), step_of(wavelength))
    nearest = np.rint(np.log10(windows[0].centres) / step_of(wavelength)).astype(int) - first_pixel(wavelength)
    reach = max(int(np.abs(one.offset).max()) for one in windows) + 1
    return slice(*np.clip((nearest.min() - reach, nearest.max() + reach + 1), 0, wavelength.size))


@cache
def _line_windows(lines: tuple[Line, ...], step: float) -> tuple[Windows, ...]:
    """Return the windows of some lines, and those of their side continua."""
    spans = at_step(LINE_SPANS, step)
    return windows_of(tuple((line.wavelength, spans) for line in lines))


@cache
def _band_windows(step: float) -> tuple[Windows, ...]:
    """Return the windows of `BANDS`, and those of their side continua."""
    return windows_of(tuple(_spans(band, step) for band in BANDS))


def _spans(band: Band, step: float) -> tuple[float, tuple[Span, ...]]:
    """Return the vacuum wavelength at the middle of all windows, and the windows in pixels from there."""
    edges = np.log10(air_to_vacuum(np.array([band.feature, band.blue, band.red]))) / step
    middle = (edges.min() + edges.max()) / 2
    return float(10 ** (middle * step)), tuple((float(low), float(high)) for low, high in edges - middle)


def _equivalent_widths(spectra: CleanSpectra, windows: tuple[Windows, ...]) -> tuple[F8, F8]:
    """Measure equivalent widths and errors, (object, feature), each in the windows of itself and its side continua."""
    feature, *sides = (spectra.pixels(one) for one in windows)
    (blue, blue_variance, blue_x), (red, red_variance, red_x) = (side.means() for side in sides)
    width, extent, spread = feature.share * feature.width, feature.windows.extent, feature.windows.spread
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        share = (spread(red_x) - feature.x) / spread(red_x - blue_x)
        rest = 1 - share
        level = share * spread(blue) + rest * spread(red)
        np.copyto(level, 1, where=feature.share <= 0)
        covered = feature.sum(feature.share)
        correction = extent / covered
        value = correction * feature.sum(width * (1 - feature.flux / level))
        slope = width * feature.flux / level**2
        error = correction * np.sqrt(
            feature.sum((width / level) ** 2 * feature.variance)
            + blue_variance * feature.sum(slope * share) ** 2
            + red_variance * feature.sum(slope * rest) ** 2
        )
        noise = np.sqrt(blue_variance + red_variance) / 2
        detected = (feature.least(level) > 0) & ((blue + red) / 2 > SMALLEST_CONTINUUM * noise)
    valid = detected & (covered >= SMALLEST_SHARE * extent)
    return np.where(valid, value, np.nan), np.where(valid, error, np.nan)
