"""The table `[predictions]`; `[train]` is in `survey_batch.config.sections.training`."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from survey_batch.config.sections.base import Section

Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]
"""Precision of a network: dtype policies of Keras."""

Engine = Literal["keras", "onnxruntime", "openvino"]
"""What runs a network."""


class PredictionsSection(Section):
    """The `predictions` product."""

    classifier: Annotated[str, Field(examples=["models/lamost-types"])]
    """Folder of a trained classifier."""
    batch: PositiveInt = 256
    """Objects per call of the model; the last batch is padded to this size. If the GPU has too little memory, a worker
    halves it until the batch fits."""
    precision: Precision = "float32"
    """Precision of a network: in 16 bits a GPU is faster, but probabilities differ; docs/how-to/laptop-to-cluster.md
    says how much."""
    engine: Engine = "keras"
    """What runs a network: the last two are faster on a CPU and use no GPU; docs/how-to/faster-inference.md says how
    much. Each needs an extra of its own name (`onnx` for ONNX Runtime)."""
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Objects with a lower confidence get no class (`predicted_class` is ""), but keep their probabilities."""
