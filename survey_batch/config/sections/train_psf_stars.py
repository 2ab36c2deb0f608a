"""The table `[train]` of kind `psf-star`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from survey_batch.config.sections.training_base import NetworkTraining

PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    "published": {"epochs": 60, "batch": 256, "learning_rate": 1e-4, "patience": 0}
}
"""Settings of ML-PSF, where the job says nothing else: up to 500 epochs, of which the 60th was shipped."""

READ_BY: Mapping[str, tuple[str, ...]] = {"zoom": ("cnn",)}
"""Keys that not every variant reads, and the variants that do."""


class PsfStarTraining(NetworkTraining):
    """Stars that are fit for building a PSF."""

    of_variant = PUBLISHED
    read_by = READ_BY

    kind: Literal["psf-star"] = "psf-star"
    variant: Literal["cnn", "published"] = "cnn"
    band: Literal["u", "g", "r", "i", "z"] | None = None
    """The band of the cutouts that is looked at; a product of one band needs no name, and the classifier then takes
    cutouts of any one band."""
    epochs: PositiveInt = 30
    patience: Annotated[int, Field(ge=0)] = 6
    class_weights: Literal["balanced", "none"] = "none"
    """`none` keeps probabilities those of a whole field, in which few sources are good."""
    zoom: Annotated[float, Field(ge=0, le=0.7)] = 0.3
    """Variant `cnn`: training stars are shown up to this factor, as a logarithm, larger and smaller, as in another
    seeing; 0 shows them as they are."""
