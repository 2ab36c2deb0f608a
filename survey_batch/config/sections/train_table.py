"""The table `[train]` of kind `table`."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat

from survey_batch.config.sections.training_base import EnsembleTraining

FeaturePattern = Annotated[str, Field(pattern=r"^\S+$")]


class TableTraining(EnsembleTraining):
    """Any labels from the product `features`."""

    kind: Literal["table"] = "table"
    variant: Literal["networks"] = "networks"
    """An ensemble of small networks."""
    features: Annotated[tuple[FeaturePattern, ...], Field(min_length=1)] = ("*",)
    """Names of the features to use; `*`, `?` and `[…]` work as in file names."""
    learning_rate: PositiveFloat = 1e-2
