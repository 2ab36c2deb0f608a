"""The tables of the job file for classifiers: `[predictions]` and `[train]`."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from survey_batch.sections.base import Section

FeaturePattern = Annotated[str, Field(pattern=r"^\S+$")]


class PredictionsSection(Section):
    """The `predictions` product."""

    classifier: str
    """Folder of a trained classifier."""
    batch: PositiveInt = 256
    """Objects per call of the model; the tail is padded to it."""


class TrainSection(Section):
    """What `survey-batch train` makes."""

    classifier: str
    """Folder to write the trained classifier to."""
    kind: Literal["spectral-type", "table"] = "spectral-type"
    """`spectral-type`: a star's letter from its spectrum; `table`: any labels from the product `features`."""
    features: Annotated[tuple[FeaturePattern, ...], Field(min_length=1)] = ("*",)
    """Kind `table`: names of the features to use, with `*`, `?` and `[…]` as in file names."""
    epochs: PositiveInt = 40
    members: PositiveInt = 8
    """Networks in the ensemble whose probabilities are averaged."""
    folds: Annotated[int, Field(ge=0)] = 0
    """Cross-validation folds over all labelled objects, grouped by star, beside the held-out test; 0 is none."""
    seed: int = 1
    templates: str | None = None
    """Kind `spectral-type`: PyHammer template file for the chi-square baseline."""
