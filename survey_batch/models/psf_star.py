"""Selection of sources suitable for building a PSF, from their cutouts in one band.

After ML-PSF (A. Ferreira & W. Fraser). Its method is used, but not its code, which has no licence. Its network takes
pixels scaled by one mean and one standard deviation of all training pixels, so it depends on exposure, gain and sky
(variant `published`). The default scales each cutout by its own sky, noise and peak.
"""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from survey_batch.config.sections.train_psf_stars import PsfStarTraining
from survey_batch.core.arrays import F4, Index, Variables
from survey_batch.core.errors import ConfigurationError
from survey_batch.images.star_pixels import change_view, ring_statistics, scaled_pixels
from survey_batch.models.base import Inputs
from survey_batch.models.engines.graph import Graph
from survey_batch.models.examples import Training
from survey_batch.models.fitted import Arrays
from survey_batch.models.keras_family import KerasClassifier
from survey_batch.models.labelled import Labelled
from survey_batch.models.preprocessing import step
from survey_batch.models.prior import shift_prior
from survey_batch.models.recipe import Recipe

if TYPE_CHECKING:
    from survey_batch.models.fitting import Fit, Predict

CLASSES = ("other", "good")
CORE = 2
"""Pixels to either side of the middle that must have data."""
SMALLEST_SIZE = 16
"""Smallest side of a cutout [pixel]; the network can learn nothing from smaller ones."""
SHIFT = 0.5
"""Pixels by which training stars are moved, because a cutout's middle is the centre of a pixel, not of the star."""
LAYERS = ((16, 5, 2), (24, 3, 2), (32, 3, 1))
"""Filters, kernel and stride of each convolution."""
HIDDEN = 32
DROPOUT = 0.3
MOMENTUM = 0.9
"""Momentum of the moving mean and variance; low, because an epoch may have only some ten batches."""


class PsfStarCNN(KerasClassifier[PsfStarTraining]):
    """A small convolutional network on the profile, the brightness and the gaps of one cutout.

    A source is not classified if a pixel within 2 of the middle is missing.
    """

    kind: ClassVar[str] = "psf-star"
    variant: ClassVar[str] = "cnn"
    product: ClassVar[str] = "cutouts"
    variables: ClassVar[tuple[str, ...]] = ("flux",)
    only_classes: ClassVar[tuple[str, ...] | None] = CLASSES
    why_not: ClassVar[str] = "pixels in the middle of the source are missing"

    @classmethod
    def recipe_of(cls, data: Labelled, section: PsfStarTraining) -> Recipe:
        """Make the recipe: the cutouts' size, and the band to use.

        Raises
        ------
        ConfigurationError
            There are several bands and none is named, the named band does not exist, or the cutouts are too small.
        """
        bands = tuple(str(name) for name in data.coordinates["band"])
        shape = data.shapes["flux"]
        if min(shape[1:]) < SMALLEST_SIZE:
            raise ConfigurationError(f"stars need cutouts of at least {SMALLEST_SIZE} pixels: raise cutouts.size")
        if section.band is None and len(bands) > 1:
            raise ConfigurationError(f"the cutouts have bands {', '.join(bands)}: name one of them in train.band")
        if section.band is not None and section.band not in bands:
            raise ConfigurationError(f"train.band = {section.band!r}, but the cutouts have bands {', '.join(bands)}")
        return Recipe(
            product=cls.product,
            variables=cls.variables,
            units={"flux": "nanomaggy/pixel"},
            shape=shape,
            names={"band": bands} if section.band is not None else {},
            steps={"method": cls.variant, "band": bands.index(section.band) if section.band is not None else 0},
        )

    @classmethod
    def baselines(cls, data: Labelled, section: PsfStarTraining, classes: tuple[str, ...]) -> "dict[str, Fit]":
        """Return boosted trees on brightness, concentration and roundness, as used in a classical selection."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        band = int(step(cls.recipe_of(data, section).steps, "band"))

        def trees(trained: Labelled, seed: int) -> "Predict":
            model = HistGradientBoostingClassifier(early_stopping=False, random_state=seed)
            model.fit(_all_measures(trained, band), trained.label == classes[1])
            return lambda other: np.asarray(model.predict_proba(_all_measures(other, band)), np.float64)

        return {"shape_trees": trees}

    @classmethod
    def valid_rows(cls, block: Variables, recipe: Recipe) -> npt.NDArray[np.bool_]:
        """Mark cutouts with data in the middle."""
        flux = block["flux"][:, int(step(recipe.steps, "band"))]
        y, x = (size // 2 for size in flux.shape[1:])
        middle = flux[:, y - CORE : y + CORE + 1, x - CORE : x + CORE + 1]
        return np.asarray(np.isfinite(middle).all(axis=(1, 2)))

    def prepare(self, block: Variables) -> Inputs:
        """Compute profile, brightness and gaps: (object, y, x, 3) float32."""
        return scaled_pixels(block["flux"][:, int(step(self.recipe.steps, "band"))])

    @override
    def training(self, section: PsfStarTraining) -> Training:
        """Show stars turned, flipped, shifted by parts of a pixel, and in another seeing; the rate falls to zero."""

        def turned(values: Any, targets: Any, random: np.random.Generator) -> tuple[Any, Any]:
            return change_view(values, random, zoom=section.zoom, shift=SHIFT), targets

        return Training(
            build=lambda sample: network(sample.shape[1:], len(self.classes), self.manifest.seed),
            augment=turned,
            decay="cosine",
        )


def network(shape: tuple[int, ...], classes: int, seed: int) -> Any:
    """Build three convolutions, two of which halve the image, and a hidden layer."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    x = entry = keras.Input(shape, name="cutout")
    for filters, kernel, stride in LAYERS:
        x = layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(x))
    x = layers.Dropout(DROPOUT)(layers.Flatten()(layers.MaxPooling2D(2)(x)))
    x = layers.Dropout(DROPOUT)(layers.Dense(HIDDEN, activation="relu")(x))
    return keras.Model(entry, layers.Dense(classes, activation="softmax", name="probability")(x))


