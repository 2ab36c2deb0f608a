"""The table `[train]` of kind `spectrum-embedding`."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from survey_batch.config.sections.base import WrongKeyError
from survey_batch.config.sections.training_base import CountsWith, NetworkTraining

COUNTS_WITH: CountsWith = dict.fromkeys(
    ("prior", "class_weights", "folds"), (lambda _: False, "a kind that learns from labels")
)


class EmbeddingTraining(NetworkTraining):
    """A few numbers for each spectrum, learnt without labels: spectra that look alike have numbers near each other."""

    counts_with = COUNTS_WITH

    kind: Literal["spectrum-embedding"] = "spectrum-embedding"
    variant: Literal["autoencoder"] = "autoencoder"
    """A network that has to restore noisy spectra with gaps from these few numbers."""
    dimensions: Annotated[int, Field(ge=2, le=1024)] = 16
    """How many numbers describe a spectrum."""
    hidden: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Largest share of a spectrum that is hidden in training, in short stretches that the network has to restore."""
    snr: tuple[PositiveFloat, PositiveFloat] = (5.0, 100.0)
    """In each epoch a signal-to-noise ratio per pixel is drawn from this range for each training spectrum; if the
    spectrum's own ratio is higher, noise is added to reach it."""
    epochs: PositiveInt = 60

    @model_validator(mode="after")
    def _ordered(self) -> "EmbeddingTraining":
        if self.snr[1] < self.snr[0]:
            raise WrongKeyError("snr must be a range: the lower signal to noise first", "snr")
        return self
