"""Spectral class of a star from one wide-band image as published: three classifiers that learn from labelled stars.

After Centofanti et al. (2025, A&A 694, A228) and, for the ensemble of networks, Kuntzer, Tewes & Courbin (2016, A&A
591, A54). They assume that every star is centred and has unit flux. One change was necessary: images were normalised
with statistics of the stars to be classified; here the statistics come from the training stars, so that one star alone
can be classified.
"""

from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from survey_batch.config.sections.train_stamps import StampTraining
from survey_batch.core.arrays import F4, F8, Variables
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.base import Inputs
from survey_batch.models.calibration import apply_temperature
from survey_batch.models.classes import class_numbers
from survey_batch.models.engines.graph import Graph
from survey_batch.models.examples import Training
from survey_batch.models.fitted import Arrays, FittedClassifier, valid_part
from survey_batch.models.fitting import Workspace
from survey_batch.models.joint_ensemble import build_ensemble, train_ensemble
from survey_batch.models.keras_family import KerasClassifier
from survey_batch.models.labelled import Labelled
from survey_batch.models.recipe import Recipe
from survey_batch.models.sklearn_family import SklearnClassifier
from survey_batch.models.stamp_optics import (
    FIELD_POSITION,
    StampOptics,
    enough_pixels,
    exposure_known,
    exposures_named,
    read_optics,
    stamp_recipe,
)
from survey_batch.optics.seds import CLASSES

FIRST_ANSWER, ANSWER_STEP = 1.5, 0.5
"""The ensemble's target for O5, and its increase for each later class."""
LARGEST_VARIANCE, ANSWER_RANGE = 1.0, (1.4, 7.6)
"""If the ensemble's variance is larger, or its mean lies outside the range, the star is not classified."""
CROP = 10
"""Pixels that the convolutional network cuts off on every side."""
CALIBRATION_FOLDS = 5
"""Folds in which the support vector machine's probabilities are fitted."""


class PublishedStamps(FittedClassifier[StampTraining]):
    """Base class of the three classifiers: every pixel of a stamp must be measured."""

    kind: ClassVar[str] = "stamp-type"
    product: ClassVar[str] = "stamps"
    variables: ClassVar[tuple[str, ...]] = ("flux",)
    only_classes: ClassVar[tuple[str, ...] | None] = CLASSES
    why_not: ClassVar[str] = "a pixel of the stamp has no flux"

    @classmethod
    @override
    def recipe_of(cls, data: Labelled, section: StampTraining) -> Recipe:
        """Make the recipe: stamps as they are."""
        return stamp_recipe(data, cls.variables, {"method": f"published-{cls.variant}"})

    @classmethod
    @override
    def valid_rows(cls, block: Variables, recipe: Recipe) -> npt.NDArray[np.bool_]:
        """Mark complete stamps."""
        return enough_pixels(block, 1.0)


