"""One's own model, which `survey-batch adopt` has put into a folder: the base of its three variants.

The recipe's steps are the preprocessing, under "1", "2", … (`survey_batch.models.input_pipeline`), and what turns the
model's outputs into an answer: `outputs`, the names of those that are put side by side, in JSON, and `scores`,
`logits` or `probabilities`, if the model has classes.
"""

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Never, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax
from typing_extensions import override

from survey_batch.config.sections.training_base import TrainingSection
from survey_batch.core.arrays import F4, Flags, Variables
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.threads import one_thread
from survey_batch.models.base import Inputs
from survey_batch.models.engines.graph import Graph
from survey_batch.models.fitted import FittedClassifier
from survey_batch.models.input_layout import Array, Data
from survey_batch.models.input_pipeline import Step, begin, only, run_steps, steps_of
from survey_batch.models.manifest import Manifest
from survey_batch.models.ports import Port, matched
from survey_batch.models.recipe import Recipe

OUTPUTS, SCORES = "outputs", "scores"
"""Keys of the recipe's steps."""

SUM_TOLERANCE = 1e-2
"""Largest difference from 1 of a sum of probabilities; half precision has errors of 1e-3."""

NOT_TRAINED = (
    "an adopted model is not trained here: remove [train], name its folder in predictions.classifier, and write the "
    "folder with survey-batch adopt"
)


