"""The table `[train]` of kind `psf-star`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from survey_batch.config.sections.training_base import NetworkTraining

PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    "published": {"epochs": 60, "batch": 256, "learning_rate": 1e-4, "patience": 0}
}
"""Default settings of ML-PSF: it trained for up to 500 epochs and shipped the 60th."""

READ_BY: Mapping[str, tuple[str, ...]] = {"zoom": ("cnn",)}
"""Keys that only some variants read, and these variants."""


class PsfStarTraining(NetworkTraining):
    """Stars that are good for building a PSF."""

    of_variant = PUBLISHED
    read_by = READ_BY

    kind: Literal["psf-star"] = "psf-star"
    variant: Literal["cnn", "published"] = "cnn"
    """`cnn`: ours; `published`: the network of ML-PSF."""
    band: Annotated[Literal["u", "g", "r", "i", "z"] | None, Field(examples=["r"])] = None
    """The band of the cutouts to use. It can be left out for a product with one band; the classifier then accepts
    cutouts of any single band."""
    epochs: PositiveInt = 30
    patience: Annotated[int, Field(ge=0)] = 6
    class_weights: Literal["balanced", "none"] = "none"
    """With `none` the probabilities hold for a whole field, in which few sources are good."""
    zoom: Annotated[float, Field(ge=0, le=0.7)] = 0.3
    """Variant `cnn`: training stars are enlarged or shrunk by up to this factor (a logarithm), as in another seeing; 0
    leaves them as they are."""
