"""Base class of families that use the ensemble of `survey_batch.models.network`."""

from typing import Any, ClassVar, TypeVar

import numpy as np

from survey_batch.config.sections.training_base import EnsembleTraining
from survey_batch.core.arrays import F4, Index
from survey_batch.models import network
from survey_batch.models.augment import Augmentation, augmented, rows_of_epoch, soft_labels
from survey_batch.models.base import Inputs
from survey_batch.models.classes import has_gaps, sequence_length
from survey_batch.models.examples import Augment, Schedule
from survey_batch.models.keras_family import KerasClassifier

EnsembleSection = TypeVar("EnsembleSection", bound=EnsembleTraining)

WEIGHT_DECAY = 1e-2


class EnsembleClassifier(KerasClassifier[EnsembleSection]):
    """A family with an ensemble of small networks.

    A subclass defines `recipe_of`, `valid_rows` and `prepare`, and `learn` if its preprocessing is fitted to training
    rows.

    Attributes
    ----------
    augmentation : Augmentation
        How training rows are augmented.
    design : Design
        Design of each network. The number of networks is `section.members`.
    """

    augmentation: ClassVar[Augmentation] = Augmentation()
    design: ClassVar[network.Design] = network.Design()

    @classmethod
    def build(cls, sample: Inputs, classes: int, section: EnsembleSection, seed: int) -> tuple[Any, Any]:
        """Build one model that trains each member separately, and one that returns their mean."""
        return network.build(sample, classes, section.members, cls.design, seed)

    @classmethod
    def targets(cls, number: Index, classes: tuple[str, ...], section: EnsembleSection) -> F4:
        """Make labels that give neighbouring classes some weight, (object, member, class), equal for all members."""
        soft = soft_labels(
            number, len(classes), 0 if has_gaps(classes) else sequence_length(classes), cls.augmentation.neighbour
        )
        return np.broadcast_to(soft[:, None], (len(soft), section.members, len(classes)))

    @classmethod
    def epoch_rows(cls, number: Index, classes: int, section: EnsembleSection, seed: int) -> Index:  # noqa: ARG003
        """Choose all rows, and repeat those of rare classes."""
        return rows_of_epoch(np.eye(classes, dtype=np.float32)[number], cls.augmentation.least_share)

    @classmethod
    def augment(cls, section: EnsembleSection) -> Augment:
        """Return the augmentation: shift, noise and mixture."""

        def changed(values: F4, targets: F4, random: np.random.Generator) -> tuple[F4, F4]:
            rows, soft = augmented(values, targets[:, 0], cls.augmentation, random)
            return rows, np.repeat(soft[:, None], section.members, axis=1)

        return changed

    @classmethod
    def schedule(cls, section: EnsembleSection, seed: int) -> Schedule:
        """Make a schedule with a learning rate that falls to zero."""
        return Schedule(
            section.epochs,
            section.batch,
            section.learning_rate,
            decay="cosine",
            weight_decay=WEIGHT_DECAY,
            patience=section.patience,
            seed=seed,
        )