class Adopted(FittedClassifier[TrainingSection]):
    """A model that was trained elsewhere.

    A subclass reads and copies its file, and says what the model takes (`takes`) and answers (`ask`).

    Attributes
    ----------
    source : Path or None
        The file that `write_model` copies; None for a model that was made in this process.
    """

    kind: ClassVar[str] = "adopted"
    product: ClassVar[str] = ""
    variables: ClassVar[tuple[str, ...]] = ()
    why_not: ClassVar[str] = (
        "a value that the model works on is missing or does not fit its type, or its answer is not a finite number"
    )
    needs_labels: ClassVar[bool] = False
    source: Path | None = None

    @classmethod
    def class_names(cls, model: Any) -> tuple[str, ...]:  # noqa: ARG003
        """Return the model's own names of its classes; empty if it has none."""
        return ()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features that the model was trained on, in order; empty if it does not know them."""
        return ()

    @cached_property
    @abstractmethod
    def takes(self) -> tuple[Port, ...]:
        """The model's inputs."""

    @abstractmethod
    def ask(self, given: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run the model on a batch: its inputs by name, (object, …), to its outputs by name, (object, …)."""

    @classmethod
    @override
    def fit(cls, *_: Any, **__: Any) -> Never:
        raise ConfigurationError(NOT_TRAINED)

    @classmethod
    @override
    def recipe_of(cls, *_: Any, **__: Any) -> Never:
        raise ConfigurationError(NOT_TRAINED)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The preprocessing."""
        return steps_of(self.recipe)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one object in each variable after preprocessing."""
        shapes = {name: self.recipe.shapes.get(name, self.recipe.shape) for name in self.recipe.variables}
        kinds = {name: np.int32 if name == "mask" else np.float32 for name in shapes}
        ones = {name: np.ones((1, *shape), kinds[name]) for name, shape in shapes.items()}
        made = run_steps(begin(ones, self.recipe), self.steps)
        return {name: values.shape[1:] for name, values in made.values.items()}

    @override
    @one_thread()
    def prepared(self, block: Variables) -> Variables:
        self.recipe.check_block(block)
        data = run_steps(begin(block, self.recipe), self.steps)
        data = only(data, data.possible & self.held(data))
        return {"inputs": self.packed(data), "possible": data.possible}

    @override
    def prepare(self, block: Variables) -> Inputs:
        return self.prepared(block)["inputs"]

    @classmethod
    @override
    def valid_rows(cls, block: Variables, recipe: Recipe) -> Flags:
        """Mark the objects that the preprocessing leaves with all their values."""
        return run_steps(begin(block, recipe), steps_of(recipe)).possible

    def held(self, data: Data) -> Flags:
        """Mark the objects whose values fit the model's types: no fractions in whole numbers, no 1e5 in float16."""
        wiring = matched(self.takes, self.shapes) or {}
        held = np.ones(len(data.possible), bool)
        for port in self.takes:
            values = data.values[wiring[port.name]] if port.name in wiring else held
            if port.dtype and not np.can_cast(values.dtype, port.dtype):
                held &= _holds(port.dtype, values).reshape(len(held), -1).all(axis=1)
        return held

    @staticmethod
    def packed(data: Data) -> Inputs:
        """Make one array of the variables: several are laid side by side in a row of numbers for each object."""
        if len(data.values) == 1:
            return next(iter(data.values.values()))
        rows = [values.reshape(len(values), -1).astype(np.float32) for values in data.values.values()]
        return np.concatenate(rows, axis=1)

    def unpacked(self, inputs: Inputs) -> dict[str, Array]:
        """Return the model's inputs by name, in the types that it takes."""
        wiring = matched(self.takes, self.shapes) or {}
        parts = {next(iter(self.shapes)): inputs}
        if len(self.shapes) > 1:
            ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes.values()])[:-1]
            split = zip(self.shapes.items(), np.split(inputs, ends, axis=1), strict=True)
            parts = {name: values.reshape(len(values), *shape) for (name, shape), values in split}
        return {port.name: parts[wiring[port.name]].astype(port.dtype or None, copy=False) for port in self.takes}

    def _forward(self, inputs: Inputs) -> F4:
        return self.combined(self.ask(self.unpacked(inputs)))

    def raw(self, found: Mapping[str, Array]) -> F4:
        """Put the model's outputs side by side as they are, (object, column)."""
        names: Sequence[str] = json.loads(str(self.recipe.steps[OUTPUTS]))
        return side_by_side([found[name] for name in names])

    def combined(self, found: Mapping[str, Array]) -> F4:
        """Make the answer (object, column) of the model's outputs."""
        answer = self.raw(found)
        if self.manifest.outputs != "classes":
            return answer
        one_for_two = answer.shape[1] == 1 and len(self.classes) == 2
        if self.recipe.steps.get(SCORES) == "logits":
            answer = expit(answer) if one_for_two else softmax(answer.astype(np.float64), axis=1)
        return np.asarray(np.concatenate([1 - answer, answer], axis=1) if one_for_two else answer, np.float32)

    @property
    def one_for_two(self) -> bool:
        """Whether the model has one number for two classes; known before it has answered."""
        return False

    @override
    def onnx_answer(self, graph: Graph, output: str) -> str:
        """Do what `combined` does with the only output."""
        if self.manifest.outputs != "classes":
            return output
        logits = self.recipe.steps.get(SCORES) == "logits"
        if not self.one_for_two:
            return graph.add("Softmax", output, axis=-1) if logits else output
        second = graph.add("Sigmoid", output) if logits else output
        return graph.add("Concat", graph.add("Sub", graph.constant(1), second), second, axis=-1)

    @override
    def settle(self, probability: F4, prepared: Variables) -> F4:
        """Leave an object without an answer if any number of it is not finite."""
        return np.where(np.isfinite(probability).all(axis=1, keepdims=True), probability, np.float32(np.nan))

    @override
    def _check_answer(self, answer: F4) -> None:
        super()._check_answer(np.nan_to_num(answer))
        known = answer[np.isfinite(answer).all(axis=1)]
        if self.manifest.outputs == "classes" and (wrong := not_probabilities(known)):
            raise ConfigurationError(f"the adopted model {self.variant} answers with what is no probability: {wrong}")

    @override
    def misfit(self) -> str:
        """Compare what the model takes with what the recipe gives."""
        if matched(self.takes, self.shapes) is None:
            return f"takes {', '.join(map(str, self.takes))}, and its recipe gives {self.shapes}"
        return ""

    def write_model(self, path: Path) -> None:
        """Copy the model's file as it is."""
        if self.source is None:
            super().write_model(path)  # type: ignore[safe-super]
        else:
            path.write_bytes(self.source.read_bytes())

    @classmethod
    @override
    def read_parts(cls, folder: Path, manifest: Manifest) -> Self:
        classifier = super().read_parts(folder, manifest)
        classifier.source = folder / cls.model_file
        return classifier


def _holds(dtype: str, values: Array) -> Flags:
    """Mark values that stay themselves in another type, apart from rounding; bits become a truth value."""
    with np.errstate(invalid="ignore", over="ignore"):
        cast = values.astype(dtype)
    if cast.dtype.kind == "f":
        return np.asarray(np.isfinite(cast) == np.isfinite(values), bool)
    return np.asarray((cast == values) | (cast.dtype.kind == "b" and values.dtype.kind in "iu"), bool)


def side_by_side(outputs: Sequence[Array]) -> F4:
    """Put outputs (object, …) beside each other: (object, column) float32."""
    rows = [np.asarray(values).reshape(len(values), -1).astype(np.float32) for values in outputs]
    return np.concatenate(rows, axis=1)


def not_probabilities(answer: npt.NDArray[np.floating]) -> str:
    """Say why finite answers (object, class) are no probabilities; empty if they are."""
    if not len(answer):
        return ""
    total = answer.sum(axis=1)
    if answer.min() < -SUM_TOLERANCE or answer.max() > 1 + SUM_TOLERANCE:
        return f"its numbers go from {answer.min():.4g} to {answer.max():.4g}"
    if np.abs(total - 1).max() > SUM_TOLERANCE:
        return f"those of an object sum to {total[np.abs(total - 1).argmax()]:.4g}"
    return ""
