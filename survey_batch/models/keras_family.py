"""Base class of families with a Keras model: fitting, batches, saving and loading."""

import logging
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, Index
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.base import Block, Inputs, Section, Workspace
from survey_batch.models.calibration import apply_temperature
from survey_batch.models.classes import class_numbers
from survey_batch.models.examples import Augment, Examples, Schedule, balanced_weights
from survey_batch.models.fitted import Arrays, FittedClassifier, valid_part
from survey_batch.models.labelled import Labelled
from survey_batch.models.manifest import Manifest, Recipe
from survey_batch.models.trainer import jit, train_network

INPUTS, HELD_OUT = "inputs.npy", "held_out.npy"
"""Prepared rows, beside the checkpoints."""


_turn = Lock()


class KerasClassifier(FittedClassifier[Section]):
    """A family with one Keras model.

    A subclass defines `recipe_of`, `valid_rows`, `prepare` and `build`, and `learn` if its preprocessing is fitted to
    training rows. It may override any of the methods below.

    Attributes
    ----------
    loss : str
        The loss to minimise: `categorical_crossentropy` or `mse`.
    """

    model_file: ClassVar[str] = "network.keras"
    loss: ClassVar[str] = "categorical_crossentropy"

    def __init__(self, manifest: Manifest, arrays: Arrays | None = None, model: Any = None) -> None:
        super().__init__(manifest, arrays, model)
        if model is not None:
            prepare_for_use(model)

    @classmethod
    def build(cls, sample: Inputs, classes: int, section: Section, seed: int) -> tuple[Any, Any]:
        """Build the networks.

        Parameters
        ----------
        sample
            Prepared training rows (object, …), possibly mapped from a file larger than memory.
        classes
            Number of classes.
        section, seed
            Network sizes, and the seed of weights and dropout.

        Returns
        -------
        tuple of keras.Model
            One for training, and one for use, which outputs probabilities (object, class). Often they are the same.
        """
        raise NotImplementedError

    @classmethod
    def augment(cls, section: Section) -> Augment | None:  # noqa: ARG003
        """Return the augmentation of a batch of training rows; by default none."""
        return None

    @classmethod
    def schedule(cls, section: Section, seed: int) -> Schedule:
        """Read epochs, batch, learning rate and patience from a table of `NetworkTraining`."""
        table: Any = section
        return Schedule(table.epochs, table.batch, table.learning_rate, patience=table.patience, seed=seed)

    @classmethod
    def targets(cls, number: Index, classes: tuple[str, ...], section: Section) -> F4:  # noqa: ARG003
        """Make the training model's targets for rows of these classes, (object, …)."""
        return np.eye(len(classes), dtype=np.float32)[number]

    @classmethod
    def epoch_rows(cls, number: Index, classes: int, section: Section, seed: int) -> Index | None:  # noqa: ARG003
        """Choose the rows of an epoch; by default each row once."""
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
        """Return extra training rows, such as templates, with their labels; never used for validation or test."""
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
        draft, data = cls.prepare_fit(data, section, classes, seed)
        recipe, classes = draft.recipe, draft.classes
        held_out = valid_part(cls, validation, recipe) if validation else None
        extra = cls.extra_examples(data, recipe, section, classes, seed)
        examples = draft.training_examples(data, section, place.folder and place.folder / INPUTS, extra)
        table: Any = section
        validated = draft.held_out_examples(held_out, section, place.folder) if held_out and table.patience else None
        training, model = cls.build(examples.inputs, len(classes), section, seed)
        history = train_network(
            training,
            examples,
            cls.schedule(section, seed),
            validation=validated,
            workspace=place,
            loss=cls.loss,
        )
        trained = cls(draft.manifest, draft.arrays, model)
        trained.history = history
        return trained

    def training_examples(
        self,
        data: Labelled,
        section: Section,
        file: Path | None,
        extra: tuple[Block, npt.NDArray[np.str_]] | None,
    ) -> Examples:
        """Prepare training rows, extra ones last."""
        label = data.label if extra is None else np.concatenate([data.label, extra[1]])
        number = class_numbers(label, self.classes)
        inputs = self._prepared(data, file, None if extra is None else extra[0], len(number))
        table: Any = section
        weight = balanced_weights(number, len(self.classes)) if table.class_weights == "balanced" else None
        return Examples(
            inputs,
            self.targets(number, self.classes, section),
            self.epoch_rows(number, len(self.classes), section, self.manifest.seed),
            weight,
            self.augment(section),
        )

    def held_out_examples(self, data: Labelled, section: Section, folder: Path | None) -> Examples:
        """Prepare validation rows, each with the weight of its class."""
        examples = self.training_examples(data, section, folder and folder / HELD_OUT, None)
        return replace(examples, rows=None, augment=None)

    def _prepared(self, data: Labelled, file: Path | None, extra: Block | None, rows: int) -> Inputs:
        """Prepare rows block by block, into memory or a file."""
        inputs: Inputs | None = None
        others = [] if extra is None else [(slice(len(data), rows), extra)]
        for span, block in chain(data.blocks(), others):
            part = self.prepare(block)
            if inputs is None:
                inputs = _room(file, (rows, *part.shape[1:]), part.dtype)
            inputs[span] = part
        if inputs is None:
            raise ConfigurationError("there are no rows to train on")
        return inputs

    def _forward(self, inputs: Inputs) -> F4:
        return apply_temperature(self.answer(inputs), self.manifest.temperature).astype(np.float32)

    def answer(self, inputs: Inputs) -> F4:
        """Compute probabilities before temperature scaling, (object, class)."""
        return self.outputs(inputs)

    def outputs(self, inputs: Inputs) -> F4:
        """Run the model on a batch.

        Keras on JAX passes the model's state from call to call, so a second thread would find it gone. A lock makes
        threads take turns.
        """
        with _turn if jit() else nullcontext():
            return np.asarray(self.model.predict_on_batch(inputs))

    def write_model(self, path: Path) -> None:
        """Write the networks."""
        self.model.save(path)

    @classmethod
    def read_model(cls, path: Path) -> Any:
        """Read the networks in safe mode."""
        import keras

        try:
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # Keras has no error of its own for a bad file
            raise ConfigurationError(f"{path} cannot be loaded ({error}); train again") from error


def prepare_for_use(model: Any) -> None:
    """Set how `predict_on_batch` is compiled: once per batch shape."""
    # Each fold's network is compiled once, but TensorFlow warns as if one network were compiled again and again.
    logging.getLogger("tensorflow").addFilter(_not_about_retracing)
    model.compile(jit_compile=jit())


def _room(file: Path | None, shape: tuple[int, ...], dtype: Any) -> Inputs:
    """Allocate an array for prepared inputs, in memory or mapped to a file."""
    if file is None:
        return np.empty(shape, dtype)
    file.parent.mkdir(parents=True, exist_ok=True)
    return np.lib.format.open_memmap(file, "w+", dtype, shape)


def _not_about_retracing(record: logging.LogRecord) -> bool:
    return "tf.function retracing" not in record.getMessage()
