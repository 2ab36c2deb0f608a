"""Predictions for stars that took no part in training, for every labelled object.

Folds keep the share of each class and never part the visits of one star, so that no star is in training and test.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from survey_batch.classifiers.calibration import apply_temperature, fit_temperature
from survey_batch.classifiers.labelled import Labelled
from survey_batch.errors import ConfigurationError

F8 = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Predict = Callable[[Labelled], npt.NDArray[Any]]
"""Probabilities (object, class) or class numbers (object,)."""
Fit = Callable[[Labelled, int], Predict]
"""Trains on rows with a seed, and gives back what predicts others."""

log = logging.getLogger(__name__)


def grouped_folds(data: Labelled, folds: int, seed: int) -> Iterator[tuple[Index, Index]]:
    """Rows of training and test for each fold, stratified by label and grouped by star.

    Raises
    ------
    ConfigurationError
        There are fewer stars than folds.
    """
    if len(np.unique(data.star)) < folds:
        raise ConfigurationError(f"{folds} folds need as many stars; there are {len(np.unique(data.star))} labelled")
    rows = np.zeros(len(data))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    yield from splitter.split(rows, data.label, data.star)


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


def calibrated_across_folds(true: Index, probability: F8, fold: Index) -> F8:
    """Scale each fold's probabilities by the temperature fitted on the other folds."""
    scaled = np.empty(probability.shape)
    for number in np.unique(fold):
        here = fold == number
        scaled[here] = apply_temperature(probability[here], fit_temperature(true[~here], probability[~here]))
    return scaled
