"""Empirical templates of stars."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from survey_batch.core.arrays import F8
from survey_batch.core.errors import ConfigurationError


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
        For example `G5`, (template,).
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
        """Select templates by index or mask."""
        return Templates(self.wavelength, self.flux[rows], self.scatter[rows], self.spectral_type[rows])


def read_templates(path: str, wavelength: F8) -> Templates:
    """Read PyHammer's templates (Kesseli et al. 2017, ApJS 230, 16), binned to steps of 1e-4 dex.

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
