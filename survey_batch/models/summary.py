"""All scores of one set of predictions, with bootstrap intervals, on a stated class prior."""

from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F8, Index
from survey_batch.models.abstention import THRESHOLDS, coverage
from survey_batch.models.calibration import calibration_error, reliability
from survey_batch.models.classes import has_gaps
from survey_batch.models.metrics import confusion_matrix, figures_of, log_loss, per_class, top_2_hits
from survey_batch.models.prior import Prior, object_weights, reweigh, stated_shares
from survey_batch.models.resampling import interval_95, resampled_sums


def summary(
    true: Index,
    predicted: Index,
    classes: tuple[str, ...],
    ordered: int,
    group: npt.NDArray[Any],
    seed: int = 0,
    *,
    prior: Prior = "as_found",
) -> dict[str, Any]:
    """Compute all metrics of predicted classes, ready for JSON.

    Parameters
    ----------
    true, predicted
        Index of each object's class; at least one object.
    classes
        Class names.
    ordered
        Number of classes at the start that form a sequence; `among_ordered` holds the scores of objects whose true
        class is one of them.
    group
        Star of each object, for the intervals.
    seed
        Seed of the bootstrap.
    prior
        Class shares for which everything is stated, except `confusion`, `support` and the numbers of objects. In the
        bootstrap a given prior stays fixed, while `as_found` varies with the draw.

    Returns
    -------
    dict
        Scores by name, each with its interval `<name>_95`, [low, high]; None where undefined.

    Raises
    ------
    ConfigurationError
        As `stated_shares`.
    """
    size = len(classes)
    counts = confusion_matrix(true, predicted, size)
    shares = stated_shares(prior, classes, counts.sum(axis=1))
    cells = resampled_sums(true * size + predicted, np.eye(size**2), group, seed).reshape(-1, size, size)
    draws = reweigh(cells, shares)
    stated, inside = reweigh(counts, shares), true < ordered
    rows = (np.arange(size) < ordered)[:, None]
    there = {"recall": _groups_of(group, true, size), "precision": _groups_of(group, predicted, size)}
    near = 0 if has_gaps(classes[:ordered]) else ordered  # with gaps, neighbours in the list are not true neighbours
    return {
        **_numbers(group),
        **_overall(stated, draws, near, group),
        "among_ordered": {
            **_numbers(group[inside]),
            **(_overall(stated * rows, draws * rows, near, group[inside]) if inside.any() else {}),
        },
        "per_class": _by_class(classes, (counts, stated), (cells, draws), {**there, "f1": there["recall"]}),
        "confusion": counts.tolist(),
    }


def probabilistic_summary(
    true: Index,
    probability: npt.NDArray[np.floating],
    classes: tuple[str, ...],
    group: npt.NDArray[Any],
    seed: int = 0,
    *,
    prior: Prior = "as_found",
) -> dict[str, Any]:
    """Compute the metrics that need probabilities, (object, class), with the parameters of `summary`."""
    weights = object_weights(true, classes, prior)
    curve = reliability(true, probability, weights=weights)
    error, by_chance = calibration_error(curve)
    answered = coverage(true, probability, weights)
    found, draws = _outcomes(true, probability, classes, group, seed, prior)
    top, top_draws = (each[..., 1].sum(axis=(1, 2)) / each.sum(axis=(1, 2, 3)) for each in (found, draws))
    for index, row in enumerate(answered["table"], 1):
        sure = draws[:, index:].sum(axis=(1, 3))
        groups = len(np.unique(group[probability.max(axis=1) >= row["threshold"]]))
        row["accuracy_95"] = interval_95(_share(sure), np.nan if row["accuracy"] is None else row["accuracy"], groups)
    return {
        "top_2": number(float(top[0])),
        "top_2_95": interval_95(top_draws, float(top[0]), len(np.unique(group))),
        "log_loss": log_loss(true, probability, weights),
        "expected_calibration_error": error,
        "expected_calibration_error_by_chance": by_chance,
        "reliability": curve,
        "coverage": answered,
    }


