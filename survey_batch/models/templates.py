"""Spectra made from empirical templates, as the survey would have seen such stars."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d, shift

from survey_batch.core.arrays import F8, Index, Variables
from survey_batch.spectra.grid import STEP
from survey_batch.spectra.normalize import good_flux, row_percentiles
from survey_batch.spectra.synthetic.spectra import reddening
from survey_batch.spectra.templates import Templates

C_KM_S = 299792.458
SCATTER_SHARE = 0.5
"""Share of the templates' own scatter drawn in addition to reddening; most of it is reddening and calibration."""
SCATTER_PIXELS = 100.0
"""Standard deviation of the Gaussian over which the scatter is coherent. It is far wider than a line, because reddening
and calibration are smooth; scatter as narrow as a line would imitate helium."""
DUST = 0.15
"""Mean E(B-V), drawn from an exponential distribution."""
VELOCITY_KM_S = 60.0
"""Standard deviation of the radial velocities."""
RUN_PIXELS = 100.0
"""Standard deviation of the Gaussian that smooths an observed spectrum; its noise is relative to the smoothed flux."""
LARGEST_NOISE = 2.0
"""Largest noise of a pixel, relative to the smoothed flux."""


def observed(templates: Templates, chosen: Index, noise: Variables, seed: int) -> dict[str, npt.NDArray[Any]]:
    """Simulate spectra of stars like the templates, as the survey would have seen them.

    Each spectrum gets scatter from that of its template, is reddened and shifted by a radial velocity, and takes the
    mask and relative noise level of a random spectrum of the survey, with new noise.

    Parameters
    ----------
    templates
        Templates to simulate.
    chosen
        Template of each spectrum, (object,).
    noise
        `flux`, `ivar` and `mask` of real spectra on the same grid, (any, m); training rows only.
    seed
        Seed of all random draws.

    Returns
    -------
    dict
        `flux`, `ivar` float32 and `mask` int32, (object, m).
    """
    random = np.random.default_rng([seed, 1])
    field = gaussian_filter1d(random.normal(size=(len(chosen), templates.wavelength.size)), SCATTER_PIXELS, axis=1)
    field *= np.sqrt(2 * np.sqrt(np.pi) * SCATTER_PIXELS)  # unit variance again
    flux = templates.flux[chosen] + SCATTER_SHARE * field * templates.scatter[chosen]
    dust = np.minimum(random.exponential(DUST, size=len(chosen)), 1.0)
    through = np.stack([reddening(templates.wavelength, float(one)) for one in dust])
    flux = _moved(np.maximum(flux, 0.02) * through, random)
    error, mask = relative_noise(noise, random.integers(0, len(noise["flux"]), len(chosen)))
    sigma = error * np.maximum(flux, 0.02)
    seen = flux + sigma * random.normal(size=flux.shape)
    return {
        "flux": seen.astype(np.float32),
        "ivar": np.where(mask == 0, sigma**-2.0, 0).astype(np.float32),
        "mask": mask,
    }


def _moved(flux: F8, random: np.random.Generator) -> F8:
    """Shift each row by its own radial velocity, by fractions of a pixel."""
    pixels = random.normal(0, VELOCITY_KM_S / (C_KM_S * STEP * np.log(10)), len(flux))
    return np.array([shift(row, by, order=1, mode="nearest") for row, by in zip(flux, pixels, strict=True)])


def relative_noise(block: Variables, rows: Index) -> tuple[F8, npt.NDArray[np.int32]]:
    """Compute the noise of some rows relative to their smoothed flux, and their masks, (row, m) each.

    Pixels with unknown noise are masked; their noise is 1.
    """
    flux, ivar, mask = (block[name][rows] for name in ("flux", "ivar", "mask"))
    values = good_flux(flux, ivar, mask)
    known = np.isfinite(values)
    weight = np.maximum(gaussian_filter1d(known.astype(np.float64), RUN_PIXELS, axis=1), 1e-9)
    run = gaussian_filter1d(np.where(known, values, 0), RUN_PIXELS, axis=1) / weight
    (level,) = row_percentiles(values, 50)
    run = np.maximum(run, 0.05 * np.where(level > 0, level, 1.0))
    sigma = 1 / np.sqrt(np.where(known, ivar, 1.0)) / run
    bad = np.where(known, mask, np.maximum(mask, 1)).astype(np.int32)
    return np.where(known, np.clip(sigma, 1e-4, LARGEST_NOISE), 1.0), bad
