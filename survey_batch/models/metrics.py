"""Metrics of predictions.

In every confusion matrix rows are true classes and columns are predicted classes. Its numbers may be weighted (see
`survey_batch.models.prior`), and axes before the last two are those of the result. A class without objects has recall
and F1 NaN and is left out of macro averages. A class that is never predicted has precision NaN, which counts as 0 in
the macro average, and F1 0.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F8, Index
from survey_batch.models.resampling import bootstrap

__all__ = [
    "accuracy",
    "bootstrap",
    "confusion_matrix",
    "figures_of",
    "log_loss",
    "macro_f1",
    "mcnemar",
    "per_class",
    "top_2",
    "top_2_hits",
    "within_one_class",
]


def confusion_matrix(true: Index, predicted: Index, classes: int) -> npt.NDArray[np.int64]:
    """Count objects by true (row) and predicted (column) class, (class, class)."""
    flat = np.bincount(true * classes + predicted, minlength=classes**2)
    return flat.reshape(classes, classes).astype(np.int64)


def per_class(confusion: npt.NDArray[Any]) -> dict[str, F8]:
    """Compute precision (right among predicted), recall (right among true), F1 and support; (…, class) each."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    true, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "precision": right / predicted,
            "recall": right / true,
            "f1": np.where(true > 0, 2 * right / (true + predicted), np.nan),
            "support": true.astype(np.float64),
        }


def figures_of(confusion: npt.NDArray[Any], ordered: int) -> dict[str, F8]:
    """Compute all metrics of a confusion matrix, (…, class, class); (…) each.

    `accuracy`: share of objects with the right predicted class. `macro_precision`, `macro_recall`, `macro_f1`: means
    over the classes that occur, with equal weight. `within_one_class`: share of objects predicted as the true class or
    its neighbour, where the first `ordered` classes are a sequence. Only objects whose true class is in the sequence
    count, and a class outside it is never a neighbour. This is not `top_2`.
    """
    table = per_class(confusion)
    index = np.arange(confusion.shape[-1])
    near = (np.abs(index[:, None] - index) <= 1) & (index < ordered)
    sequence = confusion[..., :ordered, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "accuracy": np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum(axis=(-2, -1)),
            **{f"macro_{name}": _macro(table[name], table["support"]) for name in ("precision", "recall", "f1")},
            "within_one_class": (sequence * near[:ordered]).sum(axis=(-2, -1)) / sequence.sum(axis=(-2, -1)),
        }


def _macro(values: F8, support: F8) -> F8:
    there = support > 0
    return np.asarray(np.where(there, np.nan_to_num(values), 0).sum(axis=-1) / there.sum(axis=-1))


def accuracy(true: Index, predicted: Index) -> float:
    """Compute the share of objects with the right predicted class."""
    return float(np.mean(true == predicted))


def macro_f1(true: Index, predicted: Index, classes: int) -> float:
    """Average F1 over the classes that occur among the true ones, with equal weight."""
    return float(figures_of(confusion_matrix(true, predicted, classes), 0)["macro_f1"])


def within_one_class(true: Index, predicted: Index, ordered: int) -> float:
    """Compute the share of objects predicted as the true class or its neighbour among the first `ordered` classes."""
    classes = int(max(true.max(initial=0), predicted.max(initial=0), ordered)) + 1
    return float(figures_of(confusion_matrix(true, predicted, classes), ordered)["within_one_class"])


def top_2_hits(true: Index, probability: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Tell whether each object's true class is among its two most probable ones, (object,)."""
    best = np.argsort(probability, axis=1)[:, -2:]
    return np.asarray(np.any(best == true[:, None], axis=1))


def top_2(true: Index, probability: npt.NDArray[np.floating]) -> float:
    """Compute the share of objects whose true class is among the two most probable ones."""
    return float(np.mean(top_2_hits(true, probability)))


def log_loss(true: Index, probability: npt.NDArray[np.floating], weights: F8 | None = None) -> float:
    """Average -log(probability of the true class), in nats; objects may be weighted."""
    of_truth = np.asarray(probability[np.arange(len(true)), true], np.float64)
    return float(-np.average(np.log(np.clip(of_truth, 1e-12, 1)), weights=weights))


def mcnemar(true: Index, ours: Index, theirs: Index) -> dict[str, float]:
    """Run the exact McNemar test of two classifiers on the same objects (McNemar 1947, Psychometrika 12, 153).

    Returns
    -------
    dict
        `only_ours` and `only_theirs`: objects that only one of the two got right; `p`: probability of counts at least
        this uneven if both were equally good.
    """
    from scipy.stats import binomtest  # takes most of a second to import, and a page of figures needs no test

    only_ours = int(np.sum((ours == true) & (theirs != true)))
    only_theirs = int(np.sum((ours != true) & (theirs == true)))
    total = only_ours + only_theirs
    p = float(binomtest(only_ours, total).pvalue) if total else 1.0
    return {"only_ours": only_ours, "only_theirs": only_theirs, "p": p}
