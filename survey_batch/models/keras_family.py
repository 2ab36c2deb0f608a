"""Base class of families with a Keras model: fitting, batches, saving and loading."""

import logging
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from typing_extensions import override

from survey_batch.config.sections.training_base import NetworkTraining
from survey_batch.core.arrays import F4, Variables
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.base import Inputs
from survey_batch.models.calibration import apply_temperature
from survey_batch.models.classes import class_numbers
from survey_batch.models.devices import check_backend
from survey_batch.models.examples import Examples, Schedule, Training, balanced_weights
from survey_batch.models.fitted import Arrays, Extra, FittedClassifier, valid_part
from survey_batch.models.fitting import Workspace
from survey_batch.models.keras_file import write_network
from survey_batch.models.labelled import Labelled
from survey_batch.models.manifest import Manifest, again
from survey_batch.models.trainer import jit, train_network

INPUTS, HELD_OUT = "inputs.npy", "held_out.npy"
"""Prepared rows, beside the checkpoints."""

NetworkSection = TypeVar("NetworkSection", bound=NetworkTraining)

_turn = Lock()


class KerasClassifier(FittedClassifier[NetworkSection]):
    """A family with one Keras model.

    A subclass defines `recipe_of`, `prepare` and `training`, and `learn` if its preprocessing is fitted to training
    rows. Its table `[train]` is a `NetworkTraining`.
    """

    model_file: ClassVar[str] = "network.keras"

    def __init__(self, manifest: Manifest, arrays: Arrays | None = None, model: Any = None) -> None:
        super().__init__(manifest, arrays, model)
        if model is not None:
            prepare_for_use(model)

    @classmethod
    @override
    def check_environment(cls) -> None:
        check_backend()

    def training(self, section: NetworkSection) -> Training:
        """Say how the network is made and trained; the draft knows its classes and seed."""
        raise NotImplementedError

    @classmethod
    @override
    def fit(
        cls,
        data: Labelled,
        section: NetworkSection,
        *,
        classes: tuple[str, ...] | None = None,
        validation: Labelled | None = None,
        workspace: Workspace | None = None,
        seed: int | None = None,
    ) -> Self:
        seed, workspace = section.seed if seed is None else seed, workspace or Workspace()
        draft, data = cls.prepare_fit(data, section, classes, seed)
        held_out = valid_part(cls, validation, draft.recipe) if validation else None
        how = draft.training(section)
        extra = draft.extra_examples(data, section)
        examples = draft.examples(data, section, how, workspace.folder and workspace.folder / INPUTS, extra)
        validated = None
        if held_out and section.patience:
            validated = draft.examples(held_out, section, how, workspace.folder and workspace.folder / HELD_OUT)
            validated = replace(validated, rows=None, augment=None)
        built = how.build(examples.inputs)
        training, model = built if isinstance(built, tuple) else (built, built)
        pace = (section.epochs, section.batch, section.learning_rate)
        schedule = Schedule(*pace, how.decay, how.weight_decay, section.patience, seed)
        history = train_network(training, examples, schedule, validation=validated, workspace=workspace, loss=how.loss)
        trained = draft.with_model(model)
        trained.history = history
        return trained

    def with_model(self, model: Any) -> Self:
        """Return the classifier of which this is the draft."""
        return type(self)(self.manifest, self.arrays, model)

    def examples(
        self, data: Labelled, section: NetworkSection, how: Training, file: Path | None, extra: Extra | None = None
    ) -> Examples:
        """Prepare rows to train on, in memory or in a file; extra ones come last."""
        label = data.label if extra is None else np.concatenate([data.label, extra[1]])
        number, classes = class_numbers(label, self.classes), len(self.classes)
        return Examples(
            self._prepared(data, file, None if extra is None else extra[0], len(number)),
            how.targets(number) if how.targets else np.eye(classes, dtype=np.float32)[number],
            how.epoch_rows(number) if how.epoch_rows else None,
            balanced_weights(number, classes) if section.class_weights == "balanced" else None,
            how.augment,
        )

    def _prepared(self, data: Labelled, file: Path | None, extra: Variables | None, rows: int) -> Inputs:
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

    @property
    def columns(self) -> int | None:
        """Columns of the network's output: those of an answer; None if a family's own rule makes answers of them."""
        return self.manifest.columns

    def misfit(self) -> str:
        """Compare the network's outputs with the manifest."""
        shape = getattr(self.model, "output_shape", None)
        if self.columns is None or not isinstance(shape, tuple) or shape[-1] in (None, self.columns):
            return ""
        return f"has {shape[-1]} outputs for {self.columns} {self.manifest.outputs}"

    def _forward(self, inputs: Inputs) -> F4:
        answer = self.answer(inputs)
        if self.manifest.outputs != "classes":
            return answer
        return apply_temperature(answer, self.manifest.temperature).astype(np.float32)

    def answer(self, inputs: Inputs) -> F4:
        """Compute the answer, (object, column): probabilities before temperature scaling."""
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
        write_network(self.model, path)

    @classmethod
    def read_model(cls, path: Path) -> Any:
        """Read the networks in safe mode."""
        check_backend()
        import keras

        try:
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # Keras has no error of its own for a bad file
            raise ConfigurationError(f"{path} cannot be loaded ({error}); {again(cls.kind)}") from error


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
