"""Galaxy, quasar or star: a convolution along wavelength over flux and its error.

On the log grid a redshift is a shift, so a line pattern learnt at one redshift is found at any other: the strongest
response of each filter at any position goes to the last layers. Stars have almost no redshift, so a coarse map of the
positions where filters responded goes there too.
"""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from survey_batch.config.sections.train_galaxies import GalaxyTraining
from survey_batch.core.arrays import F4, Variables
from survey_batch.models.examples import Training
from survey_batch.models.fitted import Extra
from survey_batch.models.keras_family import KerasClassifier
from survey_batch.models.labelled import Labelled
from survey_batch.models.preprocessing import good_share, step
from survey_batch.models.recipe import Grid, Recipe
from survey_batch.models.spectrum_inputs import REST_LINES, flux_channels, noisier, rest_line_channels, tilted

CLASSES = ("GALAXY", "QSO", "STAR")
VARIABLES = ("flux", "ivar", "mask")
UNITS = {"flux": "relative", "ivar": "relative", "mask": "1", "redshift": "1"}

BIN_PIXELS = 4
"""280 km/s: wider than the spectrograph's resolution, narrower than a galaxy's lines."""
LINES = 2 * len(REST_LINES)
"""Rows of `rest_line_channels`, appended to the bins."""
LEAST_GOOD_SHARE = 0.3
FILTERS = ((24, 9), (32, 7), (48, 5), (64, 5))
"""Number and width of each layer's filters; each layer halves the number of bins."""
MAP_FILTERS = 12
SLOPE, ARM_STEP = 0.3, 0.1
"""Standard deviations of the flux calibration's changes in training, in the logarithm."""
BLANKED = 0.5
"""Share of training spectra without their redshift, so that the network can classify without it."""


def spectra_recipe(data: Labelled, steps: dict[str, float | int | str], *, redshift: bool = False) -> Recipe:
    """Make the recipe of a family that uses spectra, on the product's grid."""
    grid = Grid.of(data.coordinates["wavelength"])
    names = (*VARIABLES, "redshift") if redshift else VARIABLES
    return Recipe(
        product="spectra",
        variables=names,
        units={name: UNITS[name] for name in names},
        shape=(grid.count,),
        shapes={"redshift": ()} if redshift else {},
        grid=grid,
        steps=steps,
    )


def enough_good_pixels(block: Variables, recipe: Recipe) -> npt.NDArray[np.bool_]:
    """Mark spectra with at least `least_good_share` of good pixels."""
    flux, ivar, mask = (block[name] for name in VARIABLES)
    return np.asarray(good_share(flux, ivar, mask) >= step(recipe.steps, "least_good_share"))


def simulated_examples(recipe: Recipe, section: GalaxyTraining, seed: int) -> Extra:
    """Simulate as many spectra of each class as the section sets."""
    from survey_batch.spectra.synthetic.examples import simulate_examples
    from survey_batch.spectra.synthetic.star_library import template_stars

    assert recipe.grid is not None  # noqa: S101 - spectra have one
    stars = template_stars(section.templates) if section.templates else None
    counts = dict.fromkeys(CLASSES, section.simulated)
    block, label = simulate_examples(counts, recipe.grid.wavelength, seed=seed, stars=stars)
    return {name: block[name] for name in recipe.variables}, label


