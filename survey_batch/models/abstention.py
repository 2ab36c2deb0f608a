"""The gain from leaving uncertain objects unanswered: accuracy of the answered objects against their share.

This is the risk-coverage trade-off of selective classification (El-Yaniv & Wiener 2010, JMLR 11, 1605), with accuracy
for 1 - risk.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F8, Index

THRESHOLDS = (0.5, 0.7, 0.9)
"""Tabulated thresholds: an object with a lower confidence is left unanswered."""

POINTS = 50
"""Maximum number of points on the curve."""


def coverage(
    true: Index,
    probability: npt.NDArray[np.floating],
    weights: F8 | None = None,
    thresholds: tuple[float, ...] = THRESHOLDS,
) -> dict[str, Any]:
    """Compute the share of objects answered at thresholds of confidence, and the accuracy among them.

    Parameters
    ----------
    true, probability
        Class numbers, (object,), and probabilities, (object, class).
    weights : (object,)
        Weights of the class prior.
    thresholds
        An object is answered if its confidence is at least the threshold.

    Returns
    -------
    dict
        `table`: for each threshold `answered` (share), `objects` (number) and `accuracy` (None if there are none).
        `curve`: lists `threshold`, `answered` and `accuracy`, from the most confident objects to all of them.
    """
    confidence = probability.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    falling = confidence[order]
    weight = np.ones(len(true)) if weights is None else weights[order]
    total = np.cumsum(weight)
    right = np.cumsum(weight * (probability.argmax(axis=1) == true)[order])
    # Objects with equal confidence are answered together: the curve has a point at the last of them.
    last = np.flatnonzero(np.append(falling[1:] < falling[:-1], True) & (total > 0))
    last = last[np.unique(np.linspace(0, len(last) - 1, min(POINTS, len(last))).round().astype(np.intp))]
    numbers = [int(np.count_nonzero(confidence >= threshold)) for threshold in thresholds]
    return {
        "table": [
            {"threshold": threshold, "objects": number, **_answered(number, total, right)}
            for threshold, number in zip(thresholds, numbers, strict=True)
        ],
        "curve": {
            "threshold": falling[last].astype(float).tolist(),
            "answered": (total[last] / total[-1]).tolist(),
            "accuracy": (right[last] / total[last]).tolist(),
        },
    }


def _answered(number: int, total: F8, right: F8) -> dict[str, float | None]:
    """Compute the share of the first `number` objects, and the accuracy among them."""
    if number == 0 or total[number - 1] == 0:
        return {"answered": 0.0, "accuracy": None}
    return {
        "answered": float(total[number - 1] / total[-1]),
        "accuracy": float(right[number - 1] / total[number - 1]),
    }
