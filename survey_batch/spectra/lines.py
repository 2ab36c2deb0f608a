"""Equivalent widths of lines and bands.

On a grid in log wavelength a redshift is a shift, and a resolving power a width in pixels. So each object's windows
are the same pixels, moved by its own redshift. Windows end inside pixels, which then count by their share.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, F8, I4
from survey_batch.spectra.grid import STEP
from survey_batch.spectra.line_list import BANDS, LINES, Band, Line, air_to_vacuum
from survey_batch.spectra.windows import SMALLEST_SHARE, Pixels, pixels_around, share_of_pixels, window_mean

__all__ = ["BANDS", "FWHM", "LINES", "Band", "Line", "air_to_vacuum", "band_indices", "line_indices"]

Span = tuple[float, float]
"""First and last pixel of a window, counted from a centre."""

RESOLVING_POWER = 1800.0
"""Resolving power of LAMOST's low-resolution mode."""
FWHM = 1 / (RESOLVING_POWER * STEP * np.log(10))
"""Width of an unresolved line: 2.41 pixels at any wavelength."""
LINE_HALF_WIDTH = 1.5 * FWHM
"""Holds 99.96 % of an unresolved Gaussian line: 5.5 Angstrom on either side at H alpha."""
SIDE_CENTRE, SIDE_HALF_WIDTH = 10 * FWHM, 3 * FWHM
"""Continuum windows on either side: 25 to 47 Angstrom from the centre at H alpha."""
SMALLEST_CONTINUUM = 3.0
"""Least continuum for a ratio, in its standard deviations."""

LINE_SPANS: Sequence[Span] = (
    (-LINE_HALF_WIDTH, LINE_HALF_WIDTH),
    (-SIDE_CENTRE - SIDE_HALF_WIDTH, -SIDE_CENTRE + SIDE_HALF_WIDTH),
    (SIDE_CENTRE - SIDE_HALF_WIDTH, SIDE_CENTRE + SIDE_HALF_WIDTH),
)
"""Windows of a line and of the continuum to its blue and red."""


def line_indices(
    wavelength: F8,
    flux: F4,
    ivar: F4,
    mask: I4,
    redshift: npt.NDArray[np.floating],
    lines: Sequence[Line] = LINES,
) -> tuple[F8, F8]:
    """Measure the equivalent widths of some lines in each object's rest frame.

    With window shares w_i, pixel widths d_i [Angstrom, rest frame] and a continuum C_i = a_i m_b + (1 - a_i) m_r, the
    straight line through the means m_b and m_r of the side windows:

        EW = W / sum_i w_i * sum_i w_i d_i (1 - f_i / C_i)
        var(EW) = (W / sum_i w_i)^2 * (sum_i (w_i d_i / C_i)^2 / ivar_i
            + var(m_b) (sum_i w_i d_i f_i a_i / C_i^2)^2 + var(m_r) (sum_i w_i d_i f_i (1 - a_i) / C_i^2)^2)

    where W is the window's width and sums are over good pixels.

    Parameters
    ----------
    wavelength
        Grid of `log_grid`, (m,).
    flux, ivar, mask
        (n, m), neither normalised nor smoothed.
    redshift
        (n,); values that are not finite, or not above -1, count as 0.
    lines
        Lines to measure.

    Returns
    -------
    values, errors : (n, len(lines)) float64
        Equivalent width [Angstrom], positive in absorption, and its standard deviation. NaN where less than half
        of a window is good, the line is off the grid, or the continuum is not detected at 3 sigma.
    """
    centres = np.array([line.wavelength for line in lines])
    return _equivalent_width(pixels_around(wavelength, flux, ivar, mask, redshift, centres, LINE_SPANS), LINE_SPANS)


def band_indices(wavelength: F8, flux: F4, ivar: F4, mask: I4, redshift: npt.NDArray[np.floating]) -> tuple[F8, F8]:
    """Measure the equivalent widths of `BANDS` as `line_indices` does, each in its own windows.

    A published index in magnitudes (TiO) is -2.5 log10(1 - EW / width of the feature's window). Spectra are not
    degraded to the Lick resolution (8.5 to 11 Angstrom), so values are near the Lick system but not on it. The error
    ignores the correlation between overlapping windows.

    Returns
    -------
    values, errors : (n, len(BANDS)) float64
        As from `line_indices`.
    """
    measured = []
    for band in BANDS:
        centre, spans = _spans(band)
        measured.append(_equivalent_width(pixels_around(wavelength, flux, ivar, mask, redshift, centre, spans), spans))
    values, errors = (np.concatenate(columns, axis=1) for columns in zip(*measured, strict=True))
    return values, errors


def _spans(band: Band) -> tuple[F8, list[Span]]:
    """Return the vacuum wavelength, (1,), at the middle of all windows, and the windows in pixels from there."""
    edges = np.log10(air_to_vacuum(np.array([band.feature, band.blue, band.red]))) / STEP
    middle = (edges.min() + edges.max()) / 2
    return np.array([10 ** (middle * STEP)]), [(float(low), float(high)) for low, high in edges - middle]


def _equivalent_width(pixels: Pixels, spans: Sequence[Span]) -> tuple[F8, F8]:
    """Measure equivalent widths and errors, (object, line), in the windows of the feature and its side continua."""
    x, flux, variance, width = pixels.x, pixels.flux, pixels.variance, pixels.width
    feature, whole = share_of_pixels(x, *spans[0]) * pixels.good, spans[0][1] - spans[0][0]
    (blue, blue_variance, blue_x), (red, red_variance, red_x) = (window_mean(pixels, span) for span in spans[1:])
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        share = (red_x - x) / (red_x - blue_x)
        level = np.where(feature > 0, share * blue + (1 - share) * red, 1)
        covered = np.sum(feature, axis=-1)
        correction = whole / covered
        value = correction * np.sum(feature * width * (1 - flux / level), axis=-1)
        slope = feature * width * flux / level**2
        error = correction * np.sqrt(
            np.sum((feature * width / level) ** 2 * variance, axis=-1)
            + blue_variance[..., 0] * np.sum(slope * share, axis=-1) ** 2
            + red_variance[..., 0] * np.sum(slope * (1 - share), axis=-1) ** 2
        )
        noise = np.sqrt(blue_variance + red_variance)[..., 0] / 2
        detected = (level > 0).all(axis=-1) & ((blue + red)[..., 0] / 2 > SMALLEST_CONTINUUM * noise)
    valid = detected & (covered >= SMALLEST_SHARE * whole)
    return np.where(valid, value, np.nan), np.where(valid, error, np.nan)
