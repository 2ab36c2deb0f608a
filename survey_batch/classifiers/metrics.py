"""How good predictions are, by names that say what is counted.

Rows are true classes and columns predicted ones in every confusion matrix. Classes that no object has are left
out of macro averages; a class that is never predicted has precision NaN and F1 0.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

F8 = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


def confusion_matrix(true: Index, predicted: Index, classes: int) -> npt.NDArray[np.int64]:
    """Count objects by true (row) and predicted (column) class, (class, class)."""
    flat = np.bincount(true * classes + predicted, minlength=classes**2)
    return flat.reshape(classes, classes).astype(np.int64)


def per_class(confusion: npt.NDArray[np.int64]) -> dict[str, F8]:
    """Precision (right among predicted), recall (right among true), their harmonic mean F1, and support."""
    right, true, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "precision": right / predicted,
            "recall": right / true,
            "f1": 2 * right / (true + predicted),
            "support": true.astype(np.float64),
        }


def accuracy(true: Index, predicted: Index) -> float:
    """Share of objects whose predicted class is the true one."""
    return float(np.mean(true == predicted))


def macro_f1(true: Index, predicted: Index, classes: int) -> float:
    """Mean F1 of the classes that occur among the true ones, each counted alike."""
    table = per_class(confusion_matrix(true, predicted, classes))
    return float(np.mean(table["f1"][table["support"] > 0]))


def within_one_class(true: Index, predicted: Index, ordered: int) -> float:
    """Share of objects predicted as the true class or its neighbour in the sequence.

    Only the first `ordered` classes are a sequence; objects truly of others are not counted, and a prediction of
    another class is no neighbour. This is not `top_2`.
    """
    inside = true < ordered
    near = (np.abs(true - predicted) <= 1) & (predicted < ordered)
    return float(np.mean(near[inside])) if inside.any() else float("nan")


def top_2(true: Index, probability: F8) -> float:
    """Share of objects whose true class is among the two most probable ones."""
    best = np.argsort(probability, axis=1)[:, -2:]
    return float(np.mean(np.any(best == true[:, None], axis=1)))


def log_loss(true: Index, probability: F8) -> float:
    """Mean of -log(probability of the true class), in nats."""
    return float(-np.mean(np.log(np.clip(probability[np.arange(len(true)), true], 1e-12, 1))))


def bootstrap(
    scores: F8, group: npt.NDArray[Any] | None = None, seed: int = 0, draws: int = 2000
) -> tuple[float, float, float]:
    """Standard error and 95 % interval of a mean, by resampling whole groups (repeat visits of a star).

    Parameters
    ----------
    scores
        One number per object: 1 or 0 for right or wrong, or a difference of two of those.
    group
        Objects that share a value are drawn together; by default each object is its own.
    seed, draws
        Of the random draws.

    Returns
    -------
    tuple of float
        Standard error, lower and upper end of the central 95 %.
    """
    names, inverse = np.unique(np.arange(len(scores)) if group is None else group, return_inverse=True)
    total, size = np.bincount(inverse, scores), np.bincount(inverse)
    picks = np.random.default_rng(seed).integers(0, len(names), (draws, len(names)))
    means = total[picks].sum(axis=1) / size[picks].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(np.std(means, ddof=1)), float(low), float(high)


def mcnemar(true: Index, ours: Index, theirs: Index) -> dict[str, float]:
    """Exact McNemar test of two classifiers on the same objects (McNemar 1947, Psychometrika 12, 153).

    Returns
    -------
    dict
        `only_ours` and `only_theirs`: objects that one got right and the other wrong; `p`: probability of
        counts as uneven if both were equally good.
    """
    only_ours = int(np.sum((ours == true) & (theirs != true)))
    only_theirs = int(np.sum((ours != true) & (theirs == true)))
    total = only_ours + only_theirs
    p = float(binomtest(only_ours, total).pvalue) if total else 1.0
    return {"only_ours": only_ours, "only_theirs": only_theirs, "p": p}


def summary(
    true: Index, predicted: Index, classes: tuple[str, ...], ordered: int, group: npt.NDArray[Any], seed: int = 0
) -> dict[str, Any]:
    """All metrics of predicted classes, ready for JSON.

    Parameters
    ----------
    true, predicted
        Index of each object's class.
    classes
        Names.
    ordered
        How many of the first classes are a sequence; `among_ordered` holds the figures of objects truly of these.
    group
        Star of each object, for the intervals.
    seed
        Of the bootstrap.
    """
    confusion = confusion_matrix(true, predicted, len(classes))
    table = per_class(confusion)
    inside = true < ordered
    return {
        **_overall(true, predicted, len(classes), group, seed),
        "within_one_class": _number(within_one_class(true, predicted, ordered)),
        "among_ordered": _overall(true[inside], predicted[inside], len(classes), group[inside], seed),
        "per_class": {
            name: {key: _number(values[i]) for key, values in table.items()} for i, name in enumerate(classes)
        },
        "confusion": confusion.tolist(),
    }


def _overall(true: Index, predicted: Index, classes: int, group: npt.NDArray[Any], seed: int) -> dict[str, Any]:
    if len(true) == 0:
        return {"objects": 0}
    error, low, high = bootstrap((true == predicted).astype(np.float64), group, seed)
    return {
        "objects": len(true),
        "stars": len(np.unique(group)),
        "accuracy": accuracy(true, predicted),
        "accuracy_standard_error": error,
        "accuracy_95": [low, high],
        "macro_f1": macro_f1(true, predicted, classes),
    }


def _number(value: float) -> float | None:
    """NaN as null: JSON has none."""
    return None if np.isnan(value) else round(float(value), 6)
