"""The table `[train]`: one model per kind of classifier, chosen by its key `kind`."""

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from survey_batch.config.sections.train_galaxies import GalaxyTraining
from survey_batch.config.sections.train_images import ImageTraining
from survey_batch.config.sections.train_psf_stars import PsfStarTraining
from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.config.sections.train_stamps import StampTraining
from survey_batch.config.sections.train_table import TableTraining
from survey_batch.config.sections.training_base import TrainingSection

DEFAULT_KIND = "spectral-type"

TRAINING_OF: dict[str, type[TrainingSection]] = {
    "spectral-type": SpectralTypeTraining,
    "galaxy-quasar-star": GalaxyTraining,
    "stellar-image": ImageTraining,
    "stamp-type": StampTraining,
    "psf-star": PsfStarTraining,
    "table": TableTraining,
}
"""Model of the table `[train]` for each kind."""


def _kind(given: Any) -> Any:
    return given.get("kind", DEFAULT_KIND) if isinstance(given, dict) else getattr(given, "kind", None)


TrainSection = Annotated[
    Annotated[SpectralTypeTraining, Tag("spectral-type")]
    | Annotated[GalaxyTraining, Tag("galaxy-quasar-star")]
    | Annotated[ImageTraining, Tag("stellar-image")]
    | Annotated[StampTraining, Tag("stamp-type")]
    | Annotated[PsfStarTraining, Tag("psf-star")]
    | Annotated[TableTraining, Tag("table")],
    Discriminator(_kind),
]
"""The classifier that `survey-batch train` makes."""
