"""The common keys of all tables `[train]`."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, field_validator, model_validator

from survey_batch.config.sections.base import Section


def _shares(prior: Mapping[str, float]) -> Mapping[str, float]:
    if abs(sum(prior.values()) - 1) > 1e-6:
        raise ValueError("the shares of a prior must sum to 1")
    return prior


Share = Annotated[float, Field(gt=0, le=1)]
Prior = Literal["as_found", "equal"] | Annotated[Mapping[str, Share], AfterValidator(_shares)]
"""Class shares for which scores are stated: those of the test objects, equal shares, or shares given by class."""


CountsWith = Mapping[str, tuple[Callable[[Any], bool], str]]
"""Keys that count only with certain values of others: a test of the table, and what it asks for in words."""


class TrainingSection(Section):
    """Keys of every kind of classifier.

    Attributes
    ----------
    of_variant : dict
        Default values of keys in a variant, usually those of its publication.
    read_by : dict
        Keys that only some variants read, and these variants.
    counts_with : dict
        Keys that count only with certain values of others.
    paths : tuple of str
        Keys that hold paths, in which `$NAME` stands for an environment variable.
    """

    of_variant: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    read_by: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    counts_with: ClassVar[CountsWith] = {}
    paths: ClassVar[tuple[str, ...]] = ("classifier",)

    classifier: Annotated[str, Field(examples=["models/lamost-types"])]
    """Folder to write the trained classifier to."""
    kind: Annotated[str, Field(examples=["spectral-type"])]
    """What is classified, from what; decides the other keys of the table. By default `spectral-type`."""
    variant: Annotated[str, Field(examples=["forest"])]
    """How: the network or method of the kind. By default the first of the kind's variants."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    """The same seed gives the same classifier on one machine."""
    folds: Annotated[int, Field(ge=0)] = 0
    """Cross-validation folds over all labelled objects, grouped by star, besides the held-out test; 0 is none."""
    prior: Prior = "as_found"
    """Class shares for which the scores are stated."""

    @property
    def makes_examples(self) -> bool:
        """Whether classes without training objects are learnt from spectra made for them."""
        return False

    @field_validator("folds")
    @classmethod
    def _more_than_one_fold(cls, folds: int) -> int:
        if folds == 1:
            raise ValueError("one fold leaves nothing to train on: set 0 for none, or 2 or more")
        return folds

    @model_validator(mode="before")
    @classmethod
    def _as_the_variant_has_it(cls, given: Any) -> Any:
        variant = given.get("variant") if isinstance(given, dict) else None
        return {**cls.of_variant.get(variant, {}), **given} if isinstance(variant, str) else given


def network_keys(*variants: str) -> dict[str, tuple[str, ...]]:
    """Return the keys of `NetworkTraining` with these variants, if only they are networks."""
    return dict.fromkeys(("epochs", "batch", "learning_rate", "patience", "class_weights"), variants)


class NetworkTraining(TrainingSection):
    """Keys of classifiers that are networks."""

    epochs: PositiveInt = 40
    """Maximum number of passes over the training objects."""
    batch: PositiveInt = 64
    """Objects in a step of the training."""
    learning_rate: PositiveFloat = 1e-3
    """Step size of the optimizer at the start."""
    patience: Annotated[int, Field(ge=0)] = 0
    """Epochs without a better loss on held-out objects after which training ends with the best weights; 0 is never. The
    held-out objects are the split `validation`, or a seventh of the training objects if there is none."""
    class_weights: Literal["balanced", "none"] = "balanced"
    """`balanced`: each class has the same total weight in the loss, however many objects it has."""


class EnsembleTraining(NetworkTraining):
    """Keys of classifiers that are ensembles of small networks."""

    members: PositiveInt = 8
    """Networks in the ensemble; their probabilities are averaged."""
    class_weights: Literal["balanced", "none"] = "none"
    """Rare classes are shown more often instead."""
