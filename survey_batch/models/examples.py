"""How a network is made and trained: what its family says, its examples, and the schedule."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, Index

Augment = Callable[[Any, Any, np.random.Generator], tuple[Any, Any]]
"""Augmentation of one batch: takes values, targets and a random generator; returns values and targets."""


Decay = Literal["none", "cosine", "linear"]


@dataclass(frozen=True)
class Training:
    """How a family makes and trains its network; the table `[train]` has epochs, batch, learning rate and patience.

    Attributes
    ----------
    build
        Takes the prepared training rows (object, …), possibly mapped from a file larger than memory, and returns the
        network, which outputs probabilities (object, class). It may return two: one to train, and one to use.
    augment
        Augmentation of a batch of training rows; by default none.
    targets
        Takes class numbers (row,), and returns the targets of the network that is trained, (row, …); by default 1 for
        the row's class and 0 for the others.
    epoch_rows
        Takes class numbers (row,), and returns the rows of an epoch; by default each row once.
    decay, weight_decay
        As in `Schedule`.
    loss
        The loss to minimise: `categorical_crossentropy`, `mse` or `gaussian`.
    """

    build: Callable[[npt.NDArray[Any]], Any]
    augment: Augment | None = None
    targets: Callable[[Index], F4] | None = None
    epoch_rows: Callable[[Index], Index] | None = None
    decay: Decay = "none"
    weight_decay: float = 0.0
    loss: str = "categorical_crossentropy"


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a model learns."""

    epochs: int
    batch: int = 64
    learning_rate: float = 1e-3
    decay: Decay = "none"
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
