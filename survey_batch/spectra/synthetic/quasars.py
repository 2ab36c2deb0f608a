"""Spectra of quasars: a power law, broad and narrow lines, iron, the host galaxy, and foreground absorption."""

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.special import expit

from survey_batch.core.arrays import F8
from survey_batch.spectra.synthetic import spectra
from survey_batch.spectra.synthetic.galaxies import LIGHT, LSF, draw_galaxy
from survey_batch.spectra.synthetic.star_library import StarLibrary

FIRST, LAST = 720.0, 9500.0
"""Rest-frame Angstrom, from the blue end of a quasar at redshift 4 to the red end of one at 0."""
LYMAN_ALPHA, LYMAN_LIMIT, BALMER_LIMIT = 1215.67, 911.75, 3646.0

BROAD_LINES = {
    1033.8: 12.0, 1215.67: 75.0, 1240.8: 18.0, 1305.4: 3.0, 1399.8: 9.0, 1549.1: 28.0, 1640.4: 4.0, 1908.7: 21.0,
    2799.1: 32.0, 4102.9: 8.0, 4341.7: 14.0, 4862.7: 46.0, 5877.2: 6.0, 6564.6: 190.0,
}  # fmt: skip
"""O VI, Lyman alpha, N V, O I, Si IV, C IV, He II, C III], Mg II, H delta to H beta, He I, H alpha: wavelength and
equivalent width [Angstrom, rest frame], rounded from the composite of Vanden Berk et al. (2001, AJ 122, 549)."""
NARROW_LINES = {3426.8: 1.0, 3728.5: 1.6, 3869.9: 1.4, 4960.3: 4.4, 5008.2: 13.0, 6585.3: 3.0, 6564.6: 6.0, 6725.0: 2.0}
"""[Ne V], [O II], [Ne III], [O III], [N II], H alpha, [S II], from the same source."""
BROAD_WIDTH = (1200.0, 10000.0)
"""Full width at half maximum of broad lines, km/s."""
NARROW_WIDTH = (200.0, 1000.0)
IRON_RANGES = ((2150.0, 2650.0, 1.0), (2700.0, 3500.0, 0.5), (4430.0, 4700.0, 0.7), (5120.0, 5430.0, 0.6))
"""Ranges in Angstrom and relative strengths of the blends of Fe II (after Vestergaard & Wilkes 2001, ApJS 134, 1, and
Boroson & Green 1992, ApJS 80, 109)."""
IRON_LINES = 40
"""Number of lines in each range."""
HIGHEST_HOST_REDSHIFT = 0.8
BROAD_ABSORPTION_SHARE = 0.1
"""Share of quasars with broad absorption lines."""


def draw_quasar(rng: np.random.Generator, redshift: float, stars: StarLibrary) -> tuple[F8, F8]:
    """Draw a quasar in the rest frame, with the intergalactic gas in front of it.

    Parameters
    ----------
    rng
        Random generator for everything that varies.
    redshift
        Determines how much gas there is, and whether the host galaxy is seen.
    stars
        Stars of the host galaxy.

    Returns
    -------
    wavelength, flux : (n,) float64
        Vacuum Angstrom, and f_lambda with a mean of 1, as the spectrograph resolves it.
    """
    wavelength = spectra.log_wavelengths(FIRST, LAST)
    power = _continuum(wavelength, rng)
    flux = power * (1 + _iron(wavelength, rng) + _lines(wavelength, rng))
    flux = flux * spectra.reddening(wavelength, float(rng.exponential(0.04)))
    if redshift < HIGHEST_HOST_REDSHIFT:
        flux = _with_host(wavelength, flux, rng, stars)
    if rng.random() < BROAD_ABSORPTION_SHARE:
        flux = flux * _broad_absorption(wavelength, rng)
    return wavelength, spectra.smooth(flux * forest(wavelength, redshift, rng))


def _continuum(wavelength: F8, rng: np.random.Generator) -> F8:
    """Draw a power law that bends up near 5000 Angstrom, with the Balmer continuum."""
    slope, bend = rng.normal(-1.5, 0.45), rng.uniform(0.3, 1.8)
    x = wavelength / 5000
    power = x**slope * (1 + x**8) ** (bend / 8)
    balmer = rng.uniform(0, 0.4) * np.exp(-((BALMER_LIMIT - wavelength) / 900).clip(0))
    return np.asarray(power * (1 + balmer * expit((BALMER_LIMIT - wavelength) / 25)))


