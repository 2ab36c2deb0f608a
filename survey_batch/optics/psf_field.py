"""The wavefront error over the field of view: one polynomial of position per Zernike mode.

It is both the truth behind simulated exposures and the model that a fit to a real exposure would give. It is saved as
`psf-model.npz`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from survey_batch.core.arrays import F8
from survey_batch.core.errors import ConfigurationError
from survey_batch.optics.diffraction import Optics

FORMAT = "survey-batch psf-model 1"
FIELD_SIZE = 1000.0
"""Positions run from 0 to this value along x and y."""
DEGREE = 4
GRID = 5
"""Points on a side of the grid on which a random field is drawn."""
WAVEFRONT_UM = 0.04
"""Mean over the grid of the wavefront's root mean square [um] (0.8 of 0.05, in the published generator)."""


@dataclass(frozen=True)
class PsfField:
    """Zernike coefficients as polynomials of the position in the field.

    Attributes
    ----------
    coefficients : (mode, monomial) float64
        Coefficients [um] of the monomials x^i y^j with i + j <= degree, x and y scaled to -1 to 1.
    size : float
        Positions run from 0 to this value.
    optics : Optics
        The optics with these wavefront errors.
    exposure : str
        Name of the exposure with this field.
    """

    coefficients: F8
    size: float = FIELD_SIZE
    optics: Optics = field(default_factory=Optics)
    exposure: str = ""

    def zernikes(self, x: F8, y: F8) -> F8:
        """Return Zernike coefficients [um] at some positions, (position, mode), each computed by itself."""
        terms = monomials(2 * np.asarray(x) / self.size - 1, 2 * np.asarray(y) / self.size - 1, self._degree)
        return np.asarray(np.einsum("pm,zm->pz", terms, self.coefficients), np.float64)

    @property
    def _degree(self) -> int:
        return next(degree for degree in range(100) if (degree + 1) * (degree + 2) // 2 == self.coefficients.shape[1])

    def save(self, path: Path) -> None:
        """Write the field as `.npz`."""
        numbers = {name: getattr(self.optics, name) for name in SAMPLING}
        text = {"format": np.array(FORMAT), "exposure": np.array(self.exposure)}
        np.savez(path, coefficients=self.coefficients, size=np.array(self.size), **text, **numbers)  # type: ignore[arg-type]


SAMPLING = ("pupil_pixels", "bins", "order", "stamp", "margin")
"""Attributes of `Optics` saved with a field."""


def load_psf_field(path: str | Path) -> PsfField:
    """Read a field that `PsfField.save` wrote; nothing is unpickled.

    Raises
    ------
    ConfigurationError
        The file does not exist, or is something else.
    """
    try:
        with np.load(path, allow_pickle=False) as saved:
            if str(saved["format"]) != FORMAT:
                raise ConfigurationError(f"{path}: its format is {str(saved['format'])!r}, not {FORMAT!r}")
            optics = Optics(**{name: int(saved[name]) for name in SAMPLING})
            coefficients, size = saved["coefficients"].astype(np.float64), float(saved["size"])
            exposure = str(saved["exposure"])
    except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise ConfigurationError(
            f"{path} cannot be read as a PSF model ({error}); name a psf-model.npz written by `survey-batch "
            "simulate stamps`"
        ) from error
    modes = (optics.order + 1) * (optics.order + 2) // 2
    if coefficients.ndim != 2 or len(coefficients) != modes or not np.isfinite(coefficients).all():
        raise ConfigurationError(f"{path}: {coefficients.shape} coefficients do not fit {modes} polynomials")
    return PsfField(coefficients, size, optics, exposure)


def random_psf_field(seed: int, optics: Optics | None = None, exposure: str = "") -> PsfField:
    """Draw a field as the published generator does: polynomials through random values at jittered grid points.

    Parameters
    ----------
    seed : int
        The same seed gives the same field.
    optics : Optics, optional
    exposure : str
        The exposure's name.
    """
    optics, rng = optics or Optics(), np.random.default_rng([seed, 1])
    cell = 2 / GRID
    centres = -1 + cell * (np.arange(GRID) + 0.5)
    x, y = (
        np.clip(axis + rng.uniform(-cell / 2, cell / 2, axis.shape), -1, 1).ravel()
        for axis in np.meshgrid(centres, centres)
    )
    values = rng.standard_normal((len(optics.zernikes), GRID**2))
    terms = monomials(x, y, DEGREE)
    coefficients = (values / np.linalg.norm(values, axis=1, keepdims=True)) @ np.linalg.pinv(terms).T
    mean = np.mean(np.linalg.norm(coefficients @ terms.T, axis=0))
    return PsfField(coefficients * WAVEFRONT_UM / mean, optics=optics, exposure=exposure)


def monomials(x: F8, y: F8, degree: int) -> F8:
    """Return the terms x^i y^j with i + j <= degree, (position, monomial), by i + j and then by j."""
    return np.stack([x ** (total - j) * y**j for total in range(degree + 1) for j in range(total + 1)], axis=-1)
