"""What a fibre spectrograph makes of a spectrum: calibration, noise, inverse variance, masks and dead pixels."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

F8 = npt.NDArray[np.float64]
I4 = npt.NDArray[np.int32]

SNR_WINDOWS = {"u": (3700, 4000), "g": (4000, 5500), "r": (5600, 6900), "i": (6900, 8200), "z": (8200, 9050)}
"""Angstrom; the parts of the five bands that the spectrograph sees."""
BAD_PIXEL = 1
"""Mask bit of a bad CCD pixel (LAMOST data release documentation, ANDMASK)."""
DARK_END = 12
"""Pixels at the red end in which files have a flux of 0, and an inverse variance all the same."""


@dataclass(frozen=True)
class Observation:
    """One spectrum as it was observed; arrays are (n,)."""

    wavelength: F8
    flux: F8
    ivar: F8
    and_mask: I4
    or_mask: I4
    continuum: F8
    """The smooth part of the flux."""
    snr: dict[str, float]
    """Signal to noise per pixel in ugriz, the median over a band."""


def observe_spectrum(
    wavelength: F8, flux: F8, snr: float, rng: np.random.Generator, *, dead_share: float = 0.0
) -> Observation:
    """Observe a spectrum.

    Parameters
    ----------
    wavelength, flux
        What there is to see, (n,), vacuum Angstrom and arbitrary units.
    snr
        Signal to noise per pixel wanted in r.
    rng
        Draws calibration errors, noise and bad pixels.
    dead_share
        Share of pixels with an inverse variance of 0, mostly blue ones; old releases have many.
    """
    flux = flux * _calibration_error(wavelength, rng) * 10 ** rng.uniform(1.5, 3.5)
    noise = _noise_level(wavelength, flux, snr)
    ivar = 1 / noise**2
    or_mask = _bad_runs(wavelength.size, rng)
    and_mask = or_mask * (rng.random() < 0.5)
    dead = (and_mask != 0) | (rng.random(wavelength.size) < _dead_chance(wavelength, dead_share))
    observed = flux + noise * rng.standard_normal(wavelength.size)
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


def _calibration_error(wavelength: F8, rng: np.random.Generator) -> F8:
    """Errors of the flux calibration: a slope and a bend of some percent, and a step where the two arms meet."""
    x = (wavelength - 6400) / 2700
    slope, bend, step = rng.normal(0, (0.06, 0.04, 0.01))
    return np.asarray(np.exp(slope * x + bend * x**2) * (1 + step * (wavelength > 5900)))


def _noise_level(wavelength: F8, flux: F8, snr: float) -> F8:
    """Noise of sky and source through the instrument's throughput, scaled to the wanted signal to noise in r."""
    inside = slice(*np.searchsorted(wavelength, SNR_WINDOWS["r"]))
    middle = np.median(flux[inside])
    shape = _noise_shape(wavelength.size, round(float(wavelength[0]), 3), round(float(wavelength[-1]), 3))
    shape = shape * np.sqrt(0.35 + 0.65 * np.clip(flux / middle, 0, None))
    return np.asarray(shape * middle / (snr * np.median(shape[inside])))


@lru_cache(maxsize=32)
def _noise_shape(size: int, first: float, last: float) -> F8:
    """Noise against wavelength: the blue end, the gap between the arms, and the sky's lines."""
    wavelength = np.geomspace(first, last, size)
    blue = 6 * np.exp(-(wavelength - 3700) / 180) + 1.5 * np.exp(-(wavelength - 3700) / 900)
    gap = 0.8 * np.exp(-0.5 * ((wavelength - 5880) / 60) ** 2)
    return np.asarray(1 + blue + gap + _sky_lines(wavelength))


def _sky_lines(wavelength: F8) -> F8:
    """[O I] of the upper atmosphere, and OH lines at places drawn once and for all."""
    rng = np.random.default_rng(557)
    places = np.concatenate([[5578.9, 6302.0, 6365.5], rng.uniform(7230, 9300, 70)])
    heights = np.concatenate([[6.0, 1.5, 0.6], rng.exponential(0.9, 70) * (1 + 2 * (places[3:] > 8700))])
    offset = (wavelength[None, :] - places[:, None]) / 2.0
    return np.asarray(heights @ np.exp(-0.5 * offset**2))


def _bad_runs(size: int, rng: np.random.Generator) -> I4:
    """A run of bad pixels in every fourth spectrum."""
    mask = np.zeros(size, np.int32)
    if rng.random() < 0.25:
        begin = int(rng.integers(size - 60))
        mask[begin : begin + int(rng.integers(3, 60))] = BAD_PIXEL
    return mask


def _dead_chance(wavelength: F8, share: float) -> F8:
    """Chance of an inverse variance of 0, several times larger at the blue end; `share` in the mean."""
    weight = 0.3 + 6 * np.exp(-(wavelength - 3700) / 400)
    return np.asarray(share * weight / weight.mean())
