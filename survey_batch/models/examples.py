"""Training examples of a model, and the schedule of its training."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, Index

Augment = Callable[[Any, Any, np.random.Generator], tuple[Any, Any]]
"""Augmentation of one batch: takes values, targets and a random generator; returns values and targets."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a model learns."""

    epochs: int
    batch: int = 64
    learning_rate: float = 1e-3
    decay: Literal["none", "cosine", "linear"] = "none"
    """Decay of the learning rate, to zero over all epochs."""
    weight_decay: float = 0.0
    patience: int = 0
    """Training stops after this many epochs without a better validation loss; 0 is never."""
    seed: int = 1


@dataclass(frozen=True)
class Examples:
    """Rows on which a model is trained or validated.

    Attributes
    ----------
    inputs
        (row, …), in memory or mapped from a file, which is read one batch at a time.
    targets
        (row, …) in the shape of the model's output.
    rows
        The rows of an epoch: all by default; rare ones may be repeated.
    weight
        (row,) weight of each row in the loss; 1 by default.
    augment
        Augmentation, called for each batch.
    """

    inputs: npt.NDArray[Any]
    targets: F4
    rows: Index | None = None
    weight: F4 | None = None
    augment: Augment | None = None

    @property
    def order(self) -> Index:
        """The rows of an epoch."""
        return np.arange(len(self.inputs)) if self.rows is None else self.rows

    def batch(self, rows: Index) -> tuple[npt.NDArray[Any], F4, F4]:
        """Read the inputs, targets and weights of some rows."""
        weight = np.ones(len(rows), np.float32) if self.weight is None else self.weight[rows]
        return np.asarray(self.inputs[rows]), np.asarray(self.targets[rows], np.float32), weight


def balanced_weights(number: Index, classes: int) -> F4:
    """Weigh each row so that all classes that occur have equal weight and the mean is 1."""
    count = np.bincount(number, minlength=classes)
    share = len(number) / (np.maximum(count, 1) * np.count_nonzero(count))
    return np.asarray(share[number], np.float32)