def _outcomes(
    true: Index,
    probability: npt.NDArray[np.floating],
    classes: tuple[str, ...],
    group: npt.NDArray[Any],
    seed: int,
    prior: Prior,
) -> tuple[F8, F8]:
    """Count objects by thresholds passed, right or wrong, and in the top 2 or not: found (1, …), drawn (draw, …)."""
    passed = (probability.max(axis=1)[:, None] >= np.array(THRESHOLDS, probability.dtype)).sum(axis=1)
    right = (probability.argmax(axis=1) == true).astype(np.intp)
    shape = (len(classes), len(THRESHOLDS) + 1, 2, 2)
    kind = np.ravel_multi_index((true, passed, right, top_2_hits(true, probability).astype(np.intp)), shape)
    size = int(np.prod(shape))
    shares = stated_shares(prior, classes, np.bincount(true, minlength=len(classes)))
    found = np.bincount(kind, minlength=size)[None]
    drawn = resampled_sums(kind, np.eye(size), group, seed)
    of_found, of_drawn = (
        reweigh(each.reshape(len(each), len(classes), -1), shares).sum(axis=1).reshape(-1, *shape[1:])
        for each in (found, drawn)
    )
    return of_found, of_drawn


def _share(counts: F8) -> F8:
    """Compute the share of the second of two counts, (…, 2); NaN if both are 0."""
    with np.errstate(invalid="ignore"):
        return np.asarray(counts[..., 1] / counts.sum(axis=-1))


def mean_figure(
    true: Index,
    scores: F8,
    classes: tuple[str, ...],
    group: npt.NDArray[Any],
    seed: int = 0,
    *,
    prior: Prior = "as_found",
    share: bool = False,
) -> tuple[float, float, list[float] | None]:
    """Compute the mean of per-object scores on a class prior, its standard error and interval; fast for few values.

    `share` says that it is a share, whose interval is never a point (`interval_95`).
    """
    values, outcome = np.unique(scores, return_inverse=True)
    kinds = (len(classes), len(values))
    kind = true * kinds[1] + outcome
    counts = np.bincount(kind, minlength=kinds[0] * kinds[1]).reshape(kinds)
    shares = stated_shares(prior, classes, counts.sum(axis=1))
    cells = resampled_sums(kind, np.eye(counts.size), group, seed).reshape(-1, *kinds)
    mean, draws = (_mean(reweigh(each, shares), values) for each in (counts, cells))
    groups = len(np.unique(group)) if share else 0
    return float(mean), float(np.nanstd(draws, ddof=1)), interval_95(draws, float(mean), groups)


def _mean(stated: F8, values: F8) -> F8:
    with np.errstate(invalid="ignore"):
        return np.asarray((stated @ values).sum(axis=-1) / stated.sum(axis=(-2, -1)))


def _numbers(group: npt.NDArray[Any]) -> dict[str, int]:
    return {"objects": len(group), "stars": len(np.unique(group))}


def _groups_of(group: npt.NDArray[Any], of: Index, size: int) -> Index:
    """Count the groups with an object of each class, (class,)."""
    _, number = np.unique(group, return_inverse=True)
    return np.bincount(np.unique(number * size + of) % size, minlength=size)


def _overall(stated: F8, draws: F8, ordered: int, group: npt.NDArray[Any]) -> dict[str, Any]:
    found, drawn, groups = figures_of(stated, ordered), figures_of(draws, ordered), len(np.unique(group))
    figures: dict[str, Any] = {}
    for name, value in found.items():
        figures[name] = number(float(value))
        figures[f"{name}_95"] = interval_95(drawn[name], float(value), 0 if name.startswith("macro") else groups)
    return {**figures, "accuracy_standard_error": number(float(np.nanstd(drawn["accuracy"], ddof=1)))}


def _by_class(
    classes: tuple[str, ...],
    found: tuple[npt.NDArray[np.int64], F8],
    drawn: tuple[F8, F8],
    groups: dict[str, Index],
) -> dict[str, Any]:
    """Compute the scores of each class; `found` and `drawn` are (counted, stated on the prior) matrices."""
    figures, draws = ({**per_class(stated), "recall": per_class(counts)["recall"]} for counts, stated in (found, drawn))
    table: dict[str, Any] = {}
    for index, name in enumerate(classes):
        table[name] = {"support": int(found[0][index].sum())}
        for key, there in groups.items():
            value = float(figures[key][index])
            table[name][key] = number(value)
            table[name][f"{key}_95"] = interval_95(draws[key][:, index], value, int(there[index]))
    return table


def number(value: float) -> float | None:
    """Round to six decimals, and turn NaN, which JSON lacks, into None."""
    return None if np.isnan(value) else round(float(value), 6)
