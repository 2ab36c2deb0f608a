"""The table `[train]` of kind `galaxy-quasar-star`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from survey_batch.config.sections.training_base import NetworkTraining, network_keys

PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    "published-cnn": {"epochs": 20, "batch": 128, "learning_rate": 5e-4, "class_weights": "none"},
}
"""Settings of the published network, where the job says nothing else (LAMOST-Spectra-Classifier, 2025)."""

Range = tuple[PositiveFloat, PositiveFloat]

READ_BY: Mapping[str, tuple[str, ...]] = {
    **network_keys("convolution", "published-cnn"),
    **dict.fromkeys(("snr", "redshift"), ("convolution",)),
    **dict.fromkeys(("copies", "copies_snr"), ("published-cnn", "published-svm", "published-forest")),
}
"""Keys that not every variant reads, and the variants that do."""


class GalaxyTraining(NetworkTraining):
    """Galaxy, quasar or star from a spectrum."""

    of_variant = PUBLISHED
    read_by = READ_BY

    kind: Literal["galaxy-quasar-star"] = "galaxy-quasar-star"
    variant: Literal["convolution", "published-cnn", "published-svm", "published-forest"] = "convolution"
    epochs: PositiveInt = 20
    batch: PositiveInt = 128
    snr: Range = (1.5, 100.0)
    """Variant `convolution`: in each epoch noise is added to each training spectrum until its signal to noise per
    pixel is one drawn from this range, where that is less than it has."""
    redshift: bool = False
    """Variant `convolution`: also look at lines in the rest frame of the product's redshift. Off, as the pipeline that
    gives a redshift has decided the class before: it tells a star by its redshift near 0."""
    simulated: Annotated[int, Field(ge=0)] = 0
    """Simulated spectra of each class that are trained on besides the product's; they are in no test."""
    templates: str | None = None
    """PyHammer template file, of whose stars the simulated spectra are made; drawn ones by default."""
    copies: Annotated[int, Field(ge=0)] = 200
    """Published variants: copies of training galaxies and of quasars, with noise added."""
    copies_snr: PositiveFloat = 100.0
    """Published variants: mean flux over the noise that is added."""

    @property
    def makes_examples(self) -> bool:
        """Simulated spectra are of all classes."""
        return self.simulated > 0

    @model_validator(mode="after")
    def _ordered(self) -> "GalaxyTraining":
        if self.snr[1] < self.snr[0]:
            raise ValueError("snr must be a range: the lower signal to noise first")
        return self
