"""Targets of a simulated spectroscopic survey: classes, spectra, dates and fibres."""

from dataclasses import dataclass

import numpy as np

from survey_batch.core.arrays import F8
from survey_batch.spectra.synthetic import spectra
from survey_batch.spectra.synthetic.galaxies import LIGHT, draw_galaxy
from survey_batch.spectra.synthetic.quasars import draw_quasar
from survey_batch.spectra.synthetic.star_library import StarLibrary, drawn_stars

CLASS_SHARES = {
    "A": 0.12,
    "F": 0.20,
    "G": 0.24,
    "K": 0.15,
    "M": 0.08,
    "GALAXY": 0.12,
    "QSO": 0.08,
    "Unknown": 0.01,
}
"""Shares as in LAMOST, but with far more of the rare classes."""
LAST_SUBTYPE = {"A": 9, "F": 9, "G": 9, "K": 7, "M": 5}
LOWEST_SNR, HIGHEST_SNR = 5.0, 100.0
"""The same for all classes; otherwise a classifier would learn that faint objects are galaxies."""
TARGETS_PER_PLAN = 100
STAR_VELOCITY = 60.0
"""Standard deviation of stars' radial velocities, km/s."""


@dataclass(frozen=True)
class Target:
    """One object, and its observation."""

    number: int
    """Number of the target within the survey, from 0."""
    kind: str
    """A key of `CLASS_SHARES`."""
    class_: str
    subclass: str
    redshift: float
    """-9999 if unknown."""
    snr: float
    """Signal to noise wanted in r."""
    ra: float
    dec: float
    lmjd: int
    planid: str
    spid: int
    fiberid: int
    obsdate: str
    """Middle of the observation, UTC."""

    @property
    def obsid(self) -> int:
        """Plan, spectrograph and fibre in one number, as in LAMOST."""
        return (1001 + self.number // TARGETS_PER_PLAN) * 100000 + self.spid * 1000 + self.fiberid


def draw_target(number: int, seed: int) -> tuple[Target, np.random.Generator]:
    """Draw a target, which depends only on its number and the seed; the generator then serves for its spectrum."""
    rng = np.random.default_rng([seed, number])
    plan, index = divmod(number, TARGETS_PER_PLAN)
    kind = str(rng.choice(list(CLASS_SHARES), p=list(CLASS_SHARES.values())))
    subclass, redshift = _type_and_redshift(kind, rng)
    low, high = (1.0, 2.5) if kind == "Unknown" else (LOWEST_SNR, HIGHEST_SNR)
    day = 56200 + plan
    # 2012-09-30 is MJD 56200.
    date = str(np.datetime64("2012-09-30") + np.timedelta64(plan, "D"))
    target = Target(
        number=number,
        kind=kind,
        class_="STAR" if kind in spectra.LETTERS else kind,
        subclass=subclass,
        redshift=redshift,
        snr=float(np.exp(rng.uniform(np.log(low), np.log(high)))),
        ra=round((20 + 3 * plan) % 360 + float(rng.uniform(-1.5, 1.5)), 6) % 360,
        dec=round(30 + float(rng.uniform(-1.5, 1.5)), 6),
        lmjd=day + 1,
        planid=f"SIM{plan:04d}",
        spid=1 + index % 16,
        fiberid=1 + 15 * (index // 16) + plan % 15,
        obsdate=f"{date}T14:00:00",
    )
    return target, rng


def _type_and_redshift(kind: str, rng: np.random.Generator) -> tuple[str, float]:
    """Draw a subclass, written as in LAMOST, and a redshift."""
    if kind in spectra.LETTERS:
        digit = int(rng.integers(LAST_SUBTYPE[kind] + 1))
        return f"{kind}{digit}{'V' if kind == 'A' else ''}", round(star_redshift(rng), 8)
    if kind == "GALAXY":
        return "Non", round(galaxy_redshift(rng), 6)
    if kind == "QSO":
        return "Non", round(quasar_redshift(rng), 6)
    return "Non", -9999.0


def star_redshift(rng: np.random.Generator) -> float:
    """Draw a star's radial velocity in units of the speed of light."""
    return float(rng.normal(0, STAR_VELOCITY)) / LIGHT


def galaxy_redshift(rng: np.random.Generator) -> float:
    """Draw a galaxy's redshift: most are near 0.1, as in a magnitude-limited survey, some up to 0.6."""
    near = rng.gamma(2.2, 0.05)
    return float(np.clip(near if rng.random() < 0.8 else rng.uniform(0, 0.6), 0.003, 0.6))


def quasar_redshift(rng: np.random.Generator) -> float:
    """Draw a quasar's redshift, 0.03 to 4."""
    return float(rng.uniform(0.03, 1.0) if rng.random() < 0.35 else rng.uniform(1.0, 4.0))


def spectrum_of(target: Target, wavelength: F8, rng: np.random.Generator) -> F8:
    """Draw a target's flux at observed wavelengths, reddened by up to half a magnitude of E(B-V)."""
    redshift = target.redshift if target.redshift > -1 else 0.1
    if (subtype := _subtype(target)) is not None:
        template = spectra.star(subtype)
    else:
        template = draw_other(target.kind, redshift, rng, drawn_stars())
    dust = spectra.reddening(wavelength, min(float(rng.exponential(0.08)), 0.5))
    return np.asarray(spectra.observe(template, wavelength, redshift) * dust)


def effective_temperature(target: Target) -> float | None:
    """Return the temperature [K] that a star's spectrum is made with; None for all else."""
    subtype = _subtype(target)
    return None if subtype is None else spectra.temperature(subtype)


def _subtype(target: Target) -> int | None:
    """Return the subtype of a star, A0 = 0; None for all else."""
    known = target.kind in spectra.LETTERS
    return 10 * spectra.LETTERS.index(target.kind) + int(target.subclass[1]) if known else None


def draw_other(kind: str, redshift: float, rng: np.random.Generator, stars: StarLibrary) -> tuple[F8, F8]:
    """Draw the rest-frame spectrum, wavelength and flux, of a quasar (`QSO`) or otherwise a galaxy."""
    return draw_quasar(rng, redshift, stars) if kind == "QSO" else draw_galaxy(rng, stars)
