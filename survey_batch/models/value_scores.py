"""Scores of estimated quantities: how far they are from the catalogue, and how often within their errors.

A residual is value - catalogue, and on the scales `log` and `redshift` divided by the catalogue's value or by 1 + z
(`survey_batch.models.scales`).
"""

from collections.abc import Mapping
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
    """Compute the scores of several estimates of the same objects.

    Parameters
    ----------
    data
        The objects, with targets.
    answers
        Values (object, quantity) by name, or values and then their errors. One is `classifier`; its rows of NaN are
        left out of all answers and counted.
    seed
        Seed of the bootstrap.

    Returns
    -------
    dict
        For each name `objects`, `stars` and `quantities`: the scores of each, by name. `not_classified`, if not 0.

    Raises
    ------
    ConfigurationError
        No object has an estimate.
    """
    known = np.isfinite(answers["classifier"]).all(axis=1)
    if not known.any():
        raise ConfigurationError(f"none of {len(known)} objects has an estimate: there is nothing to score")
    star, count = data.star[known], len(data.quantities)
    draws = resampled_rows(star, seed)
    scores: dict[str, Any] = {} if known.all() else {"not_classified": int(np.sum(~known))}
    beyond: dict[str, float] = {}
    for name, answer in sorted(answers.items(), key=lambda item: item[0] != "classifier"):
        given = answer[known].astype(np.float64)
        table = {}
        for column, quantity in enumerate(data.quantities):
            true, error = data.targets[known, column], given[:, count + column] if given.shape[1] > count else None
            one = _scores(true, given[:, column], error, quantity, draws, beyond)
            table[quantity.name] = {**one, **(_shown(true, given[:, column], error) if name == "classifier" else {})}
        scores[name] = {"objects": len(star), "stars": len(np.unique(star)), "quantities": table}
    return scores


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


def _scores(
    true: F8, value: F8, error: F8 | None, quantity: Quantity, draws: list[Index], beyond: dict[str, float]
) -> dict[str, Any]:
    residual = residuals(true, value, quantity)
    if quantity.name not in beyond:  # that of the model, by which the baselines are judged too
        own = OUTLIER_NMADS * _nmad(residual)
        beyond[quantity.name] = PHOTOMETRIC_OUTLIER if quantity.scale == "redshift" else own
    limit = beyond[quantity.name]
    ratio = None if error is None else np.abs(value - true) / error

    def figures(rows: Index | slice) -> dict[str, float]:
        here = residual[rows]
        found = {
            "bias": float(np.median(here)),
            "nmad": _nmad(here),
            "rms": float(np.sqrt(np.mean(here**2))),
            "outliers": float(np.mean(np.abs(here) > limit)),
        }
        if ratio is not None:
            found |= {
                "within_68": float(np.mean(ratio[rows] <= 1)),
                "within_95": float(np.mean(ratio[rows] <= ERRORS_95)),
            }
        return found

    found, drawn = figures(slice(None)), [figures(rows) for rows in draws]
    made: dict[str, Any] = {"outlier_beyond": number(limit)}
    for name, one in found.items():
        share = len(residual) if name in ("outliers", "within_68", "within_95") else 0
        made[name] = number(one)
        made[f"{name}_95"] = interval_95(np.array([each[name] for each in drawn]), one, share)
    return made


def _nmad(residual: F8) -> float:
    return float(NMAD * np.median(np.abs(residual - np.median(residual))))


def _shown(true: F8, value: F8, error: F8 | None) -> dict[str, Any]:
    """Return what the plots show: some objects, and the shares of intervals that hold the catalogue's value."""
    from scipy.stats import norm

    rows = np.unique(np.linspace(0, len(true) - 1, min(POINTS, len(true))).round().astype(np.intp))
    columns = {"catalogue": true, "value": value, **({} if error is None else {"error": error})}
    points = {name: [float(f"{one:.6g}") for one in values[rows]] for name, values in columns.items()}
    if error is None:
        return {"points": points}
    widths = norm.ppf((1 + np.array(STATED)) / 2)
    found = [float(np.mean(np.abs(value - true) <= width * error)) for width in widths]
    return {"points": points, "intervals": {"stated": list(STATED), "found": found}}
