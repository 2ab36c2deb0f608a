"""Observation of a spectrum by a fibre spectrograph: calibration, noise, inverse variance, masks and dead pixels."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from survey_batch.core.arrays import F8, I4

SNR_WINDOWS = {"u": (3700, 4000), "g": (4000, 5500), "r": (5600, 6900), "i": (6900, 8200), "z": (8200, 9050)}
"""Parts of the five bands that the spectrograph sees, in Angstrom."""
BAD_PIXEL = 1
"""Mask bit of a bad CCD pixel (LAMOST data release documentation, ANDMASK)."""
ARMS_MEET = 5850.0
"""Wavelength in Angstrom at which the blue and red arms of a spectrograph meet."""
OXYGEN_BANDS = ((6868.0, 6945.0), (7594.0, 7700.0))
"""The B and A bands of the atmosphere's oxygen, in Angstrom."""
DARK_END = 12
"""Pixels at the red end in which files have a flux of 0 but still an inverse variance."""


@dataclass(frozen=True)
class Observation:
    """One observed spectrum; arrays are (n,)."""

    wavelength: F8
    flux: F8
    ivar: F8
    and_mask: I4
    or_mask: I4
    continuum: F8
    """The smooth part of the flux."""
    snr: dict[str, float]
    """Median signal to noise per pixel in each of the bands ugriz."""


def observe_spectrum(
    wavelength: F8, flux: F8, snr: float, rng: np.random.Generator, *, dead_share: float = 0.0
) -> Observation:
    """Observe a spectrum.

    Parameters
    ----------
    wavelength, flux
        True spectrum, (n,), in vacuum Angstrom and arbitrary units.
    snr
        Wanted signal to noise per pixel in r.
    rng
        Random generator for calibration errors, noise and bad pixels.
    dead_share
        Share of single pixels with an inverse variance of 0, mostly blue ones; old releases have many, and also whole
        ranges.
    """
    flux = flux * _calibration_error(wavelength, snr, rng) * 10 ** rng.uniform(1.5, 3.5)
    noise = _noise_level(wavelength, flux, snr, rng)
    flux = flux + noise * _sky_residual(wavelength, rng)
    ivar = 1 / noise**2
    or_mask = _bad_runs(wavelength.size, rng)
    and_mask = or_mask * (rng.random() < 0.5)
    dead = (and_mask != 0) | (rng.random(wavelength.size) < _dead_chance(wavelength, dead_share))
    if dead_share:
        dead = dead | _dead_ranges(wavelength, rng)
    observed = flux + noise * (rng.standard_normal(wavelength.size) + _cosmic_rays(wavelength.size, rng))
    observed[-DARK_END:] = 0
    ratio = flux / noise
    return Observation(
        wavelength=wavelength,
        flux=observed,
        ivar=np.where(dead, 0, ivar),
        and_mask=and_mask,
        or_mask=or_mask,
        continuum=np.polynomial.Chebyshev.fit(wavelength, flux, 5)(wavelength),
        snr={band: _median_in(wavelength, ratio, window) for band, window in SNR_WINDOWS.items()},
    )


def _median_in(wavelength: F8, values: F8, window: tuple[float, float]) -> float:
    inside = slice(*np.searchsorted(wavelength, window))
    return round(float(np.median(values[inside])), 2)


def _calibration_error(wavelength: F8, snr: float, rng: np.random.Generator) -> F8:
    """Draw errors of the flux calibration: slope and bend, the match of the arms, and the atmosphere's oxygen.

    They are a few percent in bright objects. In faint objects with residual sky, one arm can be twice as bright as the
    other and bend up or down where they meet. The tails are wide on purpose.
    """
    x = (wavelength - 6400) / 2700
    slope, bend = rng.normal(0, (0.12, 0.06))
    size = 0.01 + 0.5 / snr
    step, blue, red = np.clip(size * rng.standard_t(2, 3), -1, 1)
    blend = expit((wavelength - ARMS_MEET) / 30)
    ends = blue * (1 - blend) * _fade(ARMS_MEET - wavelength, rng) + red * blend * _fade(wavelength - ARMS_MEET, rng)
    oxygen = 1 - np.sum([rng.normal(0, 0.04) * _window(wavelength, band) for band in OXYGEN_BANDS], axis=0)
    return np.asarray(np.exp(slope * x + bend * x**2 + step * blend + ends) * oxygen)


def _fade(distance: F8, rng: np.random.Generator) -> F8:
    """Return a factor that falls from 1 where the arms meet to 0 some 50 to 250 Angstrom away."""
    return np.asarray(np.exp(-0.5 * (distance / rng.uniform(50, 250)) ** 2))