class ComponentsMLP(PublishedStamps, KerasClassifier[StampTraining]):
    """An ensemble of small networks on principal components; each outputs one number along the spectral sequence.

    The class is the one nearest to the ensemble's mean. If its members disagree (variance above 1) or the mean lies
    beyond the sequence, the star is not classified, as published; the published scores omit these stars. The
    publication has no probabilities. Here they fall off with the distance from the mean as a Gaussian, whose width is
    the ensemble's error on the training stars.
    """

    variant: ClassVar[str] = "pca-mlp"
    columns: ClassVar[None] = None
    why_not: ClassVar[str] = "a pixel of the stamp has no flux, or the ensemble of networks disagrees on the star"

    @override
    def learn(self, data: Labelled, section: StampTraining) -> Arrays:
        """Fit the components to training stars."""
        from sklearn.decomposition import PCA

        pixels = data.block["flux"].reshape(len(data), -1).astype(np.float64)
        pca = PCA(min(section.components, *pixels.shape), svd_solver="full").fit(pixels)
        return {"mean": pca.mean_, "components": pca.components_}

    def prepare(self, block: Variables) -> F4:
        """Compute scores, (object, component)."""
        centred = block["flux"].reshape(len(block["flux"]), 1, -1) - self.arrays["mean"]
        return (centred @ self.arrays["components"].T)[:, 0].astype(np.float32)

    @classmethod
    @override
    def fit(
        cls,
        data: Labelled,
        section: StampTraining,
        *,
        classes: tuple[str, ...] | None = None,
        validation: Labelled | None = None,
        workspace: Workspace | None = None,
        seed: int | None = None,
    ) -> Self:
        seed = section.seed if seed is None else seed
        draft, data = cls.prepare_fit(data, section, classes, seed)
        held_out = valid_part(cls, validation, draft.recipe) if validation else data.take(np.zeros(0, np.intp))
        shown, held = (draft.answers_of(part) for part in (data, held_out))
        training, model = build_ensemble(shown[0].shape[1], section.members, seed)
        history = train_ensemble(training, model, shown, held, section, seed, workspace or Workspace())
        trained = cls(draft.manifest, draft.arrays, model)
        error = np.asarray(model.predict(shown[0], verbose=0)).mean(axis=1) - shown[1]
        trained.arrays = {**draft.arrays, "spread": np.sqrt(np.mean(error**2))}
        trained.history = history
        return trained

    def answers_of(self, data: Labelled) -> tuple[F4, F4]:
        """Compute scores, and the networks' target numbers."""
        number = class_numbers(data.label, self.classes)
        return self.prepare(data.block), (FIRST_ANSWER + ANSWER_STEP * number).astype(np.float32)

    def _forward(self, inputs: Inputs) -> F4:
        answers = self.outputs(inputs).astype(np.float64)
        mean, variance = answers.mean(axis=1), answers.var(axis=1)
        distance = mean[:, None] - FIRST_ANSWER - ANSWER_STEP * np.arange(len(self.classes))
        logits = -0.5 * (distance / self.arrays["spread"]) ** 2
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        probability = apply_temperature(powers / powers.sum(axis=1, keepdims=True), self.manifest.temperature)
        agreed = (variance <= LARGEST_VARIANCE) & (mean >= ANSWER_RANGE[0]) & (mean <= ANSWER_RANGE[1])
        return np.where(agreed[:, None], probability, np.nan).astype(np.float32)

    @override
    def _check_answer(self, answer: F4) -> None:
        """Let a row without any number pass: it means that the star is not classified."""
        super()._check_answer(answer[~np.isnan(answer).all(axis=1)])

    @override
    def onnx_answer(self, graph: Graph, output: str) -> str:
        axis, targets = graph.integers(-1), FIRST_ANSWER + ANSWER_STEP * np.arange(len(self.classes))
        mean = graph.add("ReduceMean", output, axis, keepdims=1)
        gap = graph.add("Sub", output, mean)
        variance = graph.add("ReduceMean", graph.add("Mul", gap, gap), axis, keepdims=1)
        distance = graph.add("Sub", mean, graph.constant(targets))
        # One softmax with the temperature in its width is that of a softmax.
        width = graph.constant(-2 * self.arrays["spread"] ** 2 * self.manifest.temperature)
        logits = graph.add("Div", graph.add("Mul", distance, distance), width)
        centre, reach = np.mean(ANSWER_RANGE), np.ptp(ANSWER_RANGE) / 2
        off = graph.add("Abs", graph.add("Sub", mean, graph.constant(centre)))
        lost = graph.add(
            "Or",
            graph.add("Greater", variance, graph.constant(LARGEST_VARIANCE)),
            graph.add("Greater", off, graph.constant(reach)),
        )
        return graph.add("Where", lost, graph.constant(np.nan), graph.add("Softmax", logits, axis=-1))


class StampCNN(PublishedStamps, KerasClassifier[StampTraining]):
    """Convolutions without pooling that shrink the middle 12 x 12 pixels to one point, and two small layers.

    The publication set aside 38 % of the training stars for a validation that it did not use; here all are trained on.
    """

    variant: ClassVar[str] = "cnn-mlp"

    @override
    def learn(self, data: Labelled, section: StampTraining) -> Arrays:
        """Compute the mean image of training stars."""
        total = sum(
            (block["flux"].astype(np.float64).sum(axis=0) for _, block in data.blocks()), np.zeros(self.recipe.shape)
        )
        return {"mean": total / len(data)}

    def prepare(self, block: Variables) -> F4:
        """Compute (image - mean image) / maximum of the mean image, (object, y, x, 1)."""
        mean = self.arrays["mean"]
        return np.asarray((block["flux"] - mean) / mean.max(), np.float32)[..., None]

    @override
    def training(self, section: StampTraining) -> Training:
        """Build the published network, and show it the stamps as they are."""
        return Training(lambda sample: pixel_compression(sample.shape[1], len(self.classes), self.manifest.seed))