class GalaxyQuasarStar(KerasClassifier[GalaxyTraining]):
    """A convolutional network on flux and error, binned on the log grid.

    A spectrum with less than `least_good_share` (0.3) of good pixels is not classified: its probabilities are NaN.
    """

    kind: ClassVar[str] = "galaxy-quasar-star"
    variant: ClassVar[str] = "convolution"
    product: ClassVar[str] = "spectra"
    variables: ClassVar[tuple[str, ...]] = VARIABLES
    only_classes: ClassVar[tuple[str, ...] | None] = CLASSES
    why_not: ClassVar[str] = "too few good pixels to be classified"
    default_step: ClassVar[bool] = True

    @classmethod
    def variables_of(cls, section: GalaxyTraining) -> tuple[str, ...]:
        """List the spectra's variables, and the redshift if it is used."""
        return (*VARIABLES, "redshift") if section.redshift else VARIABLES

    @classmethod
    def recipe_of(cls, data: Labelled, section: GalaxyTraining) -> Recipe:
        """Make the recipe: bins of flux and error, and rest-frame lines if redshifts are used."""
        steps: dict[str, float | int | str] = {
            "method": "flux-and-error-bins",
            "bin_pixels": BIN_PIXELS,
            "least_good_share": LEAST_GOOD_SHARE,
        }
        return spectra_recipe(data, steps, redshift=section.redshift)

    @classmethod
    def valid_rows(cls, block: Variables, recipe: Recipe) -> npt.NDArray[np.bool_]:
        """Mark spectra with enough good pixels."""
        return enough_good_pixels(block, recipe)

    def prepare(self, block: Variables) -> F4:
        """Compute channels, (object, bin, 2); rest-frame lines come after the bins."""
        flux, ivar, mask = (block[name] for name in VARIABLES)
        bins = flux_channels(flux, ivar, mask, int(step(self.recipe.steps, "bin_pixels")))
        if "redshift" not in self.recipe.variables:
            return bins
        assert self.recipe.grid is not None  # noqa: S101 - spectra have one
        lines = rest_line_channels(self.recipe.grid.wavelength, flux, ivar, mask, block["redshift"])
        return np.concatenate([bins, lines], axis=1)

    @override
    def training(self, section: GalaxyTraining) -> Training:
        """Show another flux calibration, more noise, and half of the spectra without their redshift."""
        lines = LINES if section.redshift else 0

        def changed(values: F4, targets: F4, random: np.random.Generator) -> tuple[F4, F4]:
            bins = values.shape[1] - lines
            seen = tilted(values[:, :bins], SLOPE, ARM_STEP, random)
            seen = noisier(seen, section.snr, BIN_PIXELS, random)
            kept = random.random((len(values), 1, 1)) >= BLANKED
            return np.concatenate([seen, values[:, bins:] * kept], axis=1).astype(np.float32), targets

        def build(sample: npt.NDArray[Any]) -> Any:
            return network(sample.shape[1] - lines, lines, len(self.classes), self.manifest.seed)

        return Training(build, augment=changed)

    @override
    def extra_examples(self, data: Labelled, section: GalaxyTraining) -> Extra | None:
        """Simulate spectra, if the section sets a number."""
        return simulated_examples(self.recipe, section, self.manifest.seed) if section.simulated else None


def network(bins: int, lines: int, classes: int, seed: int) -> Any:
    """Build the network: (object, bins + lines, 2) to probabilities (object, classes)."""
    import keras
    from keras import layers

    seeds = iter(range(seed, seed + 20))

    def weights() -> Any:
        return keras.initializers.GlorotUniform(seed=next(seeds))

    entry = keras.Input((bins + lines, 2), name="channels")
    x = layers.Cropping1D((0, lines))(entry) if lines else entry
    for filters, width in FILTERS:
        x = layers.Conv1D(filters, width, 2, "same", use_bias=False, kernel_initializer=weights())(x)
        x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))
    where = layers.Conv1D(MAP_FILTERS, 1, activation="relu", kernel_initializer=weights())(x)
    parts = [layers.GlobalMaxPooling1D()(x), layers.Flatten()(layers.AveragePooling1D(2)(where))]
    if lines:
        parts.append(layers.Flatten()(layers.Cropping1D((bins, 0))(entry)))
    x = layers.Dropout(0.3, seed=next(seeds))(layers.Concatenate()(parts))
    x = layers.Dense(64, activation="relu", kernel_initializer=weights())(x)
    x = layers.Dropout(0.3, seed=next(seeds))(x)
    return keras.Model(entry, layers.Dense(classes, activation="softmax", kernel_initializer=weights())(x))
