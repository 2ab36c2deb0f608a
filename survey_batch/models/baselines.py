"""Baselines for classifiers of spectra: a chi-square fit of templates, and a support vector machine on components."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.polynomial.legendre import legvander
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import SVC

from survey_batch.core.arrays import F8, Index, Variables
from survey_batch.core.errors import ConfigurationError
from survey_batch.spectra.normalize import good_flux, normalize, row_percentiles
from survey_batch.spectra.templates import read_templates

DEGREE = 0
"""Degree of the polynomial in the fit; higher degrees absorb reddening, but get fewer types right."""
SHIFTS = tuple(range(-6, 7, 2))
"""Radial velocities tried, in pixels of 69 km/s."""
CALIBRATION_ERROR = 0.02
"""Relative error added to the photon error; otherwise calibration errors would decide for the brightest spectra."""
ROWS_AT_ONCE = 256
PENALTY = 10.0
"""Penalty C of `ComponentsSVM`."""
SPECTRUM = ("flux", "ivar", "mask")


@dataclass(frozen=True)
class TemplateFit:
    """Chi-square fit of empirical templates, each multiplied by a low polynomial and shifted in velocity.

    Parameters
    ----------
    flux
        (template, wavelength) on the grid of the spectra.
    number
        Class of each template.
    """

    flux: F8
    number: Index

    @classmethod
    def read(cls, path: str, wavelength: F8, classes: tuple[str, ...]) -> "TemplateFit":
        """Read PyHammer's templates (`templates.read_templates`) of the classes.

        Templates of other letters are left out; a class without templates is never predicted.
        """
        templates = read_templates(path, wavelength)
        templates = templates.take(np.isin(templates.letter, classes))
        number = np.array([classes.index(letter) for letter in templates.letter], dtype=np.intp)
        return cls(templates.flux, number)

    def predict(self, block: Variables) -> Index:
        """Predict the class of the best template for each row of `flux`, `ivar`, `mask` (object, wavelength)."""
        starts = range(0, len(block["flux"]), ROWS_AT_ONCE)
        parts = ({name: block[name][start : start + ROWS_AT_ONCE] for name in SPECTRUM} for start in starts)
        best = [self._chi_square(part) for part in parts]
        return np.asarray(self.number[np.concatenate(best).argmin(axis=1)])

    def _chi_square(self, block: Variables) -> F8:
        """Compute the least chi-square over the shifts, (object, template), minus the part common to all templates."""
        flux = good_flux(block["flux"], block["ivar"], block["mask"])
        weight, flux = _weights(flux, np.asarray(block["ivar"], np.float64))
        least = np.full((len(flux), len(self.flux)), np.inf)
        basis: F8 = np.asarray(legvander(np.linspace(-1, 1, flux.shape[1]), DEGREE), np.float64)
        for shift in SHIFTS:
            models = np.roll(self.flux, shift, axis=1)
            least = np.minimum(least, _fit_quality(flux, weight, models, basis))
        return least


def _weights(flux: F8, ivar: F8) -> tuple[F8, F8]:
    """Compute inverse variance including the calibration error, and flux, in units of each row's median flux."""
    known = np.isfinite(flux)
    level = np.abs(row_percentiles(flux, 50)[0])
    level = np.where(level > 0, level, 1.0)
    scaled = np.where(known, flux / level, 0)
    photons = np.where(known, ivar * level**2, 0)
    return photons / (1 + photons * (CALIBRATION_ERROR * np.maximum(np.abs(scaled), 0.1)) ** 2), scaled


def _fit_quality(flux: F8, weight: F8, models: F8, basis: F8) -> F8:
    """Compute the chi-square of fitting model x polynomial, minus the spectrum's own sum of squares: -b A^-1 b."""
    terms = basis.shape[1]
    moment = np.stack([(flux * weight * column) @ models.T for column in basis.T], axis=-1)
    normal = np.empty((*moment.shape, terms))
    squares = (models**2).T
    for i in range(terms):
        for j in range(i, terms):
            normal[..., i, j] = normal[..., j, i] = (weight * basis[:, i] * basis[:, j]) @ squares
    # The ridge makes rows without good pixels solvable.
    ridge = 1e-9 * (1 + np.trace(normal, axis1=-2, axis2=-1))[..., None, None] * np.eye(terms)
    solution = np.linalg.solve(normal + ridge, moment[..., None])[..., 0]
    return np.asarray(-np.sum(solution * moment, axis=-1))


class ComponentsSVM:
    """Principal components of continuum-normalised flux and a support vector machine with an RBF kernel."""

    def __init__(self, components: int = 40) -> None:
        self.components = components
        self.pipeline: Pipeline | None = None

    def fit(self, block: Variables, number: Index) -> "ComponentsSVM":
        """Fit components and machine to the training rows."""
        values = continuum_normalised(block)
        components = min(self.components, *values.shape)
        machine = SVC(C=PENALTY, gamma="scale")
        self.pipeline = make_pipeline(PCA(components, random_state=0), machine).fit(values, number)
        return self

    def predict(self, block: Variables) -> Index:
        """Predict the class of each row; call `fit` first."""
        if self.pipeline is None:
            raise ConfigurationError("ComponentsSVM.predict before fit")
        return np.asarray(self.pipeline.predict(continuum_normalised(block)), dtype=np.intp)


def continuum_normalised(block: Variables) -> npt.NDArray[Any]:
    """Divide flux by its continuum, clipped to 0 to 2.5; 1 where there is no value."""
    normal = normalize(block["flux"], block["ivar"], block["mask"], "continuum")
    return np.clip(np.nan_to_num(normal, nan=1.0), 0, 2.5)