def pixel_compression(size: int, classes: int, seed: int) -> Any:
    """Build the published network of 43,981 weights: (object, 32, 32, 1) to probabilities (object, classes)."""
    import keras
    from keras import layers

    seeds = iter(range(seed, seed + 20))

    def weights() -> Any:
        return keras.initializers.GlorotUniform(seed=next(seeds))

    entry = keras.Input((size, size, 1), name="stamp")
    x = layers.Cropping2D(CROP)(entry)
    for width in (3, 3, 3, 3, 3, 2):
        x = layers.Conv2D(32, width, activation="relu", kernel_initializer=weights())(x)
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dense(32, activation="relu", kernel_initializer=weights())(x)
    return keras.Model(entry, layers.Dense(classes, activation="softmax", kernel_initializer=weights())(x))


class SimilaritySVM(PublishedStamps, SklearnClassifier[StampTraining]):
    """A support vector machine on a star's similarity to the monochromatic point-spread functions at its position."""

    variant: ClassVar[str] = "svm-psf"
    variables: ClassVar[tuple[str, ...]] = ("flux", *FIELD_POSITION)
    why_not: ClassVar[str] = (
        "a pixel of the stamp has no flux, or the classifier has no PSF model of the star's exposure"
    )
    trusted: ClassVar[tuple[str, ...]] = (
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
    )

    @classmethod
    def recipe_of(cls, data: Labelled, section: StampTraining) -> Recipe:
        """Make the recipe: stamps as they are, and the exposures with a known field."""
        steps = {"method": f"published-{cls.variant}", "exposures": exposures_named(read_optics(section))}
        return stamp_recipe(data, cls.variables, steps)

    @classmethod
    def valid_rows(cls, block: Variables, recipe: Recipe) -> npt.NDArray[np.bool_]:
        """Mark complete stamps of exposures with a known field."""
        return exposure_known(block, recipe) & enough_pixels(block, 1.0)

    @override
    def learn(self, data: Labelled, section: StampTraining) -> Arrays:
        """Read the fields, to store them with the model."""
        return read_optics(section).arrays()

    @override
    def training_inputs(self, data: Labelled, section: StampTraining) -> tuple[Inputs, npt.NDArray[np.str_]]:
        """Prepare features and labels; each class must have enough stars to fit probabilities."""
        counts = data.counts()
        if min(counts.values()) < CALIBRATION_FOLDS:
            raise ConfigurationError(
                f"svm-psf needs at least {CALIBRATION_FOLDS} labelled stars of each class; there are {counts}"
            )
        return super().training_inputs(data, section)

    def prepare(self, block: Variables) -> F8:
        """Compute similarities, (object, wavelength), in float64, because they differ only in the fourth digit."""
        optics, flux = self._optics, np.nan_to_num(block["flux"])
        parts = [similarity(flux[span], optics.optics.stamps(planes)) for span, planes in optics.planes(block)]
        return np.concatenate(parts)

    @cached_property
    def _optics(self) -> StampOptics:
        return StampOptics.from_arrays(self.arrays)

    @override
    def estimator(self, section: StampTraining) -> Any:
        """Make the published machine; its probabilities are fitted to decisions on left-out stars, as in libsvm."""
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        machine = CalibratedClassifierCV(published_machine(), ensemble=False, cv=CALIBRATION_FOLDS)
        return make_pipeline(StandardScaler(), machine)


def published_machine() -> Any:
    """Make a machine with an RBF kernel, C = 1 and gamma = 1 / features."""
    from sklearn.svm import SVC

    return SVC(C=1.0, gamma="auto")


def similarity(flux: F4, psfs: F4) -> F8:
    """Compute the similarity of a star to each monochromatic point-spread function at its position, as published.

    Parameters
    ----------
    flux : (star, y, x) float32
        Stamps.
    psfs : (star, wavelength, y, x) float32
        Normalised to unit sum.

    Returns
    -------
    (star, wavelength) float64
        (1 - d) over the sum of (1 - d), where d is the sum of squared differences of star and function.
    """
    difference = psfs.astype(np.float64) - flux[:, None].astype(np.float64)
    likeness = 1 - (difference**2).sum(axis=(2, 3))
    return np.asarray(likeness / likeness.sum(axis=1, keepdims=True), np.float64)
