"""The table `[train]` of kind `galaxy-quasar-star`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from survey_batch.config.sections.base import WrongKeyError
from survey_batch.config.sections.training_base import CountsWith, NetworkTraining, network_keys

PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    "published-cnn": {"epochs": 20, "batch": 128, "learning_rate": 5e-4, "class_weights": "none"},
}
"""Default settings of the published network (LAMOST-Spectra-Classifier, 2025)."""

Range = tuple[PositiveFloat, PositiveFloat]

READ_BY: Mapping[str, tuple[str, ...]] = {
    **network_keys("convolution", "published-cnn"),
    **dict.fromkeys(("snr", "redshift"), ("convolution",)),
    **dict.fromkeys(("copies", "copies_snr"), ("published-cnn", "published-svm", "published-forest")),
}
"""Keys that only some variants read, and these variants."""

COUNTS_WITH: CountsWith = {"templates": (lambda table: table.simulated > 0, "train.simulated above 0")}


class GalaxyTraining(NetworkTraining):
    """Galaxy, quasar or star from a spectrum."""

    of_variant = PUBLISHED
    read_by = READ_BY
    counts_with = COUNTS_WITH
    paths = ("classifier", "templates")

    kind: Literal["galaxy-quasar-star"] = "galaxy-quasar-star"
    variant: Literal["convolution", "published-cnn", "published-svm", "published-forest"] = "convolution"
    """`convolution`: a network along wavelength, ours; the others are published recipes."""
    epochs: PositiveInt = 20
    batch: PositiveInt = 128
    snr: Range = (1.5, 100.0)
    """Variant `convolution`: in each epoch a signal-to-noise ratio per pixel is drawn from this range for each training
    spectrum; if the spectrum's own ratio is higher, noise is added to reach it."""
    redshift: bool = False
    """Variant `convolution`: also use lines in the rest frame of the product's redshift. Off by default, because the
    pipeline that gives a redshift has already decided the class: a redshift near 0 gives away a star."""
    simulated: Annotated[int, Field(ge=0)] = 0
    """Simulated spectra per class to train on in addition to the product's; they are never in a test."""
    templates: Annotated[str | None, Field(examples=["pyhammer_stellar_templates.fits"])] = None
    """PyHammer template file whose stars are used for simulated spectra; by default the stars are drawn."""
    copies: Annotated[int, Field(ge=0)] = 200
    """Published variants: copies of training galaxies and quasars, with noise added."""
    copies_snr: PositiveFloat = 100.0
    """Published variants: ratio of mean flux to added noise."""

    @property
    def makes_examples(self) -> bool:
        """True with simulated spectra, which are of all classes."""
        return self.simulated > 0

    @model_validator(mode="after")
    def _ordered(self) -> "GalaxyTraining":
        if self.snr[1] < self.snr[0]:
            raise WrongKeyError("snr must be a range: the lower signal to noise first", "snr")
        return self
