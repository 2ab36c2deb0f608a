"""Galaxy, quasar or star as published: principal components of smoothed spectra, and a network, a machine or a forest.

After LAMOST-Spectra-Classifier (superdreamliner, 2025, MIT), as in the notebook with the published scores: 3000 points
from 3900 to 9000 Angstrom, divided by their norm, Savitzky-Golay, 500 components. Its lines and block statistics were
not used for the scores and are left out. Changes that were necessary: the smoothing window is 11, because the published
10 shifts spectra by half a pixel; components and copies with noise, which it made before the split, come from training
rows only; noise is added before spectra are put on the linear grid, because the grid is part of the recipe.
"""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from survey_batch.config.sections.train_galaxies import GalaxyTraining
from survey_batch.core.arrays import F4, Variables
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.base import Inputs
from survey_batch.models.examples import Training
from survey_batch.models.fitted import Arrays, Extra, FittedClassifier
from survey_batch.models.galaxy_quasar_star import (
    CLASSES,
    LEAST_GOOD_SHARE,
    VARIABLES,
    enough_good_pixels,
    simulated_examples,
    spectra_recipe,
)
from survey_batch.models.keras_family import KerasClassifier
from survey_batch.models.labelled import Labelled
from survey_batch.models.recipe import Recipe
from survey_batch.models.sklearn_family import SklearnClassifier
from survey_batch.models.spectrum_inputs import (
    PUBLISHED_GRID,
    PUBLISHED_ORDER,
    PUBLISHED_WINDOW,
    noise_copies,
    published_flux,
)
from survey_batch.spectra.pca import PCA, Moments

COMPONENTS = 500
"""Number of components; those beyond the number of training rows are 0."""
COPIED = ("GALAXY", "QSO")
KERNELS = (3, 5, 7, 9, 11, 13, 15, 17)
DEPTH, FILTERS, DENSE = 3, 32, (128, 64, 32)
CALIBRATION_FOLDS = 5


class PublishedComponents(FittedClassifier[GalaxyTraining]):
    """Base class of the three variants: 500 principal components of the training spectra.

    A spectrum with less than `least_good_share` (0.3) of good pixels is not classified: its probabilities are NaN.
    """

    kind: ClassVar[str] = "galaxy-quasar-star"
    product: ClassVar[str] = "spectra"
    variables: ClassVar[tuple[str, ...]] = VARIABLES
    only_classes: ClassVar[tuple[str, ...] | None] = CLASSES
    why_not: ClassVar[str] = "too few good pixels to be classified"

    @classmethod
    @override
    def recipe_of(cls, data: Labelled, section: GalaxyTraining) -> Recipe:
        """Make the recipe: the linear grid, the norm, the smoothing and the components."""
        steps: dict[str, float | int | str] = {
            "method": "published-components",
            "linear_from": float(PUBLISHED_GRID[0]),
            "linear_to": float(PUBLISHED_GRID[-1]),
            "linear_points": PUBLISHED_GRID.size,
            "normalization": "l2",
            "smoothing_window": PUBLISHED_WINDOW,
            "smoothing_order": PUBLISHED_ORDER,
            "components": COMPONENTS,
            "least_good_share": LEAST_GOOD_SHARE,
        }
        return spectra_recipe(data, steps)

    @classmethod
    def valid_rows(cls, block: Variables, recipe: Recipe) -> npt.NDArray[np.bool_]:
        """Mark spectra with enough good pixels."""
        return enough_good_pixels(block, recipe)

    @override
    def learn(self, data: Labelled, section: GalaxyTraining) -> Arrays:
        """Fit the components to training rows, block by block."""
        moments = Moments.empty(PUBLISHED_GRID.size)
        for _, block in data.blocks():
            moments = moments.merge(Moments.of(smoothed(block, self.recipe)))
        pca = PCA.fit(moments, COMPONENTS)
        return {"mean": pca.mean, "components": pca.components, "variance": pca.variance, "ratio": pca.ratio}

    def prepare(self, block: Variables) -> F4:
        """Compute scores, (object, 500)."""
        pca = PCA(**{name: self.arrays[name] for name in ("mean", "components", "variance", "ratio")})
        return pca.transform(smoothed(block, self.recipe)).astype(np.float32)

    @override
    def extra_examples(self, data: Labelled, section: GalaxyTraining) -> Extra | None:
        """Make copies with noise, and simulated spectra."""
        return added_examples(data, self.recipe, section, self.manifest.seed)


