"""Out-of-fold predictions: each labelled object is predicted by a model that was not trained on its star.

Folds keep the share of each class. They never divide the visits of one star, nor a group of `catalog.split.group`, so
neither is in both training and test.
"""

import io
import logging
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from survey_batch.config.sections.training_base import NetworkTraining, TrainingSection
from survey_batch.core import interrupt
from survey_batch.core.arrays import F8, Index
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import write_bytes
from survey_batch.core.wording import counted, duration
from survey_batch.models.base import Classifier
from survey_batch.models.calibration import apply_temperature, fit_temperature
from survey_batch.models.fitted import predict_rows
from survey_batch.models.fitting import Fit, Predict, Workspace
from survey_batch.models.labelled import Labelled

FitRows = Callable[..., Classifier[Any]]
"""A family's `fit` with its table and classes already bound."""

ANSWERS = "answers.npy"
"""The predictions of a fold, in its workspace."""

HELD_OUT_FOLDS = 7
"""A seventh of the training objects is held out if a network needs some and the job has no split `validation`."""

log = logging.getLogger(__name__)


def grouped_folds(data: Labelled, folds: int, seed: int) -> Iterator[tuple[Index, Index]]:
    """Yield the training and test rows of each fold, stratified by label and grouped by star, field, plan or sky.

    Raises
    ------
    ConfigurationError
        There are fewer groups than folds, or every class has fewer objects than folds.
    """
    if folds > (most := possible_folds(data)):
        raise ConfigurationError(
            f"{folds} folds need at least {folds} stars (or fields, plans, cells: catalog.split.group), and a class "
            f"with at least {folds} objects; {most} are possible with {counted(len(data), 'labelled object')}"
        )
    rows = np.zeros(len(data))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class with fewer objects than folds cannot be in every fold.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        divisions = list(splitter.split(rows, data.label, data.groups))
    yield from divisions


def possible_folds(data: Labelled) -> int:
    """Count the most folds that the labelled objects can be divided into."""
    largest = np.unique(data.label, return_counts=True)[1].max(initial=0)
    return int(min(len(np.unique(data.groups)), largest))


def out_of_fold(
    data: Labelled, fit: Fit, folds: int, seed: int, workspace: Workspace | None = None
) -> tuple[npt.NDArray[Any], Index]:
    """Predict each row with a model that was not trained on its star.

    Parameters
    ----------
    data
        Rows that can all be classified.
    fit
        Trains on the rows of all folds but one.
    folds, seed
        Number of folds, and the seed of their division and of the training.
    workspace
        Workspace that stores each fold's predictions and checkpoints, so that a stopped fold resumes, and that reports
        progress. By default nothing is stored or reported.

    Returns
    -------
    predictions
        As `fit`'s predictors return them, in row order.
    fold : (object,) int
        Fold in which each row was tested.
    """
    workspace = workspace or Workspace()
    predictions: npt.NDArray[Any] | None = None
    fold_of, begun, fitted = np.zeros(len(data), dtype=np.intp), time.monotonic(), 0
    for fold, (train, test) in enumerate(grouped_folds(data, folds, seed)):
        here = workspace.below(f"fold-{fold + 1}", log.info)
        answer = _kept(here)
        if answer is None:
            interrupt.check()
            trained = data.take(train)
            predict = fit(trained, seed, here) if isinstance(fit, FamilyFit) else fit(trained, seed)
            answer, fitted = predict(data.take(test)), fitted + 1
            _keep(here, answer)
        if predictions is None:
            predictions = np.zeros((len(data), *answer.shape[1:]), answer.dtype)
        predictions[test], fold_of[test] = answer, fold
        log.info("fold %d of %d: %d trained, %d tested", fold + 1, folds, len(train), len(test))
        if workspace.folder is not None:
            workspace.report(_progress(fold + 1, folds, (time.monotonic() - begun) / fitted if fitted else None))
    assert predictions is not None, "grouped_folds yields at least one fold"  # noqa: S101
    return predictions, fold_of


def _progress(done: int, folds: int, seconds: float | None) -> str:
    """Describe progress; `seconds` per fold is None while all folds were stored by an earlier run."""
    if seconds is None or done == folds:
        return f"  fold {done} of {folds} done{' before' if seconds is None else ''}"
    return f"  fold {done} of {folds} done, about {duration(seconds * (folds - done))} left"


def _kept(workspace: Workspace) -> npt.NDArray[Any] | None:
    """Read the predictions of a fold that was done before the training stopped, if it was."""
    path = workspace.folder and workspace.folder / ANSWERS
    return np.load(path, allow_pickle=False) if path and path.exists() else None


def _keep(workspace: Workspace, answer: npt.NDArray[Any]) -> None:
    """Store the predictions of a fold, completely or not at all; remove its checkpoints, no longer needed."""
    if workspace.folder is None:
        return
    shutil.rmtree(workspace.folder, ignore_errors=True)
    content = io.BytesIO()
    np.save(content, answer, allow_pickle=False)
    write_bytes(str(workspace.folder / ANSWERS), content.getvalue())


def calibrated_across_folds(true: Index, probability: F8, fold: Index, weights: F8) -> F8:
    """Scale each fold's probabilities by the temperature fitted on the other folds; the fit ignores rows with NaN."""
    scaled, known = np.empty(probability.shape), np.isfinite(probability).all(axis=1)
    for number in np.unique(fold):
        here, others = fold == number, (fold != number) & known
        temperature = fit_temperature(true[others], probability[others], weights[others])
        scaled[here] = apply_temperature(probability[here], temperature)
    return scaled


def patient(section: TrainingSection) -> bool:
    """Tell whether held-out objects decide when training stops."""
    return isinstance(section, NetworkTraining) and section.patience > 0


def hold_out(data: Labelled, seed: int) -> tuple[Labelled, Labelled]:
    """Divide training objects into those to train on and those that decide when to stop; if too few, train on all."""
    folds = min(HELD_OUT_FOLDS, possible_folds(data))
    if folds < 2:
        return data, data.take(np.zeros(0, np.intp))
    rest, held_out = next(grouped_folds(data, folds, seed))
    return data.take(rest), data.take(held_out)


@dataclass(frozen=True)
class FamilyFit:
    """A family's `fit` in the form that folds need; it resumes from the checkpoints of a workspace."""

    fit: FitRows
    section: TrainingSection

    def __call__(self, data: Labelled, seed: int, workspace: Workspace | None = None) -> Predict:
        """Train, and return a function that predicts other rows."""
        rows, held_out = hold_out(data, seed) if patient(self.section) else (data, None)
        classifier = self.fit(rows, validation=held_out, seed=seed, workspace=workspace)
        return lambda other: predict_rows(classifier, other)
