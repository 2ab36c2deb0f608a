"""The manifest of a trained classifier."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from survey_batch.models.recipe import Frozen, Name, Recipe

MANIFEST = "manifest.json"
"""The last file written to a classifier's folder."""

PLOTS = ("confusion", "reliability", "coverage", "residuals", "intervals", "training-curve")
"""Names of the plots in a folder."""

SAFE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*\.(keras|onnx|onnx_data|skops|npz|json|png)")
"""Allowed file names: no folders, and only formats that hold no code."""

COLDEST, HOTTEST = 0.05, 20.0
"""Range of temperatures searched."""


Outputs = Literal["classes", "values", "embedding"]
"""What a model answers with: a probability of each class, physical quantities, or a vector in its own space."""


Framework = Literal["keras", "onnxruntime"]
"""What runs a network."""


def again(kind: str) -> str:
    """Say what makes a folder anew that holds a model of a kind."""
    return "adopt the model again" if kind == "adopted" else "train again"


class Quantity(Frozen):
    """A physical quantity that a model estimates."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=100)]
    units: Annotated[str, Field(max_length=100)] = "1"
    """Unit in the words of the VOUnit standard; `1` if it has none."""
    description: Annotated[str, Field(max_length=500)] = ""
    column: Annotated[str, Field(max_length=100)] = ""
    """Column of the catalogue that it was learnt from."""
    scale: Literal["linear", "log", "redshift"] = "linear"
    """How it was learnt; see `survey_batch.models.scales`."""
    error_factor: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    """Multiplies the model's errors, so that 68 % of held-out residuals lie within one error."""


class Manifest(Frozen):
    """`manifest.json`: the full description of a trained classifier."""

    format: Literal[3] = 3
    kind: str
    variant: str
    outputs: Outputs = "classes"
    classes: Annotated[tuple[Name, ...], Field(max_length=10_000)] = ()
    quantities: Annotated[tuple[Quantity, ...], Field(max_length=10_000)] = ()
    errors: bool = False
    """Whether the model also answers with an error of each quantity."""
    dimensions: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Length of an embedding."""
    recipe: Recipe
    temperature: Annotated[float, Field(ge=0.99 * COLDEST, le=1.01 * HOTTEST)] = 1.0
    """Divides the logits to calibrate probabilities; see `survey_batch.models.calibration`."""
    seed: Annotated[int, Field(ge=0)] = 0
    training: dict[str, Any] = Field(default_factory=dict)
    """Fingerprint and object counts of the training data and its split."""
    metrics: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of each file, by name."""

    @property
    def framework(self) -> Framework | None:
        """What runs the network; None if the model is none."""
        found = {name.rpartition(".")[2] for name in self.files}
        return "keras" if "keras" in found else "onnxruntime" if "onnx" in found else None

    @property
    def is_network(self) -> bool:
        """Whether it is a network, which a GPU can run."""
        return self.framework is not None

    @property
    def columns(self) -> int:
        """Numbers in the model's answer for one object: classes, quantities and then their errors, or dimensions."""
        quantities = len(self.quantities) * (2 if self.errors else 1)
        return {"classes": len(self.classes), "values": quantities, "embedding": self.dimensions}[self.outputs]

    @model_validator(mode="after")
    def _one_kind_of_answer(self) -> Self:
        least = {"classes": 2, "values": 1, "embedding": 1}[self.outputs]
        if self.columns < least:
            raise ValueError(f"a model whose outputs are {self.outputs} has at least {least} of them")
        others = {"classes": self.classes, "values": self.quantities or self.errors, "embedding": self.dimensions}
        if strange := [name for name, said in others.items() if said and name != self.outputs]:
            raise ValueError(f"a model whose outputs are {self.outputs} has no {' and no '.join(strange)}")
        return self

    @model_validator(mode="after")
    def _recipe_knows_the_remedy(self) -> Self:
        self.recipe.made_again_by(again(self.kind))
        return self

    @field_validator("classes", "quantities")
    @classmethod
    def _different(cls, named: tuple[Any, ...]) -> tuple[Any, ...]:
        names = [getattr(one, "name", one) for one in named]
        if len(set(names)) < len(names):
            raise ValueError("a name is given twice")
        return named

    @field_validator("files")
    @classmethod
    def _safe_names(cls, files: dict[str, str]) -> dict[str, str]:
        if wrong := [name for name in files if not SAFE_NAME.fullmatch(name)]:
            raise ValueError(f"files {wrong} are not plain .keras, .onnx, .skops, .npz, .json or .png names")
        return files
