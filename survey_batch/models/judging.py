"""How a model is calibrated and judged on held-out objects: by its classes or by its quantities."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from survey_batch.core.arrays import Index
from survey_batch.models.calibration import fit_temperature
from survey_batch.models.classes import class_numbers
from survey_batch.models.cross_validation import calibrated_across_folds
from survey_batch.models.labelled import Labelled
from survey_batch.models.manifest import Manifest, Quantity
from survey_batch.models.prior import Prior, object_weights
from survey_batch.models.scores import brief, scores_of
from survey_batch.models.value_scores import SCORES, error_factor, value_scores

Answers = npt.NDArray[Any]
"""What a model, or a baseline, says of each object: (object, …)."""


class Judge(ABC):
    """What is done with the answers for objects whose truth is known.

    Attributes
    ----------
    calibrates : str
        What held-out objects decide, in words.
    which : str
        What that is good for.
    """

    calibrates: ClassVar[str]
    which: ClassVar[str]

    @abstractmethod
    def named(self) -> dict[str, Any]:
        """Return the entries of the scores that say what the model answers with."""

    @abstractmethod
    def fitted(self, manifest: Manifest) -> dict[str, Any]:
        """Return the entries of the scores that say how the answers were calibrated."""

    @abstractmethod
    def calibration(self, data: Labelled, answers: Answers) -> dict[str, Any]:
        """Return the manifest's entries that the answers for held-out objects decide; rows of NaN do not count."""

    @abstractmethod
    def across_folds(self, data: Labelled, answers: Answers, fold: Index) -> Answers:
        """Calibrate the answers for each fold, (object,), by those for the other folds."""

    @abstractmethod
    def scores(self, data: Labelled, answers: Mapping[str, Answers], seed: int) -> dict[str, Any]:
        """Compute the scores of several answers for the same objects; one is `classifier`."""

    @abstractmethod
    def brief(self, part: Mapping[str, Any]) -> dict[str, Any]:
        """Select the scores of one part that the manifest holds, `baselines` among them."""

    @abstractmethod
    def draw(self, parts: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
        """Plot the model's scores of each part into a folder; there is at least one part."""


class ByClasses(Judge):
    """Judges probabilities by labels."""

    calibrates: ClassVar[str] = "the temperature"
    which: ClassVar[str] = "which sets how sure the classifier may be"

    def __init__(self, classes: tuple[str, ...], prior: Prior) -> None:
        self.classes, self.prior = classes, prior

    @override
    def named(self) -> dict[str, Any]:
        return {"classes": list(self.classes)}

    @override
    def fitted(self, manifest: Manifest) -> dict[str, Any]:
        return {"temperature": manifest.temperature}

    @override
    def calibration(self, data: Labelled, answers: Answers) -> dict[str, Any]:
        known = np.isfinite(answers).all(axis=1)
        number = class_numbers(data.label, self.classes)[known]
        weights = object_weights(number, self.classes, self.prior)
        return {"temperature": fit_temperature(number, answers[known], weights=weights)}

    @override
    def across_folds(self, data: Labelled, answers: Answers, fold: Index) -> Answers:
        number = class_numbers(data.label, self.classes)
        return calibrated_across_folds(number, answers, fold, object_weights(number, self.classes, self.prior))

    @override
    def scores(self, data: Labelled, answers: Mapping[str, Answers], seed: int) -> dict[str, Any]:
        return scores_of(data, answers, self.classes, seed, prior=self.prior)

    @override
    def brief(self, part: Mapping[str, Any]) -> dict[str, Any]:
        others = {name: one for name, one in part.items() if isinstance(one, dict) and "confusion" in one}
        beside = {name: one["accuracy"] for name, one in others.items() if name != "classifier"}
        return brief(part) | {"baselines": beside}

    @override
    def draw(self, parts: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
        from survey_batch.models.plots import confusion_plot, coverage_plot, reliability_plot

        title, first = next(iter(parts.items()))
        confusion_plot(first["confusion"], self.classes, title.capitalize(), folder / "confusion.png")
        curves = {part: one["reliability"] for part, one in parts.items()}
        reliability_plot(curves, "Reliability", folder / "reliability.png")
        answered = {part: one["coverage"]["curve"] for part, one in parts.items()}
        coverage_plot(answered, "Coverage", folder / "coverage.png")


class ByValues(Judge):
    """Judges quantities and their errors by columns of the catalogue."""

    calibrates: ClassVar[str] = "the scale of the errors"
    which: ClassVar[str] = "so that 68 % of new objects lie within one error"

    def __init__(self, quantities: tuple[Quantity, ...]) -> None:
        self.quantities = quantities

    @override
    def named(self) -> dict[str, Any]:
        return {"quantities": [quantity.name for quantity in self.quantities]}

    @override
    def fitted(self, manifest: Manifest) -> dict[str, Any]:
        return {"error_factors": {quantity.name: quantity.error_factor for quantity in manifest.quantities}}

    @override
    def calibration(self, data: Labelled, answers: Answers) -> dict[str, Any]:
        factors = self._factors(data, answers)
        now = zip(self.quantities, factors, strict=True)
        return {"quantities": tuple(one.model_copy(update={"error_factor": factor}) for one, factor in now)}

    @override
    def across_folds(self, data: Labelled, answers: Answers, fold: Index) -> Answers:
        scaled = answers.copy()
        for number in np.unique(fold):
            others = fold != number
            factors = self._factors(data.take(others), answers[others])
            scaled[np.flatnonzero(~others), len(self.quantities) :] *= factors
        return scaled

    def _factors(self, data: Labelled, answers: Answers) -> list[float]:
        known, count = np.isfinite(answers).all(axis=1), len(self.quantities)
        if not known.any():
            return [1.0] * count
        columns = (data.targets[known], answers[known, :count], answers[known, count:])
        return [error_factor(*(part[:, column] for part in columns)) for column in range(count)]

    @override
    def scores(self, data: Labelled, answers: Mapping[str, Answers], seed: int) -> dict[str, Any]:
        return value_scores(data, answers, seed)

    @override
    def brief(self, part: Mapping[str, Any]) -> dict[str, Any]:
        first, others = part["classifier"], {name: one for name, one in part.items() if _has_values(one)}
        held = {name: {key: one[key] for key in SCORES if key in one} for name, one in first["quantities"].items()}
        beside = {
            name: {quantity: figures["nmad"] for quantity, figures in one["quantities"].items()}
            for name, one in others.items()
            if name != "classifier"
        }
        return {"objects": first["objects"], "stars": first["stars"], "quantities": held, "baselines": beside}

    @override
    def draw(self, parts: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
        from survey_batch.models.plots import intervals_plot, residuals_plot

        title, first = next(iter(parts.items()))
        points = {name: one["points"] for name, one in first["quantities"].items()}
        residuals_plot(points, self.quantities, title.capitalize(), folder / "residuals.png")
        curves = {
            f"{quantity}, {part}": figures["intervals"]
            for part, one in parts.items()
            for quantity, figures in one["quantities"].items()
        }
        intervals_plot(curves, "Intervals", folder / "intervals.png")


def _has_values(one: Any) -> bool:
    return isinstance(one, Mapping) and "quantities" in one


def judge_of(classes: tuple[str, ...], quantities: tuple[Quantity, ...], prior: Prior) -> Judge:
    """Choose how answers are judged: by the quantities, if there are any, else by the classes."""
    return ByValues(quantities) if quantities else ByClasses(classes, prior)


def judge_of_model(manifest: Manifest, prior: Prior) -> Judge:
    """Choose how a model's answers are judged."""
    return judge_of(manifest.classes, manifest.quantities, prior)
