"""Spectra of stars: smooth continua with the lines and bands that distinguish the classes.

They imitate real spectra but are not computed from physics. A classifier can learn the classes from them, but they are
no basis for measuring stellar parameters. Wavelengths are vacuum Angstrom; fluxes are f_lambda in arbitrary units.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.special import expit

from survey_batch.core.arrays import F8

OVERSAMPLING = 4
STEP = 1e-4 / OVERSAMPLING
"""log10 step of the templates: a quarter of LAMOST's pixel."""
RESOLUTION = 1800.0
"""LAMOST low resolution, lambda / FWHM at 5500 Angstrom (Zhao et al. 2012, RAA 12, 723)."""
LSF_SIGMA = 1 / (RESOLUTION * np.log(10) * 2.3548 * STEP)
"""Width of the line spread function in template samples."""
C2 = 1.438777e8
"""Second radiation constant h c / k in Angstrom Kelvin (CODATA 2018)."""

TEMPERATURES = {
    0: 9700, 5: 8080, 10: 7220, 15: 6550, 20: 5930, 25: 5660, 30: 5270, 35: 4440, 40: 3850,
    43: 3410, 45: 3060, 49: 2570,
}  # fmt: skip
"""Effective temperature by subtype, A0 = 0, F0 = 10, G0 = 20, K0 = 30, M0 = 40
(Pecaut & Mamajek 2013, ApJS 208, 9)."""
LETTERS = "AFGKM"

BALMER = tuple(911.753 / (1 / 4 - 1 / n**2) for n in range(3, 21))
"""Vacuum wavelengths of H alpha to H 20, by the Rydberg formula for hydrogen."""
CALCIUM_HK = (3934.78, 3969.59)
CALCIUM_TRIPLET = (8500.35, 8544.44, 8664.52)
MAGNESIUM_B = (5168.76, 5174.13, 5185.05)
SODIUM_D = (5891.58, 5897.56)
CALCIUM_I = 4227.92
G_BAND = 4305.6
"""Vacuum wavelengths of stellar lines (SDSS, table of spectral lines)."""
TIO_BANDS = {
    4762: (0.4, 190), 4956: (0.6, 210), 5168: (0.5, 260), 5449: (0.5, 260), 5848: (0.45, 220), 6160: (0.65, 260),
    6653: (0.6, 380), 7055: (0.9, 320), 7591: (0.5, 260), 8207: (0.15, 170), 8433: (0.35, 220), 8861: (0.3, 170),
}  # fmt: skip
"""Heads of TiO bands, which fade towards the red (Kirkpatrick et al. 1991, ApJS 77, 417):
opacity in an M3 star, and reach in Angstrom."""


def log_wavelengths(first: float, last: float) -> F8:
    """Return template wavelengths from `first` to `last`."""
    return np.asarray(10 ** np.arange(np.log10(first), np.log10(last), STEP))


def observe(template: tuple[F8, F8], wavelength: F8, redshift: float) -> F8:
    """Interpolate a template at observed wavelengths, (n,), with its mean set to 1."""
    rest, flux = template
    shifted = np.interp(np.log(wavelength / (1 + redshift)), np.log(rest), flux)
    return np.asarray(shifted / shifted.mean())


@lru_cache(maxsize=64)
def star(subtype: int) -> tuple[F8, F8]:
    """Make the template of a main-sequence star.

    Parameters
    ----------
    subtype
        A0 = 0, F0 = 10, G0 = 20, K0 = 30, M0 = 40 and so on to M9 = 49.

    Returns
    -------
    wavelength, flux : (n,) float64
    """
    wavelength = log_wavelengths(3550, 9400)
    return wavelength, smooth(stellar_flux(wavelength, temperature(subtype)))


def temperature(subtype: int) -> float:
    """Return the effective temperature of a subtype (A0 = 0), interpolated in the logarithm."""
    known = np.array(list(TEMPERATURES)), np.log(list(TEMPERATURES.values()))
    return float(np.exp(np.interp(subtype, *known)))


def stellar_flux(wavelength: F8, kelvin: float) -> F8:
    """Return a star's flux before the spectrograph: a black body times the transmission of its lines and bands."""
    cool = _rise(5800, 500, kelvin)
    flux = wavelength**-5.0 / np.expm1(C2 / (wavelength * kelvin))
    flux = flux * np.exp(-0.5 * cool * np.clip((4600 - wavelength) / 900, 0, 2))  # crowded metal lines
    flux = flux * _balmer(wavelength, kelvin) * _metals(wavelength, kelvin)
    return np.asarray(flux * np.exp(-_bands(wavelength, kelvin)))


def reddening(wavelength: F8, colour_excess: float) -> F8:
    """Return the transmission of dust with E(B-V) = `colour_excess`: A = 3.1 E(B-V) (5500 / wavelength)^1.3."""
    return np.asarray(10 ** (-0.4 * 3.1 * colour_excess * (5500 / wavelength) ** 1.3))


