"""Calibration of probabilities, and measures of it.

Temperature scaling (Guo et al. 2017, ICML, arXiv 1706.04599): logits are divided by one number, fitted on
predictions for objects that took no part in training. It changes no object's most probable class.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from survey_batch.core.arrays import F8, Index
from survey_batch.models.manifest import COLDEST, HOTTEST

PULL = 0.5
"""Prior standard deviation of ln(temperature)."""
SMALLEST = 1e-12
"""Smaller probabilities are raised to this value, so that their logarithm is finite."""
BINS = 10
OBJECTS_PER_BIN = 20
"""Least objects per bin: small sets have fewer bins, down to one."""


def apply_temperature(probability: npt.NDArray[np.floating], temperature: float) -> F8:
    """Sharpen (below 1) or soften (above 1) probabilities, (object, class): softmax(log(p) / temperature)."""
    logits = np.log(np.maximum(probability, SMALLEST, dtype=np.float64)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def fit_temperature(true: Index, probability: npt.NDArray[np.floating], weights: F8 | None = None) -> float:
    """Fit the temperature that minimises the log loss of held-out predictions; 1 if there are none.

    A weak pull towards 1, worth about one object, decides where the objects do not. Otherwise a few correct answers
    would make every later answer certain.

    `weights`, (object,), states the log loss on a class prior other than the objects' own (`prior.object_weights`).
    """
    if len(true) == 0:
        return 1.0
    rows, known = np.arange(len(true)), float(len(true) if weights is None else weights.sum())

    def loss(log_temperature: float) -> float:
        scaled = apply_temperature(probability, float(np.exp(log_temperature)))[rows, true]
        pull = (log_temperature / PULL) ** 2 / 2 / known
        return pull - float(np.average(np.log(np.maximum(scaled, SMALLEST)), weights=weights))

    best = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(best.x))


def reliability(
    true: Index, probability: npt.NDArray[np.floating], bins: int = BINS, weights: F8 | None = None
) -> dict[str, list[Any]]:
    """Compare confidence with accuracy in bins of confidence with equal numbers of objects.

    Parameters
    ----------
    true, probability
        Class numbers, (object,), and probabilities, (object, class).
    bins
        Maximum number of bins; small sets have fewer (`OBJECTS_PER_BIN`). Objects with equal confidence share a bin.
    weights : (object,)
        Weights of the class prior.

    Returns
    -------
    dict
        Of each bin: `confidence` (mean of the highest probability), `accuracy`, its binomial `error` if confidence
        were the probability of being right, `weight` (share of the total) and `count`.
    """
    confidence = probability.max(axis=1).astype(np.float64)
    right = probability.argmax(axis=1) == true
    weight = np.ones(len(true)) if weights is None else weights
    inner = np.linspace(0, 1, max(1, min(bins, len(true) // OBJECTS_PER_BIN)) + 1)[1:-1]
    _, bin_of = np.unique(np.searchsorted(np.quantile(confidence, inner), confidence, "right"), return_inverse=True)
    total = np.bincount(bin_of, weight)
    kept, total = total > 0, np.where(total > 0, total, 1)
    spread = weight**2 * confidence * (1 - confidence)
    curve = {
        "confidence": np.bincount(bin_of, weight * confidence) / total,
        "accuracy": np.bincount(bin_of, weight * right) / total,
        "error": np.sqrt(np.bincount(bin_of, spread)) / total,
        "weight": total / weight.sum(),
        "count": np.bincount(bin_of),
    }
    return {name: values[kept].tolist() for name, values in curve.items()}


def calibration_error(curve: dict[str, list[Any]]) -> tuple[float, float]:
    """Compute the expected calibration error of a reliability curve, and the error from chance alone.

    Returns
    -------
    error
        Mean absolute difference of confidence and accuracy over bins, weighted by objects. It is never below 0, so
        few objects make it large.
    by_chance
        Average error of perfectly calibrated probabilities with as many objects: in each bin the mean absolute
        deviation of a normal distribution, sqrt(2 / pi) times the binomial error.
    """
    gap = np.abs(np.subtract(curve["confidence"], curve["accuracy"]))
    weight = np.asarray(curve["weight"])
    return float(np.sum(weight * gap)), float(np.sqrt(2 / np.pi) * np.sum(weight * curve["error"]))
