"""What families share whose model is the ensemble of `survey_batch.classifiers.network`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from survey_batch.classifiers import network
from survey_batch.classifiers.augment import Augmentation, soft_labels
from survey_batch.classifiers.base import F4, Block, Classifier
from survey_batch.classifiers.calibration import apply_temperature
from survey_batch.classifiers.classes import class_numbers, classes_among, sequence_length
from survey_batch.classifiers.manifest import Manifest, Recipe
from survey_batch.errors import ConfigurationError

WEIGHTS = "network.keras"
ARRAYS = "preprocessing.npz"

Arrays = Mapping[str, npt.NDArray[Any]]


class EnsembleClassifier(Classifier):
    """A family whose model is an ensemble of small networks.

    A subclass has `recipe_of`, `possible` and `prepare`; `learn` where its preprocessing is fitted to training rows.

    Attributes
    ----------
    augmentation : Augmentation
        How training rows are changed.
    design : Design
        Sizes and training settings of the networks, but for their number.
    """

    augmentation: ClassVar[Augmentation] = Augmentation()
    design: ClassVar[network.Design] = network.Design()

    def __init__(self, manifest: Manifest, arrays: Arrays | None = None, model: Any = None) -> None:
        super().__init__(manifest)
        self.arrays = arrays or {}
        """What `learn` found."""
        self.model = model
        if model is not None:
            network.prepare_for_use(model)

    @classmethod
    def learn(cls, block: Block, recipe: Recipe) -> Arrays:  # noqa: ARG003
        """Fit the preprocessing to training rows, all of which are possible."""
        return {}

    @classmethod
    def fit(
        cls,
        block: Block,
        labels: npt.NDArray[np.str_],
        recipe: Recipe,
        *,
        classes: tuple[str, ...] | None = None,
        epochs: int = 40,
        members: int = 8,
        seed: int = 1,
    ) -> Self:
        """Train on rows that all have a label.

        Parameters
        ----------
        block
            The recipe's variables, (object, …) each. Rows that are not possible are left out.
        labels
            Class of each row.
        recipe
            See `recipe_of`.
        classes
            Names, in order; by default the family's own, or else those that occur.
        epochs
            Passes over the rows, each changed anew.
        members
            Networks in the ensemble.
        seed
            Of weights, dropout, order and augmentation: the same seed gives the same network on one machine.

        Raises
        ------
        ConfigurationError
            A label is not among the classes, or fewer than two classes have usable rows.
        """
        recipe.check_block(block)
        classes = classes or cls.only_classes or classes_among(labels)
        possible = cls.possible(block, recipe)
        number = class_numbers(labels, classes)[possible]
        if len(np.unique(number)) < 2:
            raise ConfigurationError(
                f"training needs usable objects of at least two classes; there are {int(possible.sum())} usable, "
                f"of classes {sorted(set(labels[possible]))}"
            )
        usable = {name: block[name][possible] for name in recipe.variables}
        manifest = Manifest(kind=cls.kind, classes=classes, recipe=recipe, seed=seed)
        arrays = cls.learn(usable, recipe)
        targets = soft_labels(number, len(classes), sequence_length(classes), cls.augmentation.neighbour)
        design = replace(cls.design, members=members)
        inputs = cls(manifest, arrays).prepare(usable)
        model, losses = network.train(inputs, targets, design, cls.augmentation, epochs, seed)
        trained = cls(manifest, arrays, model)
        trained.losses = losses
        return trained

    def _forward(self, inputs: F4) -> F4:
        raw = np.asarray(self.model.predict_on_batch(inputs))
        return apply_temperature(raw, self.manifest.temperature).astype(np.float32)

    def write_parts(self, folder: Path) -> list[str]:
        """Write the networks, and what was learnt before."""
        self.model.save(folder / WEIGHTS)
        if not self.arrays:
            return [WEIGHTS]
        np.savez(folder / ARRAYS, allow_pickle=False, **self.arrays)
        return [WEIGHTS, ARRAYS]

    @classmethod
    def read_parts(cls, folder: Path, manifest: Manifest) -> Self:
        """Read the networks in safe mode, and the arrays.

        Raises
        ------
        ConfigurationError
            Keras or numpy refuses a file.
        """
        return cls(manifest, _read_arrays(folder, manifest), _read_model(folder / WEIGHTS))


def _read_model(path: Path) -> Any:
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras has no error of its own for a bad file
        raise ConfigurationError(f"{path} cannot be loaded ({error}); train again") from error


def _read_arrays(folder: Path, manifest: Manifest) -> Arrays:
    if ARRAYS not in manifest.files:
        return {}
    try:
        with np.load(folder / ARRAYS, allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{folder / ARRAYS} cannot be loaded ({error}); train again") from error
