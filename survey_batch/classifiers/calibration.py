"""Make probabilities mean what they say, and measure whether they do.

Temperature scaling (Guo et al. 2017, ICML, arXiv 1706.04599): logits are divided by one number, fitted on
predictions for objects that took no part in training. It changes no object's most probable class.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

F8 = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

COLDEST, HOTTEST = 0.05, 20.0
"""Temperatures that are tried."""
SMALLEST = 1e-12
"""Probabilities are taken to be at least this, so that their logarithm is finite."""


def apply_temperature(probability: npt.NDArray[np.floating], temperature: float) -> F8:
    """Sharpen (below 1) or soften (above 1) probabilities, (object, class): softmax(log(p) / temperature)."""
    logits = np.log(np.maximum(probability, SMALLEST, dtype=np.float64)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def fit_temperature(true: Index, probability: npt.NDArray[np.floating]) -> float:
    """Temperature that makes the log loss of held-out predictions smallest; 1 where there are none."""
    if len(true) == 0:
        return 1.0
    rows = np.arange(len(true))

    def loss(log_temperature: float) -> float:
        scaled = apply_temperature(probability, float(np.exp(log_temperature)))[rows, true]
        return -float(np.mean(np.log(np.maximum(scaled, SMALLEST))))

    best = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(best.x))


def reliability(true: Index, probability: npt.NDArray[np.floating], bins: int = 10) -> dict[str, list[Any]]:
    """Compare confidence with accuracy in equal bins of confidence.

    Returns
    -------
    dict
        `confidence` (mean of the highest probability), `accuracy` and `count`; bins without objects are left out.
    """
    confidence = probability.max(axis=1)
    right = probability.argmax(axis=1) == true
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    count = np.bincount(bin_of, minlength=bins)
    filled = count > 0
    return {
        "confidence": (np.bincount(bin_of, confidence, bins)[filled] / count[filled]).tolist(),
        "accuracy": (np.bincount(bin_of, right, bins)[filled] / count[filled]).tolist(),
        "count": count[filled].tolist(),
    }


def expected_calibration_error(true: Index, probability: npt.NDArray[np.floating], bins: int = 10) -> float:
    """Mean absolute difference of confidence and accuracy over bins, weighted by objects."""
    curve = reliability(true, probability, bins)
    gap = np.abs(np.subtract(curve["confidence"], curve["accuracy"]))
    return float(np.average(gap, weights=curve["count"]))