class PublishedPsfStar(PsfStarCNN):
    """ML-PSF's network on pixels scaled by one mean and standard deviation of all training pixels.

    It is as published, without the defects: the mean and the deviation come from training rows only, the rows of bad
    sources are real, and cutouts may have a size other than 111 pixels. It is trained on as many good sources as bad
    ones; its probabilities are then converted to the training rows' own shares.
    """

    variant: ClassVar[str] = "published"

    @override
    def learn(self, data: Labelled, section: PsfStarTraining) -> Arrays:
        """Compute the mean and standard deviation of all training pixels, and the shares of bad and good sources."""
        band, count, total, square = int(step(self.recipe.steps, "band")), 0, 0.0, 0.0
        for _, block in data.blocks():
            pixels = block["flux"][:, band].astype(np.float64)
            pixels = pixels[np.isfinite(pixels)]
            count, total, square = count + pixels.size, total + pixels.sum(), square + (pixels**2).sum()
        mean = total / max(count, 1)
        deviation = np.sqrt(max(square / max(count, 1) - mean**2, 1e-30))
        good = np.mean(data.label == CLASSES[1])
        return {"mean": np.array(mean), "deviation": np.array(deviation), "share": np.array([1 - good, good])}

    def prepare(self, block: Variables) -> Inputs:
        """Compute (flux - mean) / deviation, 0 where there is no data: (object, y, x, 1) float32."""
        flux = block["flux"][:, int(step(self.recipe.steps, "band"))].astype(np.float64)
        scaled = (flux - self.arrays["mean"]) / self.arrays["deviation"]
        return np.where(np.isfinite(scaled), scaled, 0.0).astype(np.float32)[..., None]

    @override
    def training(self, section: PsfStarTraining) -> Training:
        """Show as many bad sources as good ones, as they are, at a constant rate."""
        seed = self.manifest.seed
        return Training(
            build=lambda sample: published_network(sample.shape[1:], len(self.classes), seed),
            epoch_rows=lambda number: equal_shares(number, seed),
        )

    def answer(self, inputs: Inputs) -> F4:
        """Convert the network's probabilities, learnt with equal shares, to the training rows' own shares."""
        return shift_prior(super().answer(inputs), np.full(2, 0.5), self.arrays["share"]).astype(np.float32)

    @override
    def onnx_answer(self, graph: Graph, output: str) -> str:
        shifted = graph.add("Mul", output, graph.constant(2 * self.arrays["share"]))
        total = graph.add("ReduceSum", shifted, graph.integers(-1), keepdims=1)
        return super().onnx_answer(graph, graph.add("Div", shifted, total))


def published_network(shape: tuple[int, ...], classes: int, seed: int) -> Any:
    """Build two convolutions of 16 filters with dropout and pooling, and a hidden layer of 16 sigmoids."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    entry = keras.Input(shape, name="cutout")
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(entry)
    x = layers.BatchNormalization()(layers.MaxPooling2D(2)(layers.Dropout(0.2)(x)))
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    x = layers.Flatten()(layers.MaxPooling2D(2)(layers.Dropout(0.2)(x)))
    x = layers.Dense(16, activation="sigmoid")(x)
    return keras.Model(entry, layers.Dense(classes, activation="softmax", name="probability")(x))


def equal_shares(number: Index, seed: int) -> Index:
    """Draw as many rows of each class as the rarest has, at random."""
    random = np.random.default_rng(seed)
    parts = [np.flatnonzero(number == class_index) for class_index in np.unique(number)]
    fewest = min(len(part) for part in parts)
    return np.sort(np.concatenate([random.choice(part, fewest, replace=False) for part in parts]))


def star_measures(flux: F4) -> npt.NDArray[np.float64]:
    """Measure the quantities of a classical selection of stars.

    Parameters
    ----------
    flux : (n, y, x) float32

    Returns
    -------
    (n, 4) float64
        log10 of the peak's S/N; the light within 1.5 pixels as a share of that within 6; ellipticity; and half the
        trace of the second moments within 6 pixels.
    """
    sky, noise = ring_statistics(flux)
    above = np.nan_to_num(flux.astype(np.float64) - sky[:, None, None])
    y, x = (np.arange(size) - (size - 1) / 2 for size in flux.shape[1:])  # an even cutout's middle is a pixel edge
    distance = np.hypot(y[:, None], x[None, :])
    light = np.where(distance <= 6, above, 0.0)
    total = np.maximum(light.sum(axis=(1, 2)), 1e-12)
    inner = np.where(distance <= 1.5, above, 0.0).sum(axis=(1, 2)) / total
    moments = (x[None, :] ** 2, y[:, None] ** 2, y[:, None] * x)
    xx, yy, xy = ((light * part).sum(axis=(1, 2)) / total for part in moments)
    trace = np.where(np.abs(xx + yy) > 1e-6, xx + yy, 1e-6)
    peak = np.where(distance <= CORE, above, -np.inf).max(axis=(1, 2))
    bright = np.log10(np.maximum(peak, 1e-12) / np.maximum(noise, 1e-12))
    return np.column_stack([bright, inner, np.hypot(xx - yy, 2 * xy) / trace, trace / 2])


def _all_measures(data: Labelled, band: int) -> npt.NDArray[np.float64]:
    return np.concatenate([star_measures(block["flux"][:, band]) for _, block in data.blocks()])