def _rise(half: float, width: float, kelvin: float) -> float:
    """Return a factor that rises from 0 in hot stars to 1 in cool ones."""
    return float(1 / (1 + np.exp((kelvin - half) / width)))


def _balmer(wavelength: F8, kelvin: float) -> F8:
    """Return the transmission of hydrogen, strongest and widest near 9300 K; high lines merge at the Balmer limit."""
    strength = np.exp(-0.5 * (np.log10(kelvin / 9300) / 0.1) ** 2)
    width = 2.5 + 7 * strength
    result = np.ones(wavelength.size)
    for order, line in enumerate(BALMER):
        depth = (0.44 + 0.05 * min(order, 5)) * strength**0.4
        result *= _absorption(wavelength, [line], depth, width * (1 - 0.045 * order))
    # The continuum of hydrogen itself, below the limit and where lines have merged.
    jump = 0.55 * strength / (1 + np.exp((wavelength - 3740) / 25))
    return np.asarray(result * (1 - jump))


def _metals(wavelength: F8, kelvin: float) -> F8:
    """Return the transmission of metal lines, which are stronger in cool stars."""
    cool = _rise(5600, 600, kelvin)
    coolest = _rise(4500, 350, kelvin)
    lines = [
        (CALCIUM_HK, 0.9 * _rise(7600, 500, kelvin), 4.0 + 8.0 * cool),
        (CALCIUM_TRIPLET, 0.1 + 0.5 * _rise(6800, 600, kelvin), 2.0),
        (MAGNESIUM_B, 0.45 * cool, 2.0 + 2 * coolest),
        (SODIUM_D, 0.12 + 0.25 * cool + 0.4 * coolest, 1.5 + 2 * coolest),
        ((CALCIUM_I,), 0.35 * cool + 0.5 * coolest, 2.5 + 5 * coolest),
        ((G_BAND,), 0.45 * _rise(6000, 400, kelvin), 9.0),
    ]
    result = np.exp(-(0.4 * cool + 0.05) * _forest(wavelength))
    for centres, depth, width in lines:
        result *= _absorption(wavelength, centres, depth, width)
    return np.asarray(result)


def _forest(wavelength: F8) -> F8:
    """Return the opacity of many weak metal lines, always at the same wavelengths, crowded towards the blue."""
    rng = np.random.default_rng(26)
    centres = 3500 + 6000 * rng.power(0.45, 1500)
    depths = rng.gamma(1.0, 1.0, 1500) * np.clip((7000 - centres) / 3000, 0.08, 1)
    index = np.searchsorted(wavelength, centres)
    inside = (index > 0) & (index < wavelength.size)
    # Each line has an equivalent width of about half an Angstrom.
    opacity = np.bincount(index[inside], depths[inside], wavelength.size)
    return np.asarray(gaussian_filter1d(opacity * 6.0, 4.0))


def _bands(wavelength: F8, kelvin: float) -> F8:
    """Return the opacity of molecules: MgH in K and M stars, TiO in M stars."""
    green = np.exp(-0.5 * ((wavelength - 5110) / 90) ** 2) * (wavelength < 5215)
    total = 0.3 * _rise(4700, 250, kelvin) * green
    strength = np.clip((4100 - kelvin) / 900, 0, 2)
    for head, (opacity, reach) in TIO_BANDS.items():
        fade = np.clip(1 - (wavelength - head) / reach, 0, 1) ** 1.5
        total = total + strength * opacity * fade * expit((wavelength - head) / 7)
    return np.asarray(total)


def _absorption(wavelength: F8, centres: Sequence[float], depth: float, width: float) -> F8:
    """Return the transmission of lines with a Lorentzian core and steeper wings; `width` is half the FWHM, Angstrom."""
    result = np.ones(wavelength.size)
    for centre in centres:
        near = slice(*np.searchsorted(wavelength, (centre - 12 * width, centre + 12 * width)))
        offset = (wavelength[near] - centre) / width
        result[near] *= 1 - depth / (1 + offset**2 + 0.02 * offset**4)
    return result


def emission(wavelength: F8, lines: Iterable[tuple[float, float, float]]) -> F8:
    """Sum Gaussian lines.

    Parameters
    ----------
    wavelength
        Increasing, (n,).
    lines
        Wavelength, height and relative width (sigma / wavelength) of each.
    """
    result = np.zeros(wavelength.size)
    for centre, height, width in lines:
        near = slice(*np.searchsorted(wavelength, (centre * (1 - 5 * width), centre * (1 + 5 * width))))
        result[near] += height * np.exp(-0.5 * (np.log(wavelength[near] / centre) / width) ** 2)
    return result


def normalized(flux: F8) -> F8:
    """Divide flux by its mean."""
    return np.asarray(flux / flux.mean())


def smooth(flux: F8) -> F8:
    """Smooth flux to the spectrograph's resolution, with a mean of 1."""
    return normalized(gaussian_filter1d(flux, LSF_SIGMA))