def _window(wavelength: F8, band: tuple[float, float]) -> F8:
    """Return 1 in a band with soft edges, 0 outside."""
    low, high = band
    return np.asarray(expit((wavelength - low) / 4) * expit((high - wavelength) / 4))


def _sky_residual(wavelength: F8, rng: np.random.Generator) -> F8:
    """Draw under- or oversubtracted sky, in units of the noise: a level per arm, worse where the arms meet."""
    blue, red, middle, end = rng.standard_t(3, 4) * (0.25, 0.15, 0.6, 1.0)
    level = np.where(wavelength < ARMS_MEET, blue, red)
    level = level + middle * _fade(np.abs(wavelength - ARMS_MEET + 50), rng)
    return np.asarray(np.clip(level + end * expit((wavelength - 9010) / 10), -5, 5))


def _cosmic_rays(size: int, rng: np.random.Generator) -> F8:
    """Draw spikes of a few pixels, in units of the noise."""
    spikes = np.zeros(size)
    for pixel in rng.integers(0, size - 3, rng.poisson(0.8)):
        spikes[pixel : pixel + 3] += rng.exponential(15) * np.array([0.5, 1.0, 0.5])
    return spikes


def _noise_level(wavelength: F8, flux: F8, snr: float, rng: np.random.Generator) -> F8:
    """Return the noise of sky and source through the instrument's throughput, scaled to the wanted S/N in r.

    How much worse the blue arm is varies between spectrographs and nights.
    """
    inside = slice(*np.searchsorted(wavelength, SNR_WINDOWS["r"]))
    middle = np.median(flux[inside])
    shape = _noise_shape(wavelength.size, round(float(wavelength[0]), 3), round(float(wavelength[-1]), 3))
    shape = shape * np.sqrt(0.35 + 0.65 * np.clip(flux / middle, 0, None))
    shape = shape * np.exp(rng.normal(0.15, 0.3) * np.clip((ARMS_MEET - wavelength) / 1000, 0, 2))
    return np.asarray(shape * middle / (snr * np.median(shape[inside])))


@lru_cache(maxsize=32)
def _noise_shape(size: int, first: float, last: float) -> F8:
    """Return the noise against wavelength: the blue end, the gap between the arms, and the sky's lines."""
    wavelength = np.geomspace(first, last, size)
    blue = 6 * np.exp(-(wavelength - 3700) / 180) + 1.5 * np.exp(-(wavelength - 3700) / 900)
    gap = 0.8 * np.exp(-0.5 * ((wavelength - 5880) / 60) ** 2)
    return np.asarray(1 + blue + gap + _sky_lines(wavelength))


def _sky_lines(wavelength: F8) -> F8:
    """Return [O I] of the upper atmosphere, and OH lines at fixed random wavelengths."""
    rng = np.random.default_rng(557)
    centres = np.concatenate([[5578.9, 6302.0, 6365.5], rng.uniform(7230, 9300, 70)])
    heights = np.concatenate([[6.0, 1.5, 0.6], rng.exponential(0.9, 70) * (1 + 2 * (centres[3:] > 8700))])
    offset = (wavelength[None, :] - centres[:, None]) / 2.0
    return np.asarray(heights @ np.exp(-0.5 * offset**2))


def _bad_runs(size: int, rng: np.random.Generator) -> I4:
    """Draw a run of bad pixels in one of four spectra."""
    mask = np.zeros(size, np.int32)
    if rng.random() < 0.25:
        begin = int(rng.integers(size - 60))
        mask[begin : begin + int(rng.integers(3, 60))] = BAD_PIXEL
    return mask


def _dead_chance(wavelength: F8, share: float) -> F8:
    """Return the chance of an inverse variance of 0: on average `share`, several times larger at the blue end."""
    weight = 0.3 + 6 * np.exp(-(wavelength - 3700) / 400)
    return np.asarray(share * weight / weight.mean())


def _dead_ranges(wavelength: F8, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Draw ranges that old releases often lack: the blue end, where the arms meet, and the A band of oxygen."""
    blue_end, last = rng.uniform(3700, 4350), rng.uniform(5650, 5920)
    ranges = ((0.0, blue_end), (5580.0, last), (7575.0, 7690.0))
    chosen = rng.random(3) < (0.4, 0.25, 0.25)
    inside = [(low <= wavelength) & (wavelength < high) for low, high in ranges]
    return np.asarray(np.any([part & on for part, on in zip(inside, chosen, strict=True)], axis=0))
