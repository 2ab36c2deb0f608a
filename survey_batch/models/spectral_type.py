"""Spectral type of a low-resolution spectrum: A, F, G, K, M or non-stellar."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from survey_batch.catalog.labels import SPECTRAL_TYPES
from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.core.arrays import F4, Variables
from survey_batch.models.classes import class_numbers
from survey_batch.models.ensemble import EnsembleClassifier
from survey_batch.models.helium import HeliumRule
from survey_batch.models.labelled import Labelled
from survey_batch.models.preprocessing import STEPS, Steps, good_share, relative_bins, step
from survey_batch.models.recipe import Grid, Recipe

if TYPE_CHECKING:
    from survey_batch.models.fitting import Fit, Predict

CLASSES = SPECTRAL_TYPES
VARIABLES = ("flux", "ivar", "mask")
MACHINE_ROWS = 5000
"""Most training spectra of the support vector machine, whose time grows with the square of their number."""


def recipe_for(grid: Grid) -> Recipe:
    """Make the recipe of this family on a wavelength grid.

    Redshift and S/N are not inputs, because they come from the archive's pipeline, as the labels do.
    """
    return Recipe(
        product="spectra",
        variables=VARIABLES,
        units={"flux": "relative", "ivar": "relative", "mask": "1"},
        shape=(grid.count,),
        grid=grid,
        steps=STEPS,
    )


class SpectralTypeClassifier(HeliumRule, EnsembleClassifier[SpectralTypeTraining]):
    """An ensemble of small networks on relative line strengths.

    A spectrum with less than `least_good_share` (0.3) of good pixels is not classified: its probabilities are NaN.
    """

    kind: ClassVar[str] = "spectral-type"
    variant: ClassVar[str] = "lines"
    product: ClassVar[str] = "spectra"
    variables: ClassVar[tuple[str, ...]] = VARIABLES
    only_classes: ClassVar[tuple[str, ...] | None] = CLASSES
    why_not: ClassVar[str] = "too few good pixels to be classified"
    default_step: ClassVar[bool] = True

    @classmethod
    @override
    def recipe_of(cls, data: Labelled, section: SpectralTypeTraining) -> Recipe:
        """Make the recipe on the product's grid."""
        return recipe_for(Grid.of(data.coordinates["wavelength"]))

    @classmethod
    def baselines(cls, data: Labelled, section: SpectralTypeTraining, classes: tuple[str, ...]) -> "dict[str, Fit]":
        """Return a support vector machine on components, and a template fit if the job names templates."""
        from survey_batch.models.baselines import ComponentsSVM, TemplateFit

        def machine(trained: Labelled, seed: int) -> "Predict":
            some = trained.take(np.sort(np.random.default_rng(seed).permutation(len(trained))[:MACHINE_ROWS]))
            fitted = ComponentsSVM().fit(some.block, class_numbers(some.label, classes))
            return in_blocks(fitted.predict)

        fits: dict[str, Fit] = {"components_svm": machine}
        if section.templates:
            templates = TemplateFit.read(section.templates, data.coordinates["wavelength"], classes)
            fits["templates"] = lambda trained, seed: in_blocks(templates.predict)  # noqa: ARG005
        return fits

    @classmethod
    def valid_rows(cls, block: Variables, recipe: Recipe) -> npt.NDArray[np.bool_]:
        """Mark spectra with enough good pixels."""
        flux, ivar, mask = (block[name] for name in VARIABLES)
        return np.asarray(good_share(flux, ivar, mask) >= step(recipe.steps, "least_good_share"))

    def prepare(self, block: Variables) -> F4:
        """Compute relative bins, (object, bin, width)."""
        return bins_of(block, self.recipe.steps)


def bins_of(block: Variables, steps: Steps) -> F4:
    """Compute relative bins with the parameters of a recipe's steps, (object, bin, width)."""
    flux, ivar, mask = (block[name] for name in VARIABLES)
    return relative_bins(flux, ivar, mask, int(step(steps, "bin_pixels")), *continuum_of(steps))


def continuum_of(steps: Steps) -> tuple[tuple[float, float], float, float]:
    """Read the widths, floor and ceiling of `relative_bins` from a recipe's steps."""
    return (step(steps, "broad_bins"), step(steps, "narrow_bins")), step(steps, "floor"), step(steps, "ceiling")


def in_blocks(predict: Callable[[Variables], npt.NDArray[Any]]) -> "Predict":
    """Predict the class numbers of all rows block by block, to save memory."""
    return lambda other: np.concatenate([predict(block) for _, block in other.blocks()])
