"""The table `[train]` of kind `spectral-type`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from survey_batch.config.sections.base import WrongKeyError
from survey_batch.config.sections.training_base import CountsWith, EnsembleTraining, network_keys

PUBLISHED: Mapping[str, Mapping[str, Any]] = {"published": {"epochs": 140, "batch": 32, "learning_rate": 1e-3}}
"""Default settings of the published network (LAMOST_DR6_CNN_Spectral_Classifier, 2022)."""

READ_BY: Mapping[str, tuple[str, ...]] = {
    **network_keys("lines", "convolution", "published"),
    "members": ("lines", "convolution"),
    "trees": ("forest",),
    **dict.fromkeys(("copies", "gan", "gan_steps"), ("forest", "convolution", "published")),
}
"""Keys that only some variants read, and these variants."""

COUNTS_WITH: CountsWith = {"gan_steps": (lambda table: table.gan, "train.gan = true")}


class SpectralTypeTraining(EnsembleTraining):
    """Spectral-type letter of a star from its spectrum."""

    of_variant = PUBLISHED
    read_by = READ_BY
    counts_with = COUNTS_WITH
    paths = ("classifier", "templates")

    kind: Literal["spectral-type"] = "spectral-type"
    variant: Literal["forest", "lines", "convolution", "published"] = "forest"
    """`forest`: O to M or non-stellar; `lines`: A to M or non-stellar; `convolution` and `published`: O to M."""
    learning_rate: PositiveFloat = 2e-3
    templates: Annotated[str | None, Field(examples=["pyhammer_stellar_templates.fits"])] = None
    """PyHammer template file: for the chi-square baseline, and for `copies`."""
    copies: Annotated[int, Field(ge=0)] = 60
    """With `templates`, in all variants but `lines`: spectra made from the templates for each letter with fewer than 10
    training objects; for O and B only if `catalog.label` can be O or B, as with `mk_class`. They are never used for
    validation or test. In `forest`, the total weight of those of O and B is 0.28 % of the real ones, as in LAMOST. In
    all variants a star without He II is not called O, and a star without helium is not called B."""
    trees: PositiveInt = 300
    """Variant `forest`: number of trees."""
    gan: bool = False
    """In all variants but `lines`: train a generative adversarial network on the real and template spectra of each rare
    class, and add `copies` of its spectra to the training."""
    gan_steps: PositiveInt = 600
    """Training batches for each such network."""

    @property
    def makes_examples(self) -> bool:
        """True with templates, which give examples of O, B and other rare classes."""
        return self.templates is not None and self.copies > 0 and self.variant != "lines"

    @model_validator(mode="after")
    def _variant_knows(self) -> "SpectralTypeTraining":
        if self.gan and self.variant == "lines":
            raise WrongKeyError("gan is for the other variants: 'lines' has no rare classes", "gan")
        return self
