"""Scores of estimated quantities: how far they are from the catalogue, and how often within their errors.

A residual is value - catalogue, and on the scales `log` and `redshift` divided by the catalogue's value or by 1 + z
(`survey_batch.models.scales`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F8, Index
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.labelled import Labelled
from survey_batch.models.manifest import Quantity
from survey_batch.models.resampling import interval_95
from survey_batch.models.scales import ERRORS_95, NORMAL_68, scale_of
from survey_batch.models.summary import number

NMAD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
PHOTOMETRIC_OUTLIER = 0.15
"""Redshifts farther off than this, over 1 + z, are outliers (Hildebrandt et al. 2010, A&A 523, A31)."""
OUTLIER_NMADS = 5.0
"""Other quantities are outliers if they are farther off than this many NMAD of the model's own residuals."""
DRAWS = 300
"""Draws of the bootstrap: medians are sorted anew in each."""
STATED = (*np.round(np.arange(0.1, 0.95, 0.1), 2).tolist(), 0.95, 0.99)
"""Shares of the intervals on the calibration curve."""
POINTS = 500
"""Most objects kept for the scatter plot."""
SCORES = ("bias", "nmad", "rms", "outliers", "within_68", "within_95")


def value_scores(data: Labelled, answers: Mapping[str, npt.NDArray[Any]], seed: int) -> dict[str, Any]:
    """Compute the scores of several estimates of the same objects, by their targets.

    Raises
    ------
    ConfigurationError
        No object has an estimate.
    """
    known = np.isfinite(answers["classifier"]).all(axis=1)
    if not known.any():
        raise ConfigurationError(f"no object has an estimate, out of {len(known):,}: there is nothing to score")
    given = {name: answer[known] for name, answer in answers.items()}
    scores = scores_of_values(data.targets[known], given, data.quantities, data.star[known], seed)
    return scores if known.all() else {"not_classified": int(np.sum(~known)), **scores}


def scores_of_values(
    true: F8,
    answers: Mapping[str, npt.NDArray[Any]],
    quantities: tuple[Quantity, ...],
    star: npt.NDArray[Any],
    seed: int,
) -> dict[str, Any]:
    """Compute the scores of several estimates of the same objects.

    Parameters
    ----------
    true : (object, quantity)
        The catalogue's values.
    answers
        Values (object, quantity) by name, or values and then their errors. One is `classifier`, the model's.
    quantities
        What is estimated.
    star : (object,)
        Star of each object, for the intervals.
    seed
        Seed of the bootstrap.

    Returns
    -------
    dict
        For each name `objects`, `stars` and `quantities`: the scores of each, by name.
    """
    draws, count = resampled_rows(star, seed), len(quantities)
    limits: dict[str, float] = {}
    scores: dict[str, Any] = {}
    for name, answer in sorted(answers.items(), key=lambda item: item[0] != "classifier"):
        given = answer.astype(np.float64)
        table = {}
        for column, quantity in enumerate(quantities):
            one = _Estimates(
                true[:, column], given[:, column], given[:, count + column] if given.shape[1] > count else None
            )
            residual = residuals(one.true, one.value, quantity)
            # Baselines are judged by the model's limit.
            limit = limits.setdefault(quantity.name, _outlier_limit(residual, quantity))
            found = _scores(one, residual, limit, draws)
            table[quantity.name] = {**found, **(_shown(one) if name == "classifier" else {})}
        scores[name] = {"objects": len(star), "stars": len(np.unique(star)), "quantities": table}
    return scores


@dataclass(frozen=True)
class _Estimates:
    """Values of one quantity, (object,) each."""

    true: F8
    value: F8
    error: F8 | None


def resampled_rows(group: npt.NDArray[Any], seed: int, draws: int = DRAWS) -> list[Index]:
    """Draw whole groups with replacement, as many as there are; return the rows of each draw."""
    _, inverse, counts = np.unique(group, return_inverse=True, return_counts=True)
    random = np.random.default_rng(seed)
    ordered, starts = np.argsort(inverse, kind="stable"), np.cumsum(counts) - counts
    drawn = []
    for _ in range(draws):
        chosen = random.integers(len(counts), size=len(counts))
        length = counts[chosen]
        within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
        drawn.append(ordered[np.repeat(starts[chosen], length) + within])
    return drawn


def residuals(true: F8, value: F8, quantity: Quantity) -> F8:
    """Compute residuals, (object,), in the unit of the quantity's scale."""
    return np.asarray((value - true) / scale_of(quantity).unit_of(true))


def error_factor(true: F8, value: F8, error: F8) -> float:
    """Find the factor by which errors must be multiplied so that 68 % of residuals lie within one error.

    This is split conformal prediction with normalised residuals, whose share holds for new objects like these whatever
    the residuals' distribution (Lei et al. 2018, JASA 113, 1094).
    """
    ratio = np.sort(np.abs(value - true) / error)
    place = int(np.ceil((len(ratio) + 1) * NORMAL_68)) - 1
    return float(ratio[min(place, len(ratio) - 1)])


def _outlier_limit(residual: F8, quantity: Quantity) -> float:
    return PHOTOMETRIC_OUTLIER if quantity.scale == "redshift" else OUTLIER_NMADS * _nmad(residual)


def _scores(one: _Estimates, residual: F8, limit: float, draws: list[Index]) -> dict[str, Any]:
    ratio = None if one.error is None else np.abs(one.value - one.true) / one.error

    def figures(rows: Index | slice) -> dict[str, float]:
        here = residual[rows]
        found = {
            "bias": float(np.median(here)),
            "nmad": _nmad(here),
            "rms": float(np.sqrt(np.mean(here**2))),
            "outliers": float(np.mean(np.abs(here) > limit)),
        }
        if ratio is not None:
            inside = {"within_68": 1.0, "within_95": ERRORS_95}
            found |= {name: float(np.mean(ratio[rows] <= width)) for name, width in inside.items()}
        return found

    found, drawn = figures(slice(None)), [figures(rows) for rows in draws]
    made: dict[str, Any] = {"outlier_beyond": number(limit)}
    for name, figure in found.items():
        share = 0 if name in ("bias", "nmad", "rms") else len(residual)
        made[name] = number(figure)
        made[f"{name}_95"] = interval_95(np.array([each[name] for each in drawn]), figure, share)
    return made


def _nmad(residual: F8) -> float:
    return float(NMAD * np.median(np.abs(residual - np.median(residual))))


def _shown(one: _Estimates) -> dict[str, Any]:
    """Return what the plots show: some objects, and the shares of intervals that hold the catalogue's value."""
    from scipy.stats import norm

    rows = np.unique(np.linspace(0, len(one.true) - 1, min(POINTS, len(one.true))).round().astype(np.intp))
    columns = {"catalogue": one.true, "value": one.value, **({} if one.error is None else {"error": one.error})}
    points = {name: [float(f"{value:.6g}") for value in values[rows]] for name, values in columns.items()}
    if one.error is None:
        return {"points": points}
    widths = norm.ppf((1 + np.array(STATED)) / 2)
    found = [float(np.mean(np.abs(one.value - one.true) <= width * one.error)) for width in widths]
    return {"points": points, "intervals": {"stated": list(STATED), "found": found}}
