"""The table `[train]` of kind `stellar-image`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from survey_batch.config.sections.base import Unit, WrongKeyError
from survey_batch.config.sections.training_base import CountsWith, NetworkTraining

PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    "vit": {
        "product": "composites",
        "epochs": 50,
        "batch": 32,
        "learning_rate": 1e-5,
        "patience": 5,
        "class_weights": "none",
        "augment": False,
    }
}
"""Defaults of variant `vit`: the fine-tuning in A. Farrag's master's thesis (Radboud University, 2024)."""

READ_BY: Mapping[str, tuple[str, ...]] = {"crop": ("cnn", "small-vit"), "checkpoint": ("vit",)}
"""Keys that only some variants read, and these variants."""

COUNTS_WITH: CountsWith = {
    "softening": (lambda table: table.product == "cutouts", 'train.product = "cutouts"'),
    "magnitudes": (lambda table: table.product == "composites", 'train.product = "composites"'),
}


class ImageTraining(NetworkTraining):
    """Spectral type of a star from its images."""

    of_variant = PUBLISHED
    read_by = READ_BY
    counts_with = COUNTS_WITH
    paths = ("classifier", "checkpoint", "magnitudes")

    kind: Literal["stellar-image"] = "stellar-image"
    variant: Literal["cnn", "small-vit", "vit"] = "cnn"
    """`cnn` and `small-vit` are trained from scratch; `vit` fine-tunes a checkpoint by the published recipe."""
    product: Literal["cutouts", "composites"] = "cutouts"
    """`cutouts`: calibrated pixels of all bands; `composites`: 8-bit colour images."""
    crop: Annotated[PositiveInt | None, Field(examples=[32]), Unit("pixel")] = None
    """Variants `cnn` and `small-vit`: pixels on a side to use, around the centre; by default all."""
    softening: Annotated[PositiveFloat, Unit("nanomaggy")] = 0.1
    """Product `cutouts`: nanomaggies per pixel above which the scale is logarithmic; the same for all bands."""
    augment: bool = True
    """Whether training images are flipped and rotated by right angles."""
    learning_rate: PositiveFloat = 3e-3
    checkpoint: Annotated[str | None, Field(examples=["$CHECKPOINTS/vit-base-patch16-224"])] = None
    """Variant `vit`: folder in the layout of Hugging Face (`config.json`, `model.safetensors`)."""
    magnitudes: Annotated[str | None, Field(examples=["runs/stellar-images"])] = None
    """Product `composites`: output of a job whose product `features` has the same objects' fluxes, for the baseline
    from five magnitudes. For cutouts the fluxes are measured directly."""

    @model_validator(mode="after")
    def _complete(self) -> "ImageTraining":
        if self.variant == "vit" and not self.checkpoint:
            raise WrongKeyError('variant "vit" starts from a checkpoint; set train.checkpoint to its folder', "variant")
        if self.variant == "vit" and (self.product != "composites" or self.crop or self.augment):
            reason = 'variant "vit" takes whole composites as they are: no cutouts, crop or augment'
            raise WrongKeyError(reason, "variant")
        return self
