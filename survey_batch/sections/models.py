"""The table `[predictions]`; `[train]` is in `survey_batch.sections.training`."""

from typing import Annotated

from pydantic import Field, PositiveInt

from survey_batch.sections.base import Section


class PredictionsSection(Section):
    """The `predictions` product."""

    classifier: str
    """Folder of a trained classifier."""
    batch: PositiveInt = 256
    """Objects per call of the model; the tail is padded to it."""
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Objects whose confidence is below this get no class (`predicted_class` is ""), but keep their probabilities."""
