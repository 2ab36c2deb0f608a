"""Quantities from a spectrum: a convolution along wavelength over flux and its error.

On the log grid a redshift is a shift. Besides the strongest response of each filter and a coarse map of the responses,
the last layers see the mean position of some filters' responses (the spatial softmax of Levine et al. 2016, JMLR 17,
39), which moves in proportion to log(1 + z).
"""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from survey_batch.config.sections.train_quantities import QuantitiesTraining
from survey_batch.core.arrays import F4
from survey_batch.models.binned_spectra import BinnedSpectra
from survey_batch.models.examples import Training
from survey_batch.models.galaxy_quasar_star import (
    ARM_STEP,
    BIN_PIXELS,
    SLOPE,
)
from survey_batch.models.gaussian import LOSS, heads
from survey_batch.models.quantities import QuantityNetworks
from survey_batch.models.spectrum_inputs import noisier, tilted

FILTERS = ((16, 9), (24, 7), (32, 5), (48, 5))
"""Number and width of each layer's filters; each layer halves the number of bins."""
MAP_FILTERS, POSITIONS = 12, 16
HIDDEN, DROPOUT = 64, 0.1


class SpectralQuantities(BinnedSpectra, QuantityNetworks):
    """A convolutional network on flux and error, binned on the log grid, and an ensemble of last layers.

    A spectrum with less than `least_good_share` (0.3) of good pixels gets no estimate.
    """

    kind: ClassVar[str] = "quantities"
    variant: ClassVar[str] = "convolution"
    why_not: ClassVar[str] = "too few good pixels for an estimate"

    @override
    def training(self, section: QuantitiesTraining) -> Training:
        """Show another flux calibration and more noise, while the learning rate falls to zero."""

        def changed(values: F4, targets: F4, random: np.random.Generator) -> tuple[F4, F4]:
            seen = tilted(values, SLOPE, ARM_STEP, random)
            return noisier(seen, section.snr, BIN_PIXELS, random), targets

        def build(sample: npt.NDArray[Any]) -> Any:
            return network(sample.shape[1], len(self.manifest.quantities), section.members, self.manifest.seed)

        return Training(build, augment=changed, decay="cosine", loss=LOSS)


def network(bins: int, quantities: int, members: int, seed: int) -> Any:
    """Build the network: (object, bin, 2) to (object, member, 2 * quantity), means and then standard deviations."""
    import keras
    from keras import layers

    seeds = iter(range(seed, seed + 20))

    def weights() -> Any:
        return keras.initializers.GlorotUniform(seed=next(seeds))

    x = entry = keras.Input((bins, 2), name="channels")
    for filters, width in FILTERS:
        x = layers.Conv1D(filters, width, 2, "same", use_bias=False, kernel_initializer=weights())(x)
        x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))
    where = layers.Conv1D(MAP_FILTERS, 1, activation="relu", kernel_initializer=weights())(x)
    peaks = layers.Softmax(axis=1)(layers.Conv1D(POSITIONS, 1, kernel_initializer=weights())(x))
    places = np.linspace(-1, 1, x.shape[1])[:, None].tolist()
    mean = layers.Dense(1, use_bias=False, trainable=False, kernel_initializer=keras.initializers.Constant(places))
    parts = [
        layers.GlobalMaxPooling1D()(x),
        layers.Flatten()(layers.AveragePooling1D(2)(where)),
        layers.Flatten(name="positions")(mean(layers.Permute((2, 1))(peaks))),
    ]
    return keras.Model(entry, heads(layers.Concatenate()(parts), quantities, members, HIDDEN, DROPOUT, seed + 20))
