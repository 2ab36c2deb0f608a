"""The nearest of many vectors to some, exactly, block by block."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from survey_batch.core.arrays import F4, F8, Index
from survey_batch.core.threads import one_thread

Metric = Literal["euclidean", "cosine"]

PRODUCTS_AT_ONCE = 4_000_000
"""Most distances in memory at a time."""
SPARE = 4
"""Candidates beyond those asked for, so that the rounding of matrix products decides nothing."""

Block = tuple[int, F4]
"""Number of the first row, and vectors (row, dimension); a row with NaN has none."""


@dataclass(frozen=True)
class Neighbours:
    """The nearest rows to some vectors, the nearest first.

    Attributes
    ----------
    rows : (query, rank) int
        -1 where there are not so many rows.
    distances : (query, rank) float64
        Infinite there.
    """

    rows: Index
    distances: F8


@one_thread()
def nearest(queries: F4 | F8, blocks: Iterable[Block], top: int, metric: Metric = "euclidean") -> Neighbours:
    """Find the nearest rows to each query.

    Candidates are found by matrix products, |v|^2 - 2 q v, and their distances then computed from differences, so that
    no small distance is lost in rounding. Equal distances are in the order of the rows.

    Parameters
    ----------
    queries
        (query, dimension), all finite.
    blocks
        Any number of rows; a few blocks' worth of memory is needed, however many there are.
    top
        Rows for each query.
    metric
        `euclidean`, or `cosine`: 1 less the cosine of the angle.
    """
    wanted = _directions(queries, metric)
    best = _Best.of(wanted, top + SPARE)
    for first, block in blocks:
        step = max(PRODUCTS_AT_ONCE // max(len(wanted), 1), 1)
        for start, vectors, rows in _parts(block, step, metric):
            best.add(vectors, rows + first + start)
    return best.sorted(top, metric)


def _parts(block: F4, step: int, metric: Metric) -> Iterator[tuple[int, F8, Index]]:
    """Yield the rows that have a vector, some at a time: where they begin, the vectors, and the rows within."""
    for start in range(0, len(block), step):
        part = block[start : start + step]
        rows = np.flatnonzero(np.isfinite(part).all(axis=1))
        if len(rows):
            yield start, _directions(part[rows], metric), rows


def _directions(vectors: F4 | F8, metric: Metric) -> F8:
    """Turn vectors into ones between which the Euclidean distance says what the metric does."""
    exact = np.asarray(vectors, np.float64)
    if metric == "euclidean":
        return exact
    length = np.sqrt(np.sum(exact**2, axis=1, keepdims=True))
    return np.asarray(exact / np.where(length > 0, length, 1))


@dataclass
class _Best:
    """The nearest rows so far: their numbers, (query, kept), squares of distances less |q|^2, and vectors."""

    queries: F8
    rows: Index
    squares: F8
    vectors: F8

    @classmethod
    def of(cls, queries: F8, kept: int) -> "_Best":
        shape = (len(queries), kept)
        return cls(queries, np.full(shape, -1), np.full(shape, np.inf), np.zeros((*shape, queries.shape[1])))

    def add(self, vectors: F8, rows: Index) -> None:
        """Compare some more rows."""
        squares = np.sum(vectors**2, axis=1) - 2 * self.queries @ vectors.T
        kept = self.rows.shape[1]
        if squares.shape[1] > kept:
            chosen = np.argpartition(squares, kept - 1, axis=1)[:, :kept]
        else:
            chosen = np.broadcast_to(np.arange(squares.shape[1]), squares.shape)
        both = np.concatenate([self.squares, np.take_along_axis(squares, chosen, axis=1)], axis=1)
        order = np.argpartition(both, kept - 1, axis=1)[:, :kept]
        self.squares = np.take_along_axis(both, order, axis=1)
        self.rows = np.take_along_axis(np.concatenate([self.rows, rows[chosen]], axis=1), order, axis=1)
        every = np.concatenate([self.vectors, vectors[chosen]], axis=1)
        self.vectors = np.take_along_axis(every, order[..., None], axis=1)

    def sorted(self, top: int, metric: Metric) -> Neighbours:
        """Compute the distances of those kept from differences, and sort them."""
        squares = np.sum((self.vectors - self.queries[:, None]) ** 2, axis=2)
        squares = np.where(self.rows >= 0, squares, np.inf)
        order = np.lexsort((self.rows, squares), axis=1)[:, :top]
        found = np.take_along_axis(squares, order, axis=1)
        distances = np.sqrt(found) if metric == "euclidean" else found / 2
        return Neighbours(np.take_along_axis(self.rows, order, axis=1), distances)
