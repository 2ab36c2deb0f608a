"""Spectral type, O to M, as published by LAMOST_DR6_CNN_Spectral_Classifier (william-lpa, 2022, no licence).

The input is 3500 points from 3700 Angstrom, with a trailing mean of three, scaled from minimum to maximum. The
network's input is (1, 3500): wavelength is the channel axis, so the convolutions of width 3 and the pooling see a
sequence of one, and nothing is convolved along wavelength. The published recipe does this. It also ignores the mask and
the errors, ends at 8287 Angstrom, short of the calcium triplet, and lets one bad pixel set the scale.

Changes that were necessary: pixels without a value are bridged; test spectra are not used in training or stopping;
synthetic spectra are used only in training; helium decides between O, B and A (`survey_batch.models.helium`).
"""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.core.arrays import F4, Variables
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.classes import SEQUENCE
from survey_batch.models.examples import Training
from survey_batch.models.fitted import Extra
from survey_batch.models.helium import HELIUM, HeliumRule
from survey_batch.models.keras_family import KerasClassifier
from survey_batch.models.labelled import Labelled
from survey_batch.models.preprocessing import step
from survey_batch.models.rare_classes import rare_examples
from survey_batch.models.recipe import Grid, Recipe
from survey_batch.models.spectral_type import SpectralTypeClassifier, recipe_for
from survey_batch.spectra.smooth import bridge

if TYPE_CHECKING:
    from survey_batch.models.fitting import Fit

START = 3700.0
"""First wavelength [Angstrom]."""
SKIPPED, POINTS, WINDOW = 2, 3500, 3
FILTERS, WIDTH, DENSE = (10, 20, 40, 50), 3, 11500
STEPS: dict[str, float | int | str] = {
    "method": "published-minmax",
    "start": START,
    "skipped": SKIPPED,
    "points": POINTS,
    "mean_of": WINDOW,
    "least_good_share": 0.3,
    **HELIUM,
}


class PublishedSpectralType(HeliumRule, KerasClassifier[SpectralTypeTraining]):
    """The published network on the published input; see the module.

    A spectrum with less than `least_good_share` (0.3) of pixels that have a value is not classified: its probabilities
    are NaN.
    """

    kind: ClassVar[str] = "spectral-type"
    variant: ClassVar[str] = "published"
    product: ClassVar[str] = "spectra"
    variables: ClassVar[tuple[str, ...]] = SpectralTypeClassifier.variables
    only_classes: ClassVar[tuple[str, ...] | None] = tuple(SEQUENCE)
    why_not: ClassVar[str] = "too few pixels with a value to be classified"
    default_step: ClassVar[bool] = True

    @classmethod
    def baselines(cls, data: Labelled, section: SpectralTypeTraining, classes: tuple[str, ...]) -> "dict[str, Fit]":
        """Return the same baselines as the other variants."""
        return SpectralTypeClassifier.baselines(data, section, classes)

    @classmethod
    @override
    def recipe_of(cls, data: Labelled, section: SpectralTypeTraining) -> Recipe:
        """Make the recipe on the product's grid.

        Raises
        ------
        ConfigurationError
            The grid does not cover the published points.
        """
        grid = Grid.of(data.coordinates["wavelength"])
        first_point(grid.wavelength)
        return recipe_for(grid).model_copy(update={"steps": STEPS})

    @classmethod
    def valid_rows(cls, block: Variables, recipe: Recipe) -> npt.NDArray[np.bool_]:
        """Mark spectra with enough pixels that have a value."""
        share = np.mean(np.isfinite(block["flux"]), axis=1)
        return np.asarray(share >= step(recipe.steps, "least_good_share"))

    def prepare(self, block: Variables) -> F4:
        """Make the published input, (object, 1, 3500)."""
        assert self.recipe.grid is not None  # noqa: S101 - spectra have one
        return published_points(self.recipe.grid.wavelength, block["flux"])[:, None]

    @override
    def training(self, section: SpectralTypeTraining) -> Training:
        """Build the published network, and show it the spectra as they are."""
        return Training(lambda sample: network(sample.shape[-1], len(self.classes), self.manifest.seed))

    @override
    def extra_examples(self, data: Labelled, section: SpectralTypeTraining) -> Extra | None:
        """Make spectra of rare classes."""
        return rare_examples(data, self.recipe, section, self.classes, self.manifest.seed)


def first_point(wavelength: npt.NDArray[np.float64]) -> int:
    """Find the first pixel at or beyond 3700 Angstrom; the published points start `SKIPPED` pixels later.

    Raises
    ------
    ConfigurationError
        The grid begins later, or ends before the last point.
    """
    start = int(np.searchsorted(wavelength, START * (1 - 1e-9)))
    # A grid that begins less than a pixel later was cut at 3700 Angstrom.
    if wavelength[0] > START * 10**1e-4 or wavelength.size < start + SKIPPED + POINTS:
        raise ConfigurationError(
            f"variant 'published' needs {SKIPPED + POINTS} pixels from {START:.0f} Angstrom (to 8287), the product has "
            f"{wavelength[0]:.1f} to {wavelength[-1]:.1f}; set wavelength_min and wavelength_max in [spectra], or use "
            "another variant"
        )
    return start


def published_points(wavelength: npt.NDArray[np.float64], flux: F4) -> F4:
    """Convert spectra to the published network's input.

    Parameters
    ----------
    wavelength
        Grid of `log_grid`, (m,).
    flux
        (object, m); NaN where there is no value.

    Returns
    -------
    (object, 3500) float32
        From 0 to 1; a row that is constant or has no value is 0 throughout.
    """
    start = first_point(wavelength)
    values = bridge(flux).astype(np.float64)[:, start : start + SKIPPED + POINTS]
    mean = (values[:, :-2] + values[:, 1:-1] + values[:, 2:]) / WINDOW
    low, high = mean.min(axis=1, keepdims=True), mean.max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        unit = (mean - low) / np.where(high > low, high - low, 1.0)
    return np.asarray(np.nan_to_num(unit), np.float32)


def network(points: int, classes: int, seed: int) -> Any:
    """Build the published network: (object, 1, points) to probabilities (object, classes); 0.78 million weights."""
    import keras
    from keras import layers

    seeds = iter(range(seed, seed + 10))

    def weights() -> Any:
        return keras.initializers.GlorotUniform(next(seeds))

    entry = x = keras.Input((1, points), name="points")
    for filters in FILTERS:
        x = layers.Conv1D(filters, WIDTH, padding="same", activation="relu", kernel_initializer=weights())(x)
        x = layers.MaxPooling1D(2, padding="same")(x)
    x = layers.Dense(DENSE, activation="relu", kernel_initializer=weights())(layers.Flatten()(x))
    return keras.Model(entry, layers.Dense(classes, activation="softmax", kernel_initializer=weights())(x))
