"""What families share whose model is a Keras model: fitting, batches, saving and loading."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from survey_batch.classifiers.artifact import read_arrays, write_arrays
from survey_batch.classifiers.base import F4, Block, Classifier, Inputs, Section, Workspace
from survey_batch.classifiers.calibration import apply_temperature
from survey_batch.classifiers.classes import class_numbers, classes_among
from survey_batch.classifiers.examples import Change, Examples, Schedule, balanced_weights
from survey_batch.classifiers.labelled import Labelled
from survey_batch.classifiers.manifest import Manifest, Recipe
from survey_batch.classifiers.trainer import jit, train_network
from survey_batch.errors import ConfigurationError

WEIGHTS = "network.keras"
ARRAYS = "preprocessing.npz"
INPUTS = "inputs.npy"

Arrays = Mapping[str, npt.NDArray[Any]]
Index = npt.NDArray[np.intp]


class KerasClassifier(Classifier[Section]):
    """A family whose model is one Keras model.

    A subclass has `recipe_of`, `possible`, `prepare` and `build`; `learn` where its preprocessing is fitted to
    training rows; and what else of the following is its own.

    Attributes
    ----------
    loss : str
        What is made small: `categorical_crossentropy` or `mse`.
    """

    loss: ClassVar[str] = "categorical_crossentropy"

    def __init__(self, manifest: Manifest, arrays: Arrays | None = None, model: Any = None) -> None:
        super().__init__(manifest)
        self.arrays = arrays or {}
        """What `learn` found."""
        self.model = model
        if model is not None:
            prepare_for_use(model)

    @classmethod
    def learn(cls, data: Labelled, recipe: Recipe, section: Section) -> Arrays:  # noqa: ARG003
        """Fit the preprocessing to training rows, all of which are possible."""
        return {}

    @classmethod
    def build(cls, sample: Inputs, classes: int, section: Section, seed: int) -> tuple[Any, Any]:
        """Build the networks.

        Parameters
        ----------
        sample
            Prepared training rows (object, …); they may be mapped from a file larger than memory.
        classes
            Number of classes.
        section, seed
            Sizes, and the seed of weights and dropout.

        Returns
        -------
        tuple of keras.Model
            For training, and for use, whose output is probabilities (object, class). Often the same.
        """
        raise NotImplementedError

    @classmethod
    def change(cls, section: Section) -> Change | None:  # noqa: ARG003
        """Augmentation of a batch of training rows."""
        return None

    @classmethod
    def schedule(cls, section: Section, seed: int) -> Schedule:
        """How long and how fast to learn, from a table of `NetworkTraining`."""
        table: Any = section
        return Schedule(table.epochs, table.batch, table.learning_rate, patience=table.patience, seed=seed)

    @classmethod
    def targets(cls, number: Index, classes: tuple[str, ...], section: Section) -> F4:  # noqa: ARG003
        """What the training model should answer for rows of these classes, (object, …)."""
        return np.eye(len(classes), dtype=np.float32)[number]

    @classmethod
    def epoch_rows(cls, number: Index, classes: int, section: Section) -> Index | None:  # noqa: ARG003
        """Rows to show in an epoch; by default each once."""
        return None

    @classmethod
    def extra_examples(
        cls,
        data: Labelled,  # noqa: ARG003
        recipe: Recipe,  # noqa: ARG003
        section: Section,  # noqa: ARG003
        classes: tuple[str, ...],  # noqa: ARG003
        seed: int,  # noqa: ARG003
    ) -> tuple[Block, npt.NDArray[np.str_]] | None:
        """Training rows from elsewhere, such as templates, with their labels; they are in no validation or test."""
        return None

    @classmethod
    def fit(  # noqa: D102 - as in the interface
        cls,
        data: Labelled,
        section: Section,
        *,
        classes: tuple[str, ...] | None = None,
        validation: Labelled | None = None,
        workspace: Workspace | None = None,
        seed: int | None = None,
    ) -> Self:
        seed, place = section.seed if seed is None else seed, workspace or Workspace()
        recipe = cls.recipe_of(data, section)
        classes = classes or cls.only_classes or classes_among(data.label)
        data, held_out = _possible(cls, data, recipe), _possible(cls, validation, recipe) if validation else None
        check_labels(data, classes)
        manifest = Manifest(kind=cls.kind, variant=cls.variant, classes=classes, recipe=recipe, seed=seed)
        draft = cls(manifest, cls.learn(data, recipe, section))
        extra = cls.extra_examples(data, recipe, section, classes, seed)
        examples = draft._examples(data, section, place.folder, extra)
        table: Any = section
        validated = draft._held_out(held_out, section) if held_out and table.patience else None
        training, model = cls.build(examples.inputs, len(classes), section, seed)
        history = train_network(
            training,
            examples,
            cls.schedule(section, seed),
            validation=validated,
            workspace=place,
            loss=cls.loss,
        )
        trained = cls(manifest, draft.arrays, model)
        trained.history = history
        return trained

    def _examples(
        self,
        data: Labelled,
        section: Section,
        folder: Path | None,
        extra: tuple[Block, npt.NDArray[np.str_]] | None,
    ) -> Examples:
        """Prepared training rows, those from elsewhere last."""
        label = data.label if extra is None else np.concatenate([data.label, extra[1]])
        number = class_numbers(label, self.classes)
        inputs = self._prepared(data, folder, None if extra is None else extra[0], len(number))
        table: Any = section
        weight = balanced_weights(number, len(self.classes)) if table.class_weights == "balanced" else None
        return Examples(
            inputs,
            self.targets(number, self.classes, section),
            self.epoch_rows(number, len(self.classes), section),
            weight,
            self.change(section),
        )

    def _held_out(self, data: Labelled, section: Section) -> Examples:
        """Prepared rows to hold a model against, each with the weight of its class."""
        examples = self._examples(data, section, None, None)
        return replace(examples, rows=None, change=None)

    def _prepared(self, data: Labelled, folder: Path | None, extra: Block | None, rows: int) -> Inputs:
        """Prepare rows block by block, into memory or a file."""
        inputs: Inputs | None = None
        others = [] if extra is None else [(slice(len(data), rows), extra)]
        for span, block in chain(data.blocks(), others):
            part = self.prepare(block)
            if inputs is None:
                inputs = _room(folder, (rows, *part.shape[1:]), part.dtype)
            inputs[span] = part
        if inputs is None:
            raise ConfigurationError("there are no rows to train on")
        return inputs

    def _forward(self, inputs: Inputs) -> F4:
        raw = np.asarray(self.model.predict_on_batch(inputs))
        return apply_temperature(raw, self.manifest.temperature).astype(np.float32)

    def write_parts(self, folder: Path) -> list[str]:
        """Write the networks, and what was learnt before."""
        self.model.save(folder / WEIGHTS)
        if not self.arrays:
            return [WEIGHTS]
        write_arrays(folder / ARRAYS, self.arrays)
        return [WEIGHTS, ARRAYS]

    @classmethod
    def read_parts(cls, folder: Path, manifest: Manifest) -> Self:
        """Read the networks in safe mode, and the arrays.

        Raises
        ------
        ConfigurationError
            Keras or numpy refuses a file.
        """
        arrays = read_arrays(folder / ARRAYS) if ARRAYS in manifest.files else {}
        return cls(manifest, arrays, read_model(folder / WEIGHTS))


def check_labels(data: Labelled, classes: tuple[str, ...]) -> None:
    """Refuse labels that are no class, and fewer than two classes."""
    if len(np.unique(class_numbers(data.label, classes))) < 2:
        raise ConfigurationError(
            f"training needs usable objects of at least two classes; there are {len(data)} usable, "
            f"of classes {sorted({str(label) for label in data.label})}"
        )


def prepare_for_use(model: Any) -> None:
    """Settle how `predict_on_batch` is compiled: once per batch shape."""
    # TensorFlow takes the networks of successive folds, each compiled once, for one that is compiled again and again.
    logging.getLogger("tensorflow").addFilter(_not_about_retracing)
    model.compile(jit_compile=jit())


def possible_rows(family: type[Classifier[Any]], data: Labelled, recipe: Recipe) -> npt.NDArray[np.bool_]:
    """Mark the rows that can be classified, block by block."""
    marks = [family.possible(block, recipe) for _, block in data.blocks()]
    return np.concatenate(marks) if marks else np.zeros(0, bool)


def read_model(path: Path) -> Any:
    """Load a network in safe mode.

    Raises
    ------
    ConfigurationError
        Keras refuses the file.
    """
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras has no error of its own for a bad file
        raise ConfigurationError(f"{path} cannot be loaded ({error}); train again") from error


def _possible(family: type[Classifier[Any]], data: Labelled, recipe: Recipe) -> Labelled:
    recipe.check_shapes(data.shapes)
    return data.take(possible_rows(family, data, recipe))


def _room(folder: Path | None, shape: tuple[int, ...], dtype: Any) -> Inputs:
    """Room for prepared inputs: a file, of which the system keeps in memory what fits, or memory."""
    if folder is None:
        return np.empty(shape, dtype)
    folder.mkdir(parents=True, exist_ok=True)
    return np.lib.format.open_memmap(folder / INPUTS, "w+", dtype, shape)


def _not_about_retracing(record: logging.LogRecord) -> bool:
    return "tf.function retracing" not in record.getMessage()