def smoothed(block: Variables, recipe: Recipe) -> F4:
    """Put spectra on the linear grid, (object, 3000), normalised and smoothed."""
    assert recipe.grid is not None  # noqa: S101 - spectra have one
    flux, ivar, mask = (block[name] for name in VARIABLES)
    return published_flux(recipe.grid.wavelength, flux, ivar, mask)


def added_examples(data: Labelled, recipe: Recipe, section: GalaxyTraining, seed: int) -> Extra | None:
    """Make copies of training galaxies and quasars with noise, and simulated spectra, as the section sets."""
    parts: list[Extra] = []
    for number, name in enumerate(COPIED):
        rows = np.flatnonzero(data.label == name)
        if section.copies and rows.size:
            chosen = np.random.default_rng([seed, number]).choice(rows, section.copies)
            copies = noise_copies(data.take(chosen).block, section.copies_snr, seed + number)
            parts.append((copies, np.repeat(name, section.copies)))
    if section.simulated:
        parts.append(simulated_examples(recipe, section, seed))
    if not parts:
        return None
    block = {name: np.concatenate([part[name] for part, _ in parts]) for name in VARIABLES}
    return block, np.concatenate([label for _, label in parts])


class PublishedCNN(PublishedComponents, KerasClassifier[GalaxyTraining]):
    """Eight branches of convolutions over the list of components, each with its own kernel size.

    Neighbouring components are not related; this is part of the published recipe and left as it is.
    """

    variant: ClassVar[str] = "published-cnn"

    @override
    def training(self, section: GalaxyTraining) -> Training:
        """Build the network, and show it the scores as they are."""
        return Training(lambda sample: branched_network(sample.shape[1], len(self.classes), self.manifest.seed))


def branched_network(components: int, classes: int, seed: int) -> Any:
    """Build the published network: (object, components) to probabilities (object, classes); 0.77 million weights."""
    import keras
    from keras import layers

    seeds = iter(range(seed, seed + 1000))

    def weights() -> Any:
        return keras.initializers.GlorotUniform(seed=next(seeds))

    entry = keras.Input((components,), name="scores")
    column = layers.Reshape((components, 1))(entry)
    branches = []
    for kernel in KERNELS:
        x = column
        for _ in range(DEPTH):
            x = layers.Conv1D(
                FILTERS, kernel, padding="same", activation="relu", use_bias=False, kernel_initializer=weights()
            )(x)
            x = layers.MaxPooling1D(3)(layers.BatchNormalization()(x))
        branches.append(x)
    x = layers.Flatten()(layers.Concatenate()(branches))
    for units in DENSE:
        x = layers.Dense(units, activation="relu", use_bias=False, kernel_initializer=weights())(x)
        x = layers.BatchNormalization()(x)
    last = layers.Dense(classes, activation="softmax", use_bias=False, kernel_initializer=weights())
    return keras.Model(entry, last(x))


class PublishedSVM(PublishedComponents, SklearnClassifier[GalaxyTraining]):
    """A support vector machine with an RBF kernel, C = 1 and balanced class weights."""

    variant: ClassVar[str] = "published-svm"
    trusted: ClassVar[tuple[str, ...]] = (
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
    )

    @override
    def training_inputs(self, data: Labelled, section: GalaxyTraining) -> tuple[Inputs, npt.NDArray[np.str_]]:
        """Prepare inputs and labels, and check that each class has enough rows to fit probabilities."""
        inputs, label = super().training_inputs(data, section)
        names, counts = np.unique(label, return_counts=True)
        if counts.min() < CALIBRATION_FOLDS:
            raise ConfigurationError(
                f"variant {self.variant!r} needs {CALIBRATION_FOLDS} training spectra of each class, and has "
                f"{counts.min()} of {names[counts.argmin()]}; set train.simulated, or train on more"
            )
        return inputs, label

    @override
    def estimator(self, section: GalaxyTraining) -> Any:
        """Make the machine; Platt's sigmoid, fitted in folds, gives probabilities, as in `SVC(probability=True)`."""
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.svm import SVC

        machine = SVC(kernel="rbf", C=1.0, gamma="scale", class_weight="balanced", random_state=self.manifest.seed)
        return CalibratedClassifierCV(machine, ensemble=False, cv=CALIBRATION_FOLDS)


class PublishedForest(PublishedComponents, SklearnClassifier[GalaxyTraining]):
    """A random forest of 100 trees with balanced class weights."""

    variant: ClassVar[str] = "published-forest"
    trusted: ClassVar[tuple[str, ...]] = ("sklearn.tree._tree.Tree",)

    @override
    def estimator(self, section: GalaxyTraining) -> Any:
        """Make the forest."""
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(100, class_weight="balanced", random_state=self.manifest.seed)
