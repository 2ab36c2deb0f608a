"""The vectors of a job's objects, as its predictions hold them; read block by block."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import zarr

from survey_batch.core.arrays import F4, Flags, Index
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import usable
from survey_batch.models.neighbours import Block, Metric, Neighbours, nearest
from survey_batch.store.damage import read_array
from survey_batch.store.marks import read_marks
from survey_batch.store.products import open_strictly, stored

PREDICTIONS, EMBEDDING = "predictions", "embedding"

BLOCK_BYTES = 32_000_000
"""About as many bytes of vectors are read at a time, in whole shards."""


@dataclass(frozen=True)
class Vectors:
    """The vectors of all objects.

    Attributes
    ----------
    group
        The product.
    answered : (object,) bool
        Objects that have a vector.
    """

    group: zarr.Group
    answered: Flags

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(stored(self.group, EMBEDDING).shape[1])

    def read(self, rows: slice) -> F4:
        """Read successive rows, (row, dimension); NaN where an object has no vector."""
        values = np.asarray(read_array(self.group, EMBEDDING, rows), np.float32)
        return np.where(self.answered[rows, None], values, np.float32(np.nan))

    def blocks(self) -> Iterator[Block]:
        """Read all rows."""
        array = stored(self.group, EMBEDDING)
        shard = int((array.shards or array.shape)[0])
        step = max(BLOCK_BYTES // (4 * self.dimensions) // shard, 1) * shard
        for start in range(0, array.shape[0], step):
            yield start, self.read(slice(start, min(start + step, array.shape[0])))

    def take(self, rows: Index) -> F4:
        """Read single rows, in rising order."""
        parts = [np.zeros((0, self.dimensions), np.float32)]
        for start, block in self.blocks_with(rows):
            within = rows[(rows >= start) & (rows < start + len(block))] - start
            parts.append(block[within])
        return np.concatenate(parts)

    def blocks_with(self, rows: Index) -> Iterator[Block]:
        """Read the shards that hold any of the rows."""
        array = stored(self.group, EMBEDDING)
        shard = int((array.shards or array.shape)[0])
        for number in np.unique(rows // shard):
            start = int(number) * shard
            yield start, self.read(slice(start, min(start + shard, array.shape[0])))


def read_vectors(output: str) -> Vectors:
    """Open the vectors of a job's output.

    Raises
    ------
    ConfigurationError
        There are no predictions, or they are no embedding.
    """
    try:
        group = open_strictly(output, PREDICTIONS)
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{output} has no product {PREDICTIONS!r}: run a job whose predictions.classifier answers with an "
            'embedding, such as train.kind = "spectrum-embedding" makes'
        ) from error
    if EMBEDDING not in group:
        held = "classes" if "probability" in group else "values"
        raise ConfigurationError(
            f"the predictions of {output} are {held}, and what is similar is told by an embedding: predict with a "
            'classifier that answers with one, such as train.kind = "spectrum-embedding" makes'
        )
    return Vectors(group, usable(np.asarray(read_marks(output, PREDICTIONS, group), np.uint8)))


def nearest_others(vectors: Vectors, rows: Index, top: int, metric: Metric = "euclidean") -> Neighbours:
    """Find the nearest other objects to each of some objects.

    Parameters
    ----------
    vectors
    rows : (query,) int
        The objects, in any order; all have a vector.
    top, metric
        As in `nearest`, which compares all objects.
    """
    order = np.argsort(rows, kind="stable")
    queries = np.empty((len(rows), vectors.dimensions), np.float32)
    queries[order] = vectors.take(rows[order])
    found = nearest(queries, vectors.blocks(), top + 1, metric)
    # Of what was found, the object itself is left out, or the last one where others with no distance push it out.
    others = found.rows != rows[:, None]
    others[others.all(axis=1), -1] = False
    return Neighbours(found.rows[others].reshape(-1, top), found.distances[others].reshape(-1, top))