def _lines(wavelength: F8, rng: np.random.Generator) -> F8:
    """Draw broad lines, each with a narrower and a wider part, and narrow lines, relative to the continuum."""
    width = np.exp(rng.uniform(*np.log(BROAD_WIDTH))) / 2.3548 / LIGHT
    common = np.exp(rng.normal(0, 0.4))
    lines = []
    for centre, equivalent in BROAD_LINES.items():
        strength = common * equivalent * np.exp(rng.normal(0, 0.35))
        shift = rng.normal(0, 0.15) * width - (rng.exponential(0.3) * width if centre < 2000 else 0)
        for share, factor in ((0.55, 0.7), (0.45, 1.7)):
            sigma = factor * width
            lines.append((centre * (1 + shift), share * strength / (np.sqrt(2 * np.pi) * sigma * centre), sigma))
    sigma = float(np.hypot(rng.uniform(*NARROW_WIDTH) / 2.3548 / LIGHT, LSF))
    narrow = np.exp(rng.normal(-0.2, 1.0))
    for centre, equivalent in NARROW_LINES.items():
        strength = narrow * equivalent * np.exp(rng.normal(0, 0.4))
        lines.append((centre, strength / (np.sqrt(2 * np.pi) * sigma * centre), sigma))
    return spectra.emission(wavelength, lines)


def _iron(wavelength: F8, rng: np.random.Generator) -> F8:
    """Draw blends of Fe II: lines at fixed random wavelengths, about as wide as the broad lines."""
    fixed = np.random.default_rng(56)
    width = rng.uniform(1000, 4000) / LIGHT
    lines = []
    for first, last, strength in IRON_RANGES:
        heights = strength * fixed.gamma(2.0, 0.5, IRON_LINES)
        lines += [
            (centre, height, width)
            for centre, height in zip(fixed.uniform(first, last, IRON_LINES), heights, strict=True)
        ]
    blended = spectra.emission(wavelength, lines)
    return np.asarray(rng.gamma(1.5, 0.12) * blended / blended.max())


def _with_host(wavelength: F8, flux: F8, rng: np.random.Generator, stars: StarLibrary) -> F8:
    """Add the host galaxy's light, up to that of the nucleus at 5500 Angstrom."""
    host = np.interp(np.log(wavelength), *_log_wavelength(draw_galaxy(rng, stars)), left=0.0)
    ratio = np.interp(5500, wavelength, flux) / max(float(np.interp(5500, wavelength, host)), 1e-9)
    return np.asarray(flux + rng.beta(0.8, 1.6) * ratio * host)


def _log_wavelength(template: tuple[F8, F8]) -> tuple[F8, F8]:
    return np.log(template[0]), template[1]


def _broad_absorption(wavelength: F8, rng: np.random.Generator) -> F8:
    """Draw the transmission of outflowing gas, blueward of C IV, Si IV, N V and sometimes Mg II."""
    fastest = rng.uniform(0.01, 0.07)
    width, depth = rng.uniform(0.15, 0.5) * fastest, rng.uniform(0.3, 1.0)
    centres = [1549.1, 1399.8, 1240.8, *([2799.1] if rng.random() < 0.2 else [])]
    opacity = spectra.emission(wavelength, [(centre * (1 - fastest + 1.5 * width), 1.0, width) for centre in centres])
    return np.asarray(1 - depth * np.clip(opacity, 0, 1))


def forest(wavelength: F8, redshift: float, rng: np.random.Generator) -> F8:
    """Draw the transmission of intergalactic hydrogen: lines below Lyman alpha, and 0 far below the Lyman limit.

    The effective opacity is that of Madau (1995, ApJ 441, 18), 0.0036 (1 + z)^3.46 at the absorber, with log-normal
    scatter.
    """
    behind = wavelength < LYMAN_ALPHA * 0.995
    absorber = (1 + redshift) * wavelength / LYMAN_ALPHA
    effective = 0.0036 * np.clip(absorber, 0, None) ** 3.46
    scatter = gaussian_filter1d(rng.standard_normal(wavelength.size), 6.0)
    opacity = np.where(behind, 1.4 * effective * np.exp(scatter / scatter.std() - 0.5), 0)
    return np.asarray(np.exp(-np.where(wavelength < LYMAN_LIMIT, opacity + 2.0, opacity)))
