"""Base class of families that use the ensemble of `survey_batch.models.network`."""

from typing import ClassVar, TypeVar

import numpy as np
from typing_extensions import override

from survey_batch.config.sections.training_base import EnsembleTraining
from survey_batch.core.arrays import F4, Index
from survey_batch.models import network
from survey_batch.models.augment import Augmentation, augmented, rows_of_epoch, soft_labels
from survey_batch.models.classes import has_gaps, sequence_length
from survey_batch.models.examples import Training
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

    @override
    def training(self, section: EnsembleSection) -> Training:
        """Train each member separately, on soft labels and augmented rows, and use their mean."""
        classes, members, seed = self.classes, section.members, self.manifest.seed
        length = 0 if has_gaps(classes) else sequence_length(classes)

        def targets(number: Index) -> F4:
            """Make labels that give neighbouring classes some weight, (object, member, class)."""
            soft = soft_labels(number, len(classes), length, self.augmentation.neighbour)
            return np.broadcast_to(soft[:, None], (len(soft), members, len(classes)))

        def every_class(number: Index) -> Index:
            """Choose all rows, and repeat those of rare classes."""
            return rows_of_epoch(np.eye(len(classes), dtype=np.float32)[number], self.augmentation.least_share)

        def changed(values: F4, targets: F4, random: np.random.Generator) -> tuple[F4, F4]:
            """Shift rows, add noise, and mix them."""
            rows, soft = augmented(values, targets[:, 0], self.augmentation, random)
            return rows, np.repeat(soft[:, None], members, axis=1)

        return Training(
            build=lambda sample: network.build(sample, len(classes), members, self.design, seed),
            augment=changed,
            targets=targets,
            epoch_rows=every_class,
            decay="cosine",
            weight_decay=WEIGHT_DECAY,
        )
