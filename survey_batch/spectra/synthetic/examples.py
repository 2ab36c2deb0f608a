"""Simulated stars, galaxies and quasars as a block of the product `spectra`, for training."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F8
from survey_batch.spectra.grid import flag
from survey_batch.spectra.synthetic import spectra
from survey_batch.spectra.synthetic.observation import Observation, observe_spectrum
from survey_batch.spectra.synthetic.star_library import StarLibrary, drawn_stars
from survey_batch.spectra.synthetic.targets import draw_other, galaxy_redshift, quasar_redshift, star_redshift

DEAD_SHARES = (0.0, 0.0, 0.04, 0.12)
"""Shares of pixels without inverse variance, which differ between releases."""
STAR_DUST, OTHER_DUST = 0.25, 0.05
"""Mean E(B-V) of the Milky Way's dust in front of stars, many of which lie in its disc, and of galaxies."""


def simulate_examples(
    counts: Mapping[str, int],
    wavelength: F8,
    *,
    seed: int,
    snr: tuple[float, float] = (2.0, 100.0),
    stars: StarLibrary | None = None,
) -> tuple[dict[str, npt.NDArray[Any]], npt.NDArray[np.str_]]:
    """Simulate observed spectra of some classes.

    Signal to noise has the same distribution for all classes, so that faintness does not reveal the class.

    Parameters
    ----------
    counts
        Number of spectra of `STAR`, `GALAXY` and `QSO`.
    wavelength
        Grid of `survey_batch.spectra.grid.log_grid`, (m,).
    seed
        Each spectrum depends only on the seed, its class and its number within its class.
    snr
        Range of the median signal to noise per pixel in r, log-uniform.
    stars
        Library for stars and galaxies; by default, stars made from formulas.

    Returns
    -------
    block : dict
        `flux`, `ivar` float32 and `mask` int32, (object, m); `redshift`, `snr` float32, (object,).
    label : (object,) str
    """
    library = stars or drawn_stars()
    label = np.repeat(list(counts), list(counts.values()))
    numbers = np.concatenate([np.arange(count) for count in counts.values()])
    block: dict[str, npt.NDArray[Any]] = {
        "flux": np.empty((len(label), wavelength.size), np.float32),
        "ivar": np.empty((len(label), wavelength.size), np.float32),
        "mask": np.empty((len(label), wavelength.size), np.int32),
        "redshift": np.empty(len(label), np.float32),
        "snr": np.empty(len(label), np.float32),
    }
    for row, (kind, number) in enumerate(zip(label, numbers, strict=True)):
        rng = np.random.default_rng([seed, *kind.encode(), int(number)])
        redshift, seen = _observed(str(kind), wavelength, library, snr, rng)
        block["flux"][row], block["ivar"][row], block["mask"][row] = seen.flux, seen.ivar, seen.and_mask
        block["redshift"][row], block["snr"][row] = redshift, seen.snr["r"]
    block["mask"] = flag(block["flux"], block["ivar"], block["mask"])
    return block, label


def _observed(
    kind: str, wavelength: F8, library: StarLibrary, snr: tuple[float, float], rng: np.random.Generator
) -> tuple[float, Observation]:
    """Draw an object and observe it; return its redshift and observation."""
    if kind == "STAR":
        redshift, template, dust = star_redshift(rng), (library.wavelength, _star(library, rng)), STAR_DUST
    else:
        redshift = quasar_redshift(rng) if kind == "QSO" else galaxy_redshift(rng)
        template, dust = draw_other(kind, redshift, rng, library), OTHER_DUST
    flux = spectra.observe(template, wavelength, redshift)
    flux = flux * spectra.reddening(wavelength, min(float(rng.exponential(dust)), 1.5))
    wanted = float(np.exp(rng.uniform(*np.log(snr))))
    return redshift, observe_spectrum(wavelength, flux, wanted, rng, dead_share=float(rng.choice(DEAD_SHARES)))


def _star(library: StarLibrary, rng: np.random.Generator) -> F8:
    """Draw the spectrum of a star; one in ten includes the light of a fainter companion."""
    flux = library.flux[library.draw_any(rng)].astype(np.float64)
    if rng.random() < 0.1:
        flux = flux + rng.uniform(0, 0.5) * library.flux[library.draw_any(rng)]
    return np.asarray(flux)
