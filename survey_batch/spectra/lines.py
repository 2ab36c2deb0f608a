"""Line indices: equivalent widths in windows tied to the resolution.

On a grid in log wavelength a redshift is a shift and a resolving power a width in pixels, so each object's windows
are the same pixels moved by its own redshift; windows end inside pixels, which then count by their share.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from survey_batch.spectra.grid import STEP, first_pixel

F4 = npt.NDArray[np.float32]
F8 = npt.NDArray[np.float64]
I4 = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]

RESOLVING_POWER = 1800.0
"""Of LAMOST's low-resolution mode."""
FWHM = 1 / (RESOLVING_POWER * STEP * np.log(10))
"""Width of an unresolved line: 2.41 pixels at any wavelength."""
LINE_HALF_WIDTH = 1.5 * FWHM
"""Holds 99.96 % of an unresolved Gaussian line: 5.5 Angstrom to either side at H alpha."""
SIDE_CENTRE, SIDE_HALF_WIDTH = 10 * FWHM, 3 * FWHM
"""Continuum windows to either side: 25 to 47 Angstrom from the centre at H alpha."""
REACH = int(np.ceil(SIDE_CENTRE + SIDE_HALF_WIDTH)) + 1
SMALLEST_SHARE = 0.5
"""Share of each of the three windows that good pixels must cover."""
SMALLEST_CONTINUUM = 3.0
"""A continuum fainter than this many of its standard deviations is no ground for a ratio."""


def air_to_vacuum(wavelength: F8 | float) -> F8:
    """Vacuum wavelengths [Angstrom] of wavelengths in standard air.

    Index of refraction by Morton (2000, ApJS 130, 403, eq. 8), after Birch and Downs (1994): a function of the
    vacuum wavelength, hence the iteration. For wavelengths above 2000 Angstrom.
    """
    air = np.asarray(wavelength, np.float64)
    vacuum = air
    for _ in range(3):
        s2 = (1e4 / vacuum) ** 2
        vacuum = air * (1 + 8.34254e-5 + 2.406147e-2 / (130 - s2) + 1.5998e-4 / (38.9 - s2))
    return np.asarray(vacuum)


@dataclass(frozen=True)
class Line:
    """A spectral line."""

    name: str
    air: float
    """Wavelength in air [Angstrom], as the line is known by."""

    @property
    def wavelength(self) -> float:
        """Wavelength in vacuum [Angstrom]."""
        return float(air_to_vacuum(self.air))


# Air wavelengths agree with the NIST Atomic Spectra Database to 0.02 Angstrom, a hundredth of a pixel.
LINES = (
    Line("h_alpha", 6562.81),
    Line("h_beta", 4861.34),
    Line("h_gamma", 4340.47),
    Line("h_delta", 4101.75),
    Line("mg_b", 5183.62),
    Line("na_d", 5889.95),
)


def line_indices(wavelength: F8, flux: F4, ivar: F4, mask: I4, redshift: npt.NDArray[np.floating]) -> tuple[F8, F8]:
    """Measure the equivalent widths of `LINES` in each object's rest frame.

    With window shares w_i, pixel widths d_i [Angstrom, rest frame] and a continuum C_i, the straight line through
    the means m_b and m_r of the side windows, C_i = a_i m_b + (1 - a_i) m_r:

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
        (n,); what is not finite, or not above -1, counts as 0.

    Returns
    -------
    values, errors : (n, 6) float64
        Equivalent width [Angstrom], positive in absorption, and its standard deviation. NaN where less than half
        of a window is good, the line is off the grid, or the continuum is not detected at 3 sigma.
    """
    stretch = 1 + np.where(np.isfinite(redshift) & (redshift > -1), redshift, 0).astype(np.float64)
    observed = np.array([line.wavelength for line in LINES]) * stretch[:, None]
    centre = np.log10(observed) / STEP - first_pixel(wavelength)
    pixel = np.rint(centre).astype(np.intp)[..., None] + np.arange(-REACH, REACH + 1)
    place = np.clip(pixel, 0, wavelength.size - 1)
    rows = np.arange(len(flux))[:, None, None]
    f, weight = flux[rows, place].astype(np.float64), ivar[rows, place].astype(np.float64)
    good = (place == pixel) & (mask[rows, place] == 0) & (weight > 0) & np.isfinite(f)
    width = wavelength[place] * (STEP * np.log(10)) / stretch[:, None, None]
    return _equivalent_width(
        pixel - centre[..., None],
        np.where(good, f, 0),
        np.where(good, 1 / np.where(good, weight, 1), 0),
        good,
        width,
    )


def _equivalent_width(x: F8, flux: F8, variance: F8, good: Flags, width: F8) -> tuple[F8, F8]:
    """Equivalent widths and errors; all arguments (object, line, pixel), x in pixels from the line's centre."""
    line = _share(x, 0, LINE_HALF_WIDTH) * good
    sides = [_side(x, flux, variance, _share(x, at, SIDE_HALF_WIDTH) * good) for at in (-SIDE_CENTRE, SIDE_CENTRE)]
    (blue, blue_variance, blue_x), (red, red_variance, red_x) = sides
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (red_x - x) / (red_x - blue_x)
        level = np.where(line > 0, share * blue + (1 - share) * red, 1)
        covered = np.sum(line, axis=-1)
        correction = 2 * LINE_HALF_WIDTH / covered
        value = correction * np.sum(line * width * (1 - flux / level), axis=-1)
        slope = line * width * flux / level**2
        error = correction * np.sqrt(
            np.sum((line * width / level) ** 2 * variance, axis=-1)
            + blue_variance[..., 0] * np.sum(slope * share, axis=-1) ** 2
            + red_variance[..., 0] * np.sum(slope * (1 - share), axis=-1) ** 2
        )
        noise = np.sqrt(blue_variance + red_variance)[..., 0] / 2
        detected = (level > 0).all(axis=-1) & ((blue + red)[..., 0] / 2 > SMALLEST_CONTINUUM * noise)
    valid = detected & (covered >= SMALLEST_SHARE * 2 * LINE_HALF_WIDTH)
    return np.where(valid, value, np.nan), np.where(valid, error, np.nan)


def _share(x: F8, centre: float, half_width: float) -> F8:
    """Share of each pixel that lies in the window."""
    overlap = np.minimum(x + 0.5, centre + half_width) - np.maximum(x - 0.5, centre - half_width)
    return np.asarray(np.clip(overlap, 0, 1))


def _side(x: F8, flux: F8, variance: F8, weight: F8) -> tuple[F8, F8, F8]:
    """Mean flux of a side window, its variance and mean position, (object, line, 1); NaN if too little is good."""
    total = np.sum(weight, axis=-1, keepdims=True)
    total = np.where(total >= SMALLEST_SHARE * 2 * SIDE_HALF_WIDTH, total, np.nan)
    mean, position = (np.sum(weight * quantity, axis=-1, keepdims=True) / total for quantity in (flux, x))
    return mean, np.sum(weight**2 * variance, axis=-1, keepdims=True) / total**2, position
