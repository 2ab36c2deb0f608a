"""How well an embedding tells classes apart: the class of an object by vote of its nearest labelled neighbours."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, F8, Index
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.classes import class_numbers
from survey_batch.models.labelled import Labelled
from survey_batch.models.neighbours import nearest
from survey_batch.models.prior import Prior
from survey_batch.models.scores import scores_of
from survey_batch.models.summary import mean_figure

VOTERS = 5
"""Neighbours that vote; of classes with as many votes, that of the nearer voters wins."""
QUERIES_AT_ONCE = 4096
"""Objects whose neighbours are searched together; fewer where a star has so many visits that each needs many more."""


@dataclass(frozen=True)
class Votes:
    """What the neighbours of some objects say.

    Attributes
    ----------
    chosen, nearest : (object,) int
        Class by vote, and class of the nearest; -1 for an object without a vector or without neighbours.
    same : (object,) float64
        Share of the voters that have the object's own class; NaN there.
    """

    chosen: Index
    nearest: Index
    same: F8


def votes_of(vectors: F4, true: Index, star: npt.NDArray[np.int64], asked: Index, voters: Index) -> Votes:
    """Ask the nearest neighbours of objects for their class, by Euclidean distance.

    Parameters
    ----------
    vectors
        (object, dimension); a row with NaN has none.
    true, star
        Class number and star of each object, (object,). Visits of one star do not vote for each other.
    asked, voters
        The objects that are asked about, and those that may vote.
    """
    own = _most_visits(star, asked, voters)
    step = -(-QUERIES_AT_ONCE // (1 + own // VOTERS))
    found = [
        _asked(vectors, true, star, asked[start : start + step], voters, own) for start in range(0, len(asked), step)
    ]
    return Votes(*(np.concatenate([getattr(part, name) for part in found]) for name in ("chosen", "nearest", "same")))


def _most_visits(star: npt.NDArray[np.int64], asked: Index, voters: Index) -> int:
    """Count the voters of the star that has most of them, among the stars that are asked about."""
    shared = star[voters][np.isin(star[voters], star[asked])]
    return int(np.unique(shared, return_counts=True)[1].max(initial=0))


def _asked(vectors: F4, true: Index, star: npt.NDArray[np.int64], asked: Index, voters: Index, own: int) -> Votes:
    known = np.flatnonzero(np.isfinite(vectors[asked]).all(axis=1))
    chosen, first, same = np.full(len(asked), -1), np.full(len(asked), -1), np.full(len(asked), np.nan)
    rows = nearest(vectors[asked[known]], [(0, vectors[voters])], VOTERS + own).rows
    of = voters[rows]
    counts = (rows >= 0) & (star[of] != star[asked[known], None])
    counts &= counts.cumsum(axis=1) <= VOTERS
    given = np.where(counts, true[of], -1)
    weights = counts * (1 + 1e-3 / (1 + np.arange(rows.shape[1])))  # equal votes: the nearer ones decide
    totals = np.stack([np.where(given == number, weights, 0).sum(axis=1) for number in range(true.max() + 1)], axis=1)
    some = counts.any(axis=1)
    at = known[some]
    chosen[at] = totals[some].argmax(axis=1)
    first[at] = given[some, counts[some].argmax(axis=1)]
    same[at] = (given == true[asked[known], None]).sum(axis=1)[some] / counts[some].sum(axis=1)
    return Votes(chosen, first, same)


def neighbour_scores(
    data: Labelled, vectors: F4, classes: tuple[str, ...], split: str, seed: int, prior: Prior = "as_found"
) -> dict[str, Any]:
    """Score the classes that neighbours vote for.

    Objects of the split are asked about, and labelled objects of the others vote; if there are no others, each object
    is asked about and all others vote, but for visits of its own star.

    Parameters
    ----------
    data
        All labelled objects.
    vectors
        Their vectors, (object, dimension); NaN where there is none.
    classes
        Of their labels.
    split
        "" for objects that belong to no split.
    seed
        Of the bootstrap.
    prior
        Class shares for which scores are stated.

    Returns
    -------
    dict
        As `scores_of`: `classifier` is the vote, `nearest` the class of the nearest alone, `most_common` that of most
        voters' labels. `neighbours`: how many `vote`, and `among` how many. `same_class`: the share of an object's
        voters that have its class, with `same_class_95`, in `classifier` and for each class.

    Raises
    ------
    ConfigurationError
        No object of the split has a vector and neighbours.
    """
    true = class_numbers(data.label, classes)
    asked, others = np.flatnonzero(data.split == split), np.flatnonzero(data.split != split)
    voters = others if len(others) else asked
    votes = votes_of(vectors, true, data.star, asked, voters)
    rows = data.take(asked)
    known = votes.chosen >= 0
    if not known.any():
        raise ConfigurationError(
            f"no object has an embedding and neighbours with a label, out of {len(asked):,}: there is nothing to score"
        )
    commonest = np.full(len(asked), np.bincount(true[voters]).argmax())
    answers = {"classifier": votes.chosen, "nearest": votes.nearest, "most_common": commonest}
    scores = scores_of(rows, answers, classes, seed, prior=prior)
    scores["neighbours"] = {"vote": VOTERS, "among": len(voters)}
    own, stars = true[asked][known], rows.star[known]
    _add_same_class(scores["classifier"], own, votes.same[known], classes, stars, seed, prior)
    return scores


def _add_same_class(
    scores: dict[str, Any], true: Index, same: F8, classes: tuple[str, ...], star: Index, seed: int, prior: Prior
) -> None:
    """Add the shares of voters of the object's own class: over all, and for each class."""
    mean, _, interval = mean_figure(true, same, classes, star, seed, prior=prior, share=True)
    scores |= {"same_class": mean, "same_class_95": interval}
    per_class: Mapping[str, dict[str, Any]] = scores["per_class"]
    for number, one in enumerate(per_class.values()):
        here = true == number
        if here.any():
            mean, _, interval = mean_figure(true[here], same[here], classes, star[here], seed, share=True)
        one |= {"same_class": mean, "same_class_95": interval} if here.any() else {"same_class": None}
