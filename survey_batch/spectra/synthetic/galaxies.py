"""Spectra of galaxies: stars of several ages with their motions, dust, and the emission lines of gas.

No two are alike. Ranges are wide on purpose: a real galaxy should resemble one of the drawn ones, not their mean.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from survey_batch.core.arrays import F8
from survey_batch.spectra.synthetic import spectra
from survey_batch.spectra.synthetic.star_library import StarLibrary

LIGHT = 299792.458
"""Speed of light, km/s."""
LSF = spectra.LSF_SIGMA * spectra.STEP * np.log(10)
"""Relative width (sigma) of the spectrograph's line spread function."""

PASSIVE_SHARE = 0.45
"""Share of galaxies without young stars."""
OLD, MIDDLE, YOUNG = (3600.0, 5600.0), (5600.0, 7500.0), (7500.0, 25000.0)
"""Effective temperatures, in Kelvin, of the stars that dominate the light of populations older than about 5 Gyr, of 1
to 5 Gyr and younger than 1 Gyr."""
STARS_OF_EACH = (5, 3, 3)
DISPERSION = (50.0, 380.0)
"""Velocity dispersion of stars, km/s."""
GAS_WIDTH = (40.0, 250.0)
"""Velocity dispersion of gas, km/s."""
ACTIVE_SHARE = 0.25
"""Share of galaxies with an active nucleus of narrow lines."""
WING_WIDTH = (250.0, 800.0)
"""Velocity dispersion of outflowing gas, km/s, which gives lines their wings, mostly in active nuclei."""
LEVEL_RANGE = (5300.0, 5700.0)
"""Range in Angstrom in which the light of the populations is compared."""

H_ALPHA, H_BETA, H_GAMMA, H_DELTA = spectra.BALMER[:4]
OXYGEN_3, OXYGEN_2, NITROGEN_2, SULPHUR_2 = (
    (4960.30, 5008.24),
    (3727.09, 3729.88),
    (6549.85, 6585.28),
    (6718.29, 6732.67),
)
"""Vacuum wavelengths of forbidden lines (SDSS, table of spectral lines)."""


def draw_galaxy(rng: np.random.Generator, stars: StarLibrary) -> tuple[F8, F8]:
    """Draw a galaxy in the rest frame.

    Returns
    -------
    wavelength, flux : (n,) float64
        Vacuum Angstrom, and f_lambda with a mean of 1, as the spectrograph resolves it.
    """
    passive = rng.random() < PASSIVE_SHARE
    wavelength = stars.wavelength
    flux = broadened(_stars(stars, _shares(passive, rng), rng), float(rng.uniform(*DISPERSION)))
    strength = _h_alpha_width(passive, rng)
    flux = flux + _gas(wavelength, flux, strength, rng)
    return wavelength, spectra.normalized(flux * spectra.reddening(wavelength, float(rng.gamma(1.2, 0.12))))


def broadened(flux: F8, dispersion: float) -> F8:
    """Broaden flux on the templates' grid by the line-of-sight velocities of stars (dispersion in km/s)."""
    return np.asarray(gaussian_filter1d(flux, dispersion / LIGHT / np.log(10) / spectra.STEP))


def _shares(passive: bool, rng: np.random.Generator) -> F8:
    """Draw the shares of old, middle-aged and young light in V."""
    return rng.dirichlet((12, 1.0, 0.15) if passive else (3, 2, 2.5))


def _stars(stars: StarLibrary, shares: F8, rng: np.random.Generator) -> F8:
    """Draw the light of the stars, with a mean of 1 in V."""
    total = np.zeros(stars.wavelength.size)
    level = slice(*np.searchsorted(stars.wavelength, LEVEL_RANGE))
    for share, count, (low, high) in zip(shares, STARS_OF_EACH, (OLD, MIDDLE, YOUNG), strict=True):
        for part in rng.dirichlet(np.ones(count)) * share:
            flux = stars.flux[stars.draw(low, high, rng)].astype(np.float64)
            total += part * flux / flux[level].mean()
    return total


def _h_alpha_width(passive: bool, rng: np.random.Generator) -> float:
    """Draw the equivalent width of H alpha in emission [Angstrom]."""
    if passive:
        return float(rng.exponential(0.8))
    return float(min(np.exp(rng.normal(np.log(25), 1.1)), 800))


def _gas(wavelength: F8, stars: F8, h_alpha: float, rng: np.random.Generator) -> F8:
    """Draw the gas emission, with an equivalent width of H alpha of `h_alpha` Angstrom on the stars' light."""
    active = rng.random() < ACTIVE_SHARE
    flux = h_alpha * float(np.interp(H_ALPHA, wavelength, stars))
    wings = rng.uniform(0, 0.5) if active else rng.uniform(0, 0.1)
    parts = ((1 - wings, rng.uniform(*GAS_WIDTH)), (wings, rng.uniform(*WING_WIDTH)))
    lines = []
    for centre, share in _line_fluxes(active, rng).items():
        for part, velocity in parts:
            sigma = float(np.hypot(velocity / LIGHT, LSF))
            lines.append((centre, part * share * flux / (np.sqrt(2 * np.pi) * sigma * centre), sigma))
    return spectra.emission(wavelength, lines)


def _line_fluxes(active: bool, rng: np.random.Generator) -> dict[float, float]:
    """Draw line fluxes relative to H alpha, without dust.

    Balmer decrements are those of case B at 10^4 K (Osterbrock & Ferland 2006). [O III] and [N II] are anticorrelated
    as in star-forming galaxies (Baldwin, Phillips & Terlevich 1981, PASP 93, 5); active nuclei have both.
    """
    beta = 1 / 2.86
    nitrogen = 10 ** rng.uniform(-1.4, -0.3)
    oxygen = 10 ** (rng.normal(0.1, 0.3) - 0.9 * (np.log10(nitrogen) + 0.8))
    if active:
        nitrogen, oxygen = 10 ** rng.uniform(-0.3, 0.4), 10 ** rng.uniform(0.0, 1.1)
    sulphur, doublet = 10 ** rng.uniform(-1.0, -0.4), 10 ** rng.uniform(-0.1, 0.8)
    return {
        **dict(zip((H_ALPHA, H_BETA, H_GAMMA, H_DELTA), (1, beta, 0.468 * beta, 0.259 * beta), strict=True)),
        **dict(zip(NITROGEN_2, (0.33 * nitrogen, nitrogen), strict=True)),
        **dict(zip(OXYGEN_3, (0.336 * oxygen * beta, oxygen * beta), strict=True)),
        **dict(zip(OXYGEN_2, (0.5 * doublet * beta, 0.5 * doublet * beta), strict=True)),
        **dict(zip(SULPHUR_2, (0.6 * sulphur, 0.45 * sulphur), strict=True)),
        6302.05: 0.1 * sulphur,
        3869.86: 0.3 * oxygen * beta,
    }
