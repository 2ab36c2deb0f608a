"""The table `[predictions]`; `[train]` is in `survey_batch.config.sections.training`."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from survey_batch.config.sections.base import Section

Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]
"""In which a network computes: dtype policies of Keras."""


class PredictionsSection(Section):
    """The `predictions` product."""

    classifier: str
    """Folder of a trained classifier."""
    batch: PositiveInt = 256
    """Objects per call of the model; the tail is padded to it. Where the GPU has too little memory for them, a worker
    halves it, and goes on with what fits."""
    precision: Precision = "float32"
    """Of a network: in 16 bits a GPU is faster, and probabilities differ (docs/cluster.md says by how much)."""
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Objects whose confidence is below this get no class (`predicted_class` is ""), but keep their probabilities."""
