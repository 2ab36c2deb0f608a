"""Base class of families that fit a model to prepared rows: learnt preprocessing, and the files in the folder."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import Variables
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.artifact import read_arrays, write_arrays
from survey_batch.models.base import Classifier, Section
from survey_batch.models.calibration import SMALLEST
from survey_batch.models.classes import class_numbers, classes_among
from survey_batch.models.engines.graph import Graph
from survey_batch.models.labelled import Labelled
from survey_batch.models.manifest import Manifest, again
from survey_batch.models.recipe import Recipe

ARRAYS = "preprocessing.npz"

Arrays = Mapping[str, npt.NDArray[Any]]
Extra = tuple[Variables, npt.NDArray[np.str_]]
"""Rows of the product's variables, and their labels."""


class FittedClassifier(Classifier[Section]):
    """A family that learns its preprocessing, then fits one model to prepared rows.

    While it is fitted, it is a draft: it has its recipe, classes and seed, then what `learn` found, but no model yet.

    Attributes
    ----------
    model_file : str
        The file that the model is stored in.
    """

    model_file: ClassVar[str]

    def __init__(self, manifest: Manifest, arrays: Arrays | None = None, model: Any = None) -> None:
        super().__init__(manifest)
        self.arrays = arrays or {}
        """What `learn` found."""
        self.model = model

    def learn(self, data: Labelled, section: Section) -> Arrays:  # noqa: ARG002
        """Fit the preprocessing to training rows, all of them valid; by default nothing."""
        return {}

    def extra_examples(self, data: Labelled, section: Section) -> Extra | None:  # noqa: ARG002
        """Return extra training rows, such as templates, with their labels; never used for validation or test."""
        return None

    @classmethod
    def answers_from(cls, data: Labelled, classes: tuple[str, ...]) -> dict[str, Any]:
        """Return the manifest's entries about what a model that is fitted to this data answers with.

        Raises
        ------
        ConfigurationError
            The data is too little to learn from.
        """
        check_labels(data, classes)
        return {"classes": classes}

    @classmethod
    @abstractmethod
    def read_model(cls, path: Path) -> Any:
        """Load a model without unpickling; a ConfigurationError says why it is refused."""

    @abstractmethod
    def write_model(self, path: Path) -> None:
        """Store the model."""

    def onnx_answer(self, graph: Graph, output: str) -> str:
        """Add what a classifier makes of its model's output, up to the temperature, to an ONNX graph.

        A family that makes more of it, such as one with an `answer` of its own, overrides this, or cannot be exported.
        """
        if self.manifest.outputs != "classes" or self.manifest.temperature == 1:
            return output
        logits = graph.add("Log", graph.add("Max", output, graph.constant(SMALLEST)))
        return graph.add("Softmax", graph.add("Div", logits, graph.constant(self.manifest.temperature)), axis=-1)

    @property
    def onnx_evidence(self) -> dict[str, tuple[int | None, ...]]:
        """Shape of each array that `evidence` finds, the objects first: None."""
        return {}

    def onnx_settle(self, graph: Graph, answer: str, evidence: Mapping[str, str]) -> str:  # noqa: ARG002
        """Add the kind's rule, `settle`, to an ONNX graph; `evidence` names its inputs, float32."""
        return answer

    @classmethod
    def prepare_fit(
        cls, data: Labelled, section: Section, classes: tuple[str, ...] | None, seed: int
    ) -> tuple[Self, Labelled]:
        """Make a classifier with its preprocessing but no model yet, and select the rows that it can be fitted to."""
        recipe = cls.recipe_of(data, section)
        classes = classes or cls.only_classes or classes_among(data.label)
        data = valid_part(cls, data, recipe)
        answers = cls.answers_from(data, classes)
        draft = cls(Manifest(kind=cls.kind, variant=cls.variant, recipe=recipe, seed=seed, **answers))
        draft.arrays = draft.learn(data, section)
        return draft, data

    def write_parts(self, folder: Path) -> list[str]:
        """Write the model and the learnt preprocessing."""
        self.write_model(folder / self.model_file)
        if not self.arrays:
            return [self.model_file]
        write_arrays(folder / ARRAYS, self.arrays)
        return [self.model_file, ARRAYS]

    @classmethod
    def read_parts(cls, folder: Path, manifest: Manifest) -> Self:
        """Read the model and the arrays.

        Raises
        ------
        ConfigurationError
            A file is damaged, can only be read by unpickling, or its model has not one output for each class.
        """
        arrays = read_arrays(folder / ARRAYS) if ARRAYS in manifest.files else {}
        classifier = cls(manifest, arrays, cls.read_model(folder / cls.model_file))
        if wrong := classifier.misfit():
            raise ConfigurationError(
                f"{folder / cls.model_file} {wrong}: the manifest does not belong to it; restore the folder, or "
                f"{again(manifest.kind)}"
            )
        return classifier

    def misfit(self) -> str:
        """Say how the model's outputs differ from the manifest's; empty if they do not."""
        return ""


def valid_rows_of(family: type[Classifier[Any]], data: Labelled, recipe: Recipe) -> npt.NDArray[np.bool_]:
    """Mark the rows that can be classified, block by block."""
    marks = [family.valid_rows(block, recipe) for _, block in data.blocks()]
    return np.concatenate(marks) if marks else np.zeros(0, bool)


def predict_rows(classifier: Classifier[Any], data: Labelled) -> npt.NDArray[np.float32]:
    """Compute the answers (object, column) for all rows, block by block."""
    answers = [classifier.predict_proba(block) for _, block in data.blocks()]
    return np.concatenate(answers) if answers else np.zeros((0, classifier.manifest.columns), np.float32)


def valid_part(family: type[Classifier[Any]], data: Labelled, recipe: Recipe) -> Labelled:
    """Take the rows that can be classified; refuse data of the wrong shape."""
    recipe.check_shapes(data.shapes)
    return data.take(valid_rows_of(family, data, recipe))


def check_labels(data: Labelled, classes: tuple[str, ...]) -> None:
    """Refuse labels that are not among the classes, and data with fewer than two classes."""
    if len(np.unique(class_numbers(data.label, classes))) < 2:
        raise ConfigurationError(
            f"training needs usable objects of at least two classes; there are {len(data)} usable, "
            f"of classes {sorted({str(label) for label in data.label})}"
        )
