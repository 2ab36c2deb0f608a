"""Spectral type, O to M, by convolution along wavelength."""

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.core.arrays import F4, I4, Variables
from survey_batch.models.augment import shifted
from survey_batch.models.classes import SEQUENCE
from survey_batch.models.examples import Training
from survey_batch.models.fitted import Extra
from survey_batch.models.helium import HELIUM
from survey_batch.models.labelled import Labelled
from survey_batch.models.preprocessing import Steps, mean_and_spread, relative_flux, step
from survey_batch.models.rare_classes import rare_examples
from survey_batch.models.recipe import Grid, Recipe
from survey_batch.models.spectral_type import SpectralTypeClassifier, continuum_of, recipe_for
from survey_batch.models.spectrum_bins import GoodPixels, few_rows_at_a_time
from survey_batch.models.spectrum_inputs import over_level, reliability
from survey_batch.models.templates import C_KM_S, VELOCITY_KM_S
from survey_batch.spectra.grid import STEP

STEPS: dict[str, float | int | str] = {
    "method": "relative-flux-and-trust",
    "bin_pixels": 4,
    "broad_bins": 50.0,
    "narrow_bins": 16.0,
    "floor": 0.02,
    "ceiling": 2.5,
    "least_good_share": 0.3,
    **HELIUM,
}
"""Bins of 4 pixels (276 km/s, a little wider than the spectrograph resolves), over the continua of variant `lines`."""

FILTERS, WIDTH = (16, 24), 9
POOLED = (2, 4)
"""Positions averaged after each layer: in the end one covers 32 pixels, 2200 km/s."""
HIDDEN, DROPOUT, PENALTY = 32, 0.5, 1e-4
NOISE = (-2.7, -1.4)
"""Range of the added noise's standard deviation, log10, as a share of the continuum per bin."""
SHIFT_BINS = VELOCITY_KM_S / (C_KM_S * STEP * np.log(10)) / 4
"""Standard deviation of the radial velocities drawn in training, in bins."""


class SpectralConvolution(SpectralTypeClassifier):
    """Filters along wavelength over flux and its errors, followed by an ensemble of small networks.

    A spectrum with less than `least_good_share` (0.3) of good pixels is not classified: its probabilities are NaN.
    Rare classes are trained on spectra made from templates, if the job names any. Helium decides between O, B and A
    (`survey_batch.models.helium`).
    """

    variant: ClassVar[str] = "convolution"
    only_classes: ClassVar[tuple[str, ...] | None] = tuple(SEQUENCE)

    @classmethod
    @override
    def recipe_of(cls, data: Labelled, section: SpectralTypeTraining) -> Recipe:
        """Make the recipe on the product's grid."""
        return recipe_for(Grid.of(data.coordinates["wavelength"])).model_copy(update={"steps": STEPS})

    def prepare(self, block: Variables) -> F4:
        """Compute flux over two continua, and its reliability 1 / (1 + error), (object, bin, 3)."""
        flux, ivar, mask = (block[name] for name in self.variables)
        return _channels(flux, ivar, mask, self.recipe.steps)

    @override
    def training(self, section: SpectralTypeTraining) -> Training:
        """Show another radial velocity, by fractions of a bin, and more noise; each member is trained separately."""

        def changed(values: F4, targets: F4, random: np.random.Generator) -> tuple[F4, F4]:
            moved = shifted(values, random.normal(0, SHIFT_BINS, len(values)))
            return noisier(moved, 10 ** random.uniform(*NOISE, size=(len(values), 1)), random), targets

        def build(sample: npt.NDArray[Any]) -> tuple[Any, Any]:
            return network(sample, len(self.classes), section.members, self.manifest.seed)

        return replace(super().training(section), build=build, augment=changed)

    @override
    def extra_examples(self, data: Labelled, section: SpectralTypeTraining) -> Extra | None:
        """Make spectra of rare classes."""
        return rare_examples(data, self.recipe, section, self.classes, self.manifest.seed)


@few_rows_at_a_time
def _channels(flux: F4, ivar: F4, mask: I4, steps: Steps) -> F4:
    pixels = GoodPixels.of(flux, ivar, mask, int(step(steps, "bin_pixels")))
    channels = [*relative_flux(pixels, *continuum_of(steps)), reliability(*over_level(pixels, ivar))]
    return np.stack(channels, axis=-1, dtype=np.float32)


def noisier(channels: npt.NDArray[Any], sigma: npt.NDArray[Any], random: np.random.Generator) -> F4:
    """Add the same noise to flux over both continua, (object, bin, 3), and include it in the third channel's error.

    `sigma` is the noise's standard deviation as a share of the continuum, (object, 1).
    """
    relative = channels[..., :2] + (sigma * random.normal(size=channels.shape[:2]))[..., None]
    trust = channels[..., 2]
    error = 1 / np.where(trust > 0, trust, 1) - 1
    less = np.where(trust > 0, 1 / (1 + np.hypot(error, sigma)), 0)
    return np.concatenate([relative, less[..., None]], axis=-1).astype(np.float32)


def network(sample: npt.NDArray[Any], classes: int, members: int, seed: int) -> tuple[Any, Any]:
    """Build the networks: (object, bin, 3) to (object, member, class) for training, and (object, class) for use.

    Parameters
    ----------
    sample
        Prepared training rows, for standardisation.
    classes, members, seed
        Number of classes, number of small networks, and seed of weights and dropout.
    """
    import keras
    from keras import layers

    seeds = iter(range(seed, seed + 20))

    def weights() -> Any:
        return keras.initializers.GlorotUniform(next(seeds))

    def of_members(equation: str, outputs: int, width: int) -> Any:
        start = keras.initializers.RandomNormal(0, width**-0.5, next(seeds))
        decay = keras.regularizers.L2(PENALTY)
        shape = (members, outputs)
        return layers.EinsumDense(
            equation, shape, bias_axes=equation[-2:], kernel_initializer=start, kernel_regularizer=decay
        )

    mean, spread = mean_and_spread(sample, (0, 1))
    entry = keras.Input(sample.shape[1:], name="channels")
    x = layers.Normalization(axis=-1, mean=mean, variance=(spread + 0.01) ** 2)(entry)
    for filters, pooled in zip(FILTERS, POOLED, strict=True):
        x = layers.Conv1D(filters, WIDTH, padding="same", use_bias=False, kernel_initializer=weights())(x)
        x = layers.Activation("gelu")(layers.BatchNormalization(momentum=0.9)(x))
        x = layers.AveragePooling1D(pooled)(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(DROPOUT, seed=next(seeds))(x)
    hidden = layers.Activation("gelu")(of_members("bi,ikh->bkh", HIDDEN, x.shape[-1])(x))
    kept = layers.Dropout(DROPOUT, seed=next(seeds))(hidden)
    each = layers.Softmax(name="members")(of_members("bkh,khc->bkc", classes, HIDDEN)(kept))
    mean_of = layers.GlobalAveragePooling1D(name="probability")(each)
    return keras.Model(entry, each), keras.Model(entry, mean_of)
