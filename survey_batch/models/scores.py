"""The scores of several classifiers on the same objects, paired."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import Index
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.classes import class_numbers, sequence_length
from survey_batch.models.describe import describe
from survey_batch.models.labelled import Labelled
from survey_batch.models.metrics import mcnemar
from survey_batch.models.prior import Prior, effective_number, object_weights
from survey_batch.models.summary import mean_figure, probabilistic_summary, summary

__all__ = ["brief", "describe", "scores_of"]


BRIEF = ("objects", "stars", "accuracy", "accuracy_95", "macro_f1", "macro_f1_95", "top_2", "within_one_class")
"""The scores that the manifest holds."""


def scores_of(
    data: Labelled,
    answers: Mapping[str, npt.NDArray[Any]],
    classes: tuple[str, ...],
    seed: int,
    *,
    prior: Prior = "as_found",
) -> dict[str, Any]:
    """Compute the metrics of several predictions of the same objects, and compare each with `classifier` in pairs.

    Parameters
    ----------
    data
        The objects.
    answers
        Probabilities (object, class) or class numbers (object,) by name. One is `classifier`; its rows of NaN, or its
        numbers below 0 (not classified), are left out of all answers and counted.
    classes
        Class names.
    seed
        Seed of the bootstrap.
    prior
        Class shares for which scores are stated.

    Returns
    -------
    dict
        `prior`: the requested prior, the resulting share of each class, and the effective number of objects. For each
        name in `answers`: the scores of `summary` and, for probabilities, `probabilistic_summary`, and
        `against_classifier`, the paired comparison. `not_classified`, if it is not 0.

    Raises
    ------
    ConfigurationError
        A label is not among the classes, no object was classified, or the prior is invalid.
    """
    known = _answered(answers["classifier"])
    if not known.any():
        raise ConfigurationError(f"no object could be classified, out of {len(known):,}: there is nothing to score")
    true, star = class_numbers(data.label[known], classes), data.star[known]
    given = {name: answer[known] for name, answer in answers.items()}
    picked = {name: answer if answer.ndim == 1 else answer.argmax(axis=1) for name, answer in given.items()}
    scores: dict[str, Any] = {"prior": _stated(true, classes, prior)}
    if not known.all():
        scores["not_classified"] = int(np.sum(~known))
    for name, predicted in picked.items():
        scores[name] = summary(true, predicted, classes, sequence_length(classes), star, seed, prior=prior)
        if given[name].ndim == 2 and np.isfinite(given[name]).all():
            scores[name] |= probabilistic_summary(true, given[name], classes, star, seed, prior=prior)
        if name != "classifier":
            gain = (picked["classifier"] == true).astype(np.float64) - (predicted == true)
            mean, error, interval = mean_figure(true, gain, classes, star, seed, prior=prior)
            scores[name]["against_classifier"] = {
                "accuracy_gain": mean,
                "standard_error": error,
                "gain_95": interval,
                "mcnemar": mcnemar(true, picked["classifier"], predicted),
            }
    return scores


def _answered(answer: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return np.asarray(answer >= 0 if answer.ndim == 1 else np.isfinite(answer).all(axis=1), bool)


def brief(part: Mapping[str, Any]) -> dict[str, Any]:
    """Select the scores of one part (`test`, `cross_validation`) that a manifest holds."""
    one = dict(part["classifier"])
    if len(one["per_class"]) <= 2:  # top_2 is always 1
        one.pop("top_2", None)
    return {"prior": part["prior"]["stated"], **{name: one[name] for name in BRIEF if one.get(name) is not None}}


def _stated(true: Index, classes: tuple[str, ...], prior: Prior) -> dict[str, Any]:
    weights = object_weights(true, classes, prior)
    share = np.bincount(true, weights, minlength=len(classes)) / weights.sum()
    return {
        "stated": prior if isinstance(prior, str) else dict(prior),
        "shares": dict(zip(classes, share.tolist(), strict=True)),
        "effective_objects": effective_number(weights),
    }
