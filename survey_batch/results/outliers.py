"""How unlike all others an object is, by the distance to its neighbours in the embedding."""

from dataclasses import dataclass

import numpy as np

from survey_batch.core.arrays import F4, F8, Flags, Index
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.threads import one_thread
from survey_batch.results.embedding import Vectors

NEIGHBOUR = 10
"""The score is the distance to this neighbour: a handful of objects of one rare kind do not hide each other."""
REFERENCE = 10_000
"""Most objects to which distances are computed: drawn by chance, with the seed below, if there are more."""
SEED = 1
AT_ONCE = 128
"""Objects whose distances are computed together."""


def reference_rows(answered: Flags) -> Index:
    """Choose the reference objects among those with an embedding, (object,): their rows, rising."""
    rows = np.flatnonzero(answered)
    if len(rows) <= REFERENCE:
        return rows
    return np.sort(np.random.default_rng(SEED).choice(rows, REFERENCE, replace=False))


@dataclass(frozen=True)
class OutlierScore:
    """Distance to the 10th nearest reference object, in the standardised embedding, over the usual distance.

    Every dimension is divided by its standard deviation. Up to 10,000 objects all are reference objects; of more, a
    seeded sample is, so that the time grows with the number of objects and not with its square. The score of an object
    does not depend on which others are scored with it.

    Attributes
    ----------
    rows : (reference,) int
        The reference objects' rows, rising.
    vectors : (reference, dimension)
        Standardised.
    mean, spread : (dimension,)
        Of the reference objects.
    usual : float
        Median of their distances.
    """

    rows: Index
    vectors: F8
    mean: F8
    spread: F8
    usual: float

    @classmethod
    def of(cls, vectors: Vectors) -> "OutlierScore":
        """Choose and read the reference objects.

        Raises
        ------
        ConfigurationError
            Too few objects have an embedding.
        """
        rows = reference_rows(vectors.answered)
        return cls.from_reference(rows, vectors.take(rows))

    @classmethod
    def from_reference(cls, rows: Index, vectors: F4) -> "OutlierScore":
        """Take reference objects: their rows, as `reference_rows` chooses them, and their embeddings."""
        if len(rows) <= NEIGHBOUR:
            raise ConfigurationError(
                f"an outlier score needs more than {NEIGHBOUR} objects with an embedding, and there are {len(rows)}"
            )
        exact = vectors.astype(np.float64)
        mean, spread = exact.mean(axis=0), exact.std(axis=0)
        spread = np.where(spread > 0, spread, 1)
        draft = cls(rows, (exact - mean) / spread, mean, spread, 1.0)
        return cls(rows, draft.vectors, mean, spread, float(np.median(draft.scores(rows, vectors))) or 1.0)

    @one_thread()
    def scores(self, rows: Index, vectors: F4) -> F4:
        """Compute the scores, (row,), of objects by their rows and embeddings; NaN for one without an embedding."""
        scores = np.full(len(rows), np.nan, np.float32)
        known = np.flatnonzero(np.isfinite(vectors).all(axis=1))
        # An object of the reference is its own nearest neighbour, which does not count.
        rank = NEIGHBOUR - 1 + np.isin(rows, self.rows)
        lengths = np.sum(self.vectors**2, axis=1)
        for start in range(0, len(known), AT_ONCE):
            here = known[start : start + AT_ONCE]
            scaled = (vectors[here] - self.mean) / self.spread
            squares = np.partition(lengths - 2 * scaled @ self.vectors.T, (NEIGHBOUR - 1, NEIGHBOUR), axis=1)
            chosen = squares[np.arange(len(here)), rank[here]] + np.sum(scaled**2, axis=1)
            scores[here] = np.sqrt(np.maximum(chosen, 0)) / self.usual
        return scores
