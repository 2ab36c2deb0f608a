"""What the product `predictions` holds: classes, values or an embedding, as the model's manifest says."""

from abc import ABC, abstractmethod

import numpy as np
from typing_extensions import override

from survey_batch.core.arrays import F4, Flags
from survey_batch.models.manifest import Manifest
from survey_batch.stages.base import Block, Coordinates
from survey_batch.store.schema import Variable


class Answers(ABC):
    """The arrays of one kind of answer."""

    def __init__(self, manifest: Manifest, threshold: float) -> None:
        self.manifest, self.threshold = manifest, threshold

    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """Return the length of the dimension beside `object`."""

    @abstractmethod
    def coordinates(self) -> Coordinates:
        """Return the names along that dimension."""

    @abstractmethod
    def variables(self) -> tuple[Variable, ...]:
        """Return the arrays."""

    @abstractmethod
    def fill(self, block: Block, answers: F4, known: Flags) -> None:
        """Write answers (object, column), NaN where not `known`, into the arrays of a block."""


class Classes(Answers):
    """A probability of each class, and the most probable one."""

    @override
    def sizes(self) -> dict[str, int]:
        return {"class": len(self.manifest.classes)}

    @override
    def coordinates(self) -> Coordinates:
        return {"class": (("class",), np.array(self.manifest.classes), {"long_name": "name of each class"})}

    @override
    def variables(self) -> tuple[Variable, ...]:
        named = {"long_name": "most probable class"}
        if self.threshold:
            named["comment"] = f"empty where confidence is below {self.threshold:g}: the classifier abstains"
        probability = {"long_name": "calibrated probability of each class", "units": "1"}
        sure = {"long_name": "probability of the most probable class", "units": "1"}
        return (
            Variable("probability", ("object", "class"), "f4", probability),
            Variable("predicted_class", ("object",), "string", named),
            Variable("confidence", ("object",), "f4", sure),
        )

    @override
    def fill(self, block: Block, answers: F4, known: Flags) -> None:
        confidence = answers.max(axis=1)
        block.data["probability"][:] = answers
        block.data["confidence"][known] = confidence[known]
        answered = known & (confidence >= self.threshold)
        names = np.array(self.manifest.classes, dtype=object)
        block.data["predicted_class"][answered] = names[answers[answered].argmax(axis=1)]


class Values(Answers):
    """Physical quantities, and their errors if the model gives them."""

    @override
    def sizes(self) -> dict[str, int]:
        return {"quantity": len(self.manifest.quantities)}

    @override
    def coordinates(self) -> Coordinates:
        named = self.manifest.quantities
        return {
            name: (("quantity",), np.array(texts), {"long_name": f"{what} of each quantity"})
            for name, what, texts in (
                ("quantity", "name", [quantity.name for quantity in named]),
                ("unit", "unit", [quantity.units for quantity in named]),
                ("description", "meaning", [quantity.description for quantity in named]),
            )
        }

    @override
    def variables(self) -> tuple[Variable, ...]:
        about = {"value": "estimate of each quantity"}
        if self.manifest.errors:
            about["error"] = "standard deviation of each estimate, as the model states it"
        comment = {"comment": "in the units of the coordinate `unit`"}
        return tuple(
            Variable(name, ("object", "quantity"), "f4", {"long_name": text, **comment}) for name, text in about.items()
        )

    @override
    def fill(self, block: Block, answers: F4, known: Flags) -> None:
        quantities = len(self.manifest.quantities)
        block.data["value"][:] = answers[:, :quantities]
        if self.manifest.errors:
            block.data["error"][:] = answers[:, quantities:]


class Embedding(Answers):
    """A vector in the model's own space: near each other are objects that the model takes for alike."""

    @override
    def sizes(self) -> dict[str, int]:
        return {"dimension": self.manifest.dimensions}

    @override
    def coordinates(self) -> Coordinates:
        return {}

    @override
    def variables(self) -> tuple[Variable, ...]:
        about = {"long_name": "position in the space of the model", "units": "1"}
        return (Variable("embedding", ("object", "dimension"), "f4", about),)

    @override
    def fill(self, block: Block, answers: F4, known: Flags) -> None:
        block.data["embedding"][:] = answers


KINDS: dict[str, type[Answers]] = {"classes": Classes, "values": Values, "embedding": Embedding}


def answers_of(manifest: Manifest, threshold: float) -> Answers:
    """Choose the arrays for a model.

    Parameters
    ----------
    manifest
        Of the model.
    threshold
        Confidence below which objects get no class.
    """
    return KINDS[manifest.outputs](manifest, threshold)
