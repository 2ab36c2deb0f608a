"""What a family is given to train, and what it gives back."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

if TYPE_CHECKING:
    from survey_batch.models.labelled import Labelled

log = logging.getLogger(__name__)

Predict = Callable[["Labelled"], npt.NDArray[Any]]
"""Probabilities (object, class) or class numbers (object,)."""
Fit = Callable[["Labelled", int], Predict]
"""Trains on rows with a seed, and returns a function that predicts other rows."""


@dataclass(frozen=True)
class Workspace:
    """Where training stores what it needs to resume, and where it reports progress.

    Attributes
    ----------
    folder : Path or None
        Holds prepared inputs and checkpoints during training. None keeps inputs in memory and writes no checkpoint.
    report : callable
        Called with one sentence at a time.
    seconds : float
        Minimum time between two checkpoints.
    """

    folder: Path | None = None
    report: Callable[[str], None] = log.info
    seconds: float = 20.0

    def below(self, name: str, report: Callable[[str], None] | None = None) -> "Workspace":
        """Return a workspace for one part of the training, in a subfolder."""
        return Workspace(self.folder and self.folder / name, report or self.report, self.seconds)
