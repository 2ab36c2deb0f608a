"""Empirical templates of stars, and spectra made of them as the survey would have seen such stars."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d, shift

from survey_batch.errors import ConfigurationError
from survey_batch.simulate.spectra import reddening
from survey_batch.spectra.grid import STEP
from survey_batch.spectra.normalize import good_flux, row_percentiles

F8 = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Block = Mapping[str, npt.NDArray[Any]]

C_KM_S = 299792.458
SCATTER_SHARE = 0.5
"""Of the templates' own scatter, most of which is reddening and calibration, that is drawn besides both."""
SCATTER_PIXELS = 15.0
"""Standard deviation of the Gaussian along which that scatter is coherent: the width of a Balmer line."""
DUST = 0.15
"""Mean E(B-V), drawn from an exponential distribution."""
VELOCITY_KM_S = 60.0
"""Standard deviation of the radial velocities."""
RUN_PIXELS = 100.0
"""Standard deviation of the Gaussian that tells the run of an observed spectrum, to which its noise is relative."""
LARGEST_NOISE = 2.0
"""Noise of a pixel over the spectrum's run."""


@dataclass(frozen=True)
class Templates:
    """Spectra of stars at rest, on one grid.

    Parameters
    ----------
    wavelength
        Vacuum Angstrom on the log grid, (m,).
    flux, scatter
        (template, m): f_lambda with a median of 1, and its standard deviation among the stars of a template.
    spectral_type
        Such as `G5`, (template,).
    """

    wavelength: F8
    flux: F8
    scatter: F8
    spectral_type: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.flux)

    @property
    def letter(self) -> npt.NDArray[np.str_]:
        """First letter of each template's type."""
        return np.array([name[:1] for name in self.spectral_type])

    def take(self, rows: npt.NDArray[Any]) -> "Templates":
        """Some of the templates, by index or as a mask."""
        return Templates(self.wavelength, self.flux[rows], self.scatter[rows], self.spectral_type[rows])


def read_templates(path: str, wavelength: F8) -> Templates:
    """Read PyHammer's templates (Kesseli et al. 2017, ApJS 230, 16) as binned to steps of 1e-4 dex.

    Parameters
    ----------
    path
        FITS file with tables `TEMPLATES` (`spectral_type`, `flux`, and `std` if there is one) and `WAVELENGTH`
        (Angstrom, vacuum).
    wavelength
        Grid to put them on [Angstrom], (m,).

    Raises
    ------
    ConfigurationError
        The file cannot be read or has no such tables.
    """
    from astropy.io import fits

    try:
        with fits.open(path, memmap=False) as file:
            table, grid = file["TEMPLATES"].data, np.asarray(file["WAVELENGTH"].data["wavelength"], np.float64)
            names = np.array([str(name).strip() for name in table["spectral_type"]])
            flux = _onto(wavelength, grid, table["flux"])
            scatter = _onto(wavelength, grid, table["std"]) if "std" in table.names else np.zeros(flux.shape)
    except (OSError, KeyError) as error:
        raise ConfigurationError(
            f"train.templates: {path} is not a PyHammer template file (tables TEMPLATES, WAVELENGTH): {error}"
        ) from error
    level = np.median(flux, axis=1, keepdims=True)
    return Templates(wavelength, flux / level, scatter / level, names)


def _onto(wavelength: F8, grid: F8, rows: npt.NDArray[Any]) -> F8:
    return np.array([np.interp(np.log10(wavelength), np.log10(grid), np.asarray(row, np.float64)) for row in rows])


def observed(templates: Templates, chosen: Index, noise: Block, seed: int) -> dict[str, npt.NDArray[Any]]:
    """Spectra of stars like the templates, as the survey would have seen them.

    Each has scatter of the template's size, is reddened and moved by a radial velocity, and has the mask and the
    relative noise of one of the survey's own spectra, drawn anew.

    Parameters
    ----------
    templates
        What to see.
    chosen
        Template of each spectrum, (object,).
    noise
        `flux`, `ivar` and `mask` of real spectra on the same grid, (any, m): of training rows alone.
    seed
        Of all that is drawn.

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
    """Each row moved by a radial velocity of its own, by fractions of a pixel."""
    pixels = random.normal(0, VELOCITY_KM_S / (C_KM_S * STEP * np.log(10)), len(flux))
    return np.array([shift(row, by, order=1, mode="nearest") for row, by in zip(flux, pixels, strict=True)])


def relative_noise(block: Block, rows: Index) -> tuple[F8, npt.NDArray[np.int32]]:
    """Noise of some rows over the run of their flux, and their masks, (row, m) each.

    Pixels without a known noise are masked; their noise is 1.
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
