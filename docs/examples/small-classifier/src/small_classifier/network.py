"""A network with one hidden layer, on the mean flux in some parts of a spectrum."""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from small_classifier.kind import TinyTraining
from survey_batch.models import KerasClassifier, Labelled, Recipe, Training, Variables


class TinyNetwork(KerasClassifier[TinyTraining]):
    """Any classes, from the shape of a spectrum."""

    kind: ClassVar[str] = "tiny-network"
    variant: ClassVar[str] = "dense"
    product: ClassVar[str] = "spectra"
    variables: ClassVar[tuple[str, ...]] = ("flux",)
    why_not: ClassVar[str] = "a part of the spectrum has no flux"

    @classmethod
    def recipe_of(cls, data: Labelled, section: TinyTraining) -> Recipe:
        """Say what the model reads, and how it is prepared."""
        return data.recipe(cls.product, cls.variables, method="mean-of-bins", bins=section.bins)

    @classmethod
    def valid_rows(cls, block: Variables, recipe: Recipe) -> npt.NDArray[np.bool_]:
        """Mark the spectra that can be classified."""
        return np.asarray(np.isfinite(bins_of(block, recipe)).all(axis=1))

    def prepare(self, block: Variables) -> npt.NDArray[np.float32]:
        """Turn spectra into the network's input, (object, bin)."""
        return bins_of(block, self.recipe)

    def training(self, section: TinyTraining) -> Training:
        """Say how the network is made; the rest of `Training` can change how it learns."""
        return Training(lambda rows: network(rows.shape[1], section.units, len(self.classes), self.manifest.seed))


def bins_of(block: Variables, recipe: Recipe) -> npt.NDArray[np.float32]:
    """Average the flux in bins, and divide by the mean of the bins; NaN where a bin has no flux."""
    flux, bins = block["flux"], int(recipe.steps["bins"])
    pixels = flux[:, : flux.shape[1] // bins * bins].reshape(len(flux), bins, -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(pixels, axis=2) / np.isfinite(pixels).sum(axis=2)
        return np.asarray(mean / np.abs(mean).mean(axis=1, keepdims=True), np.float32)


def network(bins: int, units: int, classes: int, seed: int) -> Any:
    """Build the network: (object, bin) to probabilities (object, class)."""
    import keras  # here, so that nothing but training and predicting waits for it
    from keras import layers

    keras.utils.set_random_seed(seed)
    bins_in = keras.Input((bins,), name="bins")
    hidden = layers.Dense(units, activation="relu")(layers.BatchNormalization()(bins_in))
    return keras.Model(bins_in, layers.Dense(classes, activation="softmax")(hidden))
