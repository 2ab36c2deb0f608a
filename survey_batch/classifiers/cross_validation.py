"""Predictions for stars that took no part in training, for every labelled object.

Folds keep the share of each class and never part the visits of one star, nor what `catalog.split.group` keeps whole, so
that neither is in training and test.
"""

import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from survey_batch.classifiers.base import Classifier
from survey_batch.classifiers.calibration import apply_temperature, fit_temperature
from survey_batch.classifiers.fitted import predict_rows
from survey_batch.classifiers.labelled import Labelled
from survey_batch.errors import ConfigurationError
from survey_batch.sections.training_base import NetworkTraining, TrainingSection

F8 = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Predict = Callable[[Labelled], npt.NDArray[Any]]
"""Probabilities (object, class) or class numbers (object,)."""
Fit = Callable[[Labelled, int], Predict]
"""Trains on rows with a seed, and gives back what predicts others."""
FitRows = Callable[..., Classifier[Any]]
"""A family's `fit`, to which its table and classes are given already."""

HELD_OUT_FOLDS = 7
"""A seventh of the training objects is held out where a network needs some and the job has no split `validation`."""

log = logging.getLogger(__name__)


def grouped_folds(data: Labelled, folds: int, seed: int) -> Iterator[tuple[Index, Index]]:
    """Rows of training and test for each fold, stratified by label and grouped by star, field, plan or sky.

    Raises
    ------
    ConfigurationError
        There are fewer groups than folds, or objects of each class.
    """
    if folds > (most := possible_folds(data)):
        raise ConfigurationError(
            f"{folds} folds need as many stars (or fields, plans, cells: catalog.split.group), and as many objects of "
            f"a class; {most} are possible with the {len(data)} labelled objects"
        )
    rows = np.zeros(len(data))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class with fewer objects than folds is in some folds only, which cannot be otherwise.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        divisions = list(splitter.split(rows, data.label, data.apart))
    yield from divisions


def possible_folds(data: Labelled) -> int:
    """Most folds that the labelled objects can be divided into."""
    largest = np.unique(data.label, return_counts=True)[1].max(initial=0)
    return int(min(len(np.unique(data.apart)), largest))


def out_of_fold(data: Labelled, fit: Fit, folds: int, seed: int) -> tuple[npt.NDArray[Any], Index]:
    """Predict each row by a model that was not trained on its star.

    Returns
    -------
    predictions
        As `fit`'s predictors give them, in the order of the rows.
    fold : (object,) int
        Fold in which each row was tested.
    """
    predictions: npt.NDArray[Any] | None = None
    fold_of = np.zeros(len(data), dtype=np.intp)
    for fold, (train, test) in enumerate(grouped_folds(data, folds, seed)):
        answer = fit(data.take(train), seed)(data.take(test))
        if predictions is None:
            predictions = np.zeros((len(data), *answer.shape[1:]), answer.dtype)
        predictions[test], fold_of[test] = answer, fold
        log.info("fold %d of %d: %d trained, %d tested", fold + 1, folds, len(train), len(test))
    assert predictions is not None, "grouped_folds yields at least one fold"  # noqa: S101
    return predictions, fold_of


def calibrated_across_folds(true: Index, probability: F8, fold: Index, weights: F8) -> F8:
    """Scale each fold's probabilities by the temperature fitted on the other folds; rows of NaN say nothing."""
    scaled, known = np.empty(probability.shape), np.isfinite(probability).all(axis=1)
    for number in np.unique(fold):
        here, others = fold == number, (fold != number) & known
        temperature = fit_temperature(true[others], probability[others], weights[others])
        scaled[here] = apply_temperature(probability[here], temperature)
    return scaled


def patient(section: TrainingSection) -> bool:
    """Tell whether training ends by what held-out objects say."""
    return isinstance(section, NetworkTraining) and section.patience > 0


def hold_out(data: Labelled, seed: int) -> tuple[Labelled, Labelled]:
    """Divide training objects into those to train on and those to stop by; too few are all trained on."""
    folds = min(HELD_OUT_FOLDS, possible_folds(data))
    if folds < 2:
        return data, data.take(np.zeros(0, np.intp))
    rest, held_out = next(grouped_folds(data, folds, seed))
    return data.take(rest), data.take(held_out)


def predicting(fit: FitRows, section: TrainingSection) -> Fit:
    """Make of a family's `fit` what folds take."""

    def fitted(data: Labelled, seed: int) -> Predict:
        rows, held_out = hold_out(data, seed) if patient(section) else (data, None)
        classifier = fit(rows, validation=held_out, seed=seed)
        return lambda other: predict_rows(classifier, other)

    return fitted
