"""The bootstrap by whole groups: how much scores vary from one sample of stars to another.

Groups (repeat visits of a star) are drawn with replacement, as many as there are (Efron & Tibshirani 1993, An
Introduction to the Bootstrap). Groups with the same content are interchangeable, so the number of draws of each kind of
content is multinomial. The work grows with the number of kinds, not of objects.
"""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from survey_batch.core.arrays import F8, Index

DRAWS = 2000
CENTRAL = (2.5, 97.5)
"""Percentiles of the interval."""
DRAWN_AT_ONCE = 4_000_000
"""Most numbers held in memory at a time."""


def resampled_sums(
    kind: Index, values: npt.NDArray[Any], group: npt.NDArray[Any] | None = None, seed: int = 0, draws: int = DRAWS
) -> F8:
    """Sum values over resampled objects; the values depend only on an object's kind.

    Parameters
    ----------
    kind : (object,) int
        For example, the number of a cell in a confusion matrix; few kinds are fast.
    values : (kind, value)
        The identity matrix counts the objects of each kind.
    group : (object,)
        Objects with the same group are drawn together; by default each object is a group of its own.
    seed, draws
        Seed and number of the random draws.

    Returns
    -------
    (draw, value) float64
    """
    contents, times = _contents(np.asarray(kind, np.intp), group)
    rows = np.repeat(np.arange(len(contents)), [len(content) for content in contents])
    columns = np.concatenate(contents)
    counts = csr_array((np.ones(len(columns)), (rows, columns)), shape=(len(contents), len(values)))
    totals = counts @ np.asarray(values, np.float64)
    random = np.random.default_rng(seed)
    groups, together = int(times.sum()), max(1, DRAWN_AT_ONCE // len(times))
    parts = [
        random.multinomial(groups, times / groups, size=min(together, draws - first)) @ totals
        for first in range(0, draws, together)
    ]
    return np.concatenate(parts)


def _contents(kind: Index, group: npt.NDArray[Any] | None) -> tuple[list[Index], Index]:
    """Find the distinct contents of groups, as sorted kinds, and count the groups with each."""
    number = np.arange(len(kind)) if group is None else np.unique(group, return_inverse=True)[1]
    alone = (np.bincount(number) == 1)[number]
    kinds, times = np.unique(kind[alone], return_counts=True)
    together = np.flatnonzero(~alone)
    if not len(together):
        return list(kinds[:, None]), times
    ordered = together[np.lexsort([kind[together], number[together]])]
    starts = np.flatnonzero(np.diff(number[ordered])) + 1
    tally = Counter(content.tobytes() for content in np.split(kind[ordered], starts))
    found = [np.frombuffer(content, kind.dtype) for content in tally]
    return [*kinds[:, None], *found], np.concatenate([times, list(tally.values())])


def interval_95(draws: npt.NDArray[np.floating], value: float, groups: int = 0) -> list[float] | None:
    """Compute the central 95 % of a score's draws, [low, high], ignoring NaN; None if the score is NaN.

    Parameters
    ----------
    draws : (draw,)
        The score of each resampled set.
    value
        The score of the objects themselves.
    groups
        If the score is a share, the number of groups. When a share is 0 or 1, all draws are equal, as if nothing else
        were possible; the interval is then the exact binomial one (Clopper & Pearson 1934, Biometrika 26, 404).
    """
    known = draws[~np.isnan(draws)]
    if np.isnan(value) or not len(known):
        return None
    low, high = np.percentile(known, CENTRAL)
    if groups and np.isclose([value], [0, 1]).any():
        rarest = (CENTRAL[0] / 100) ** (1 / groups)
        low, high = (rarest, 1) if value > 0.5 else (0, 1 - rarest)
    return [round(float(low), 6), round(float(high), 6)]


def bootstrap(scores: F8, group: npt.NDArray[Any] | None = None, seed: int = 0) -> tuple[float, float, float]:
    """Compute the standard error and 95 % interval of a mean.

    Parameters
    ----------
    scores
        One number per object, such as 1 or 0 for right or wrong; fast if there are few distinct values.
    group, seed
        As in `resampled_sums`.

    Returns
    -------
    tuple of float
        Standard error, lower and upper end of the central 95 %.
    """
    values, kind = np.unique(scores, return_inverse=True)
    sums = resampled_sums(kind, np.column_stack([values, np.ones(len(values))]), group, seed)
    means = sums[:, 0] / sums[:, 1]
    low, high = np.percentile(means, CENTRAL)
    return float(np.std(means, ddof=1)), float(low), float(high)
