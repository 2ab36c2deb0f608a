"""The columns that name each object's nearest neighbours in the embedding, and say how far they are."""

import numpy as np
import pyarrow as pa

from survey_batch.core.steps import step
from survey_batch.core.wording import counted
from survey_batch.planning.stored import planned_rows, read_plan_part
from survey_batch.results.embedding import nearest_others, read_vectors
from survey_batch.results.export.parts import Part, to_column
from survey_batch.results.export.units import column

NEIGHBOURS = "neighbours"
"""What `--with` calls them."""
COUNT = 5
"""Neighbours of each object."""
QUERIES_AT_ONCE = 4096
"""Objects whose neighbours are searched together: all vectors are read for them once."""


def neighbour_columns(output: str) -> Part:
    """Find the columns, with the neighbours that `similar` finds.

    Every object is compared with every other, so the time grows with the square of their number.

    Raises
    ------
    ConfigurationError
        The predictions are no embedding.
    """
    vectors = read_vectors(output)
    ids = read_plan_part(output, ["object_id"], slice(0, planned_rows(output)))["object_id"].combine_chunks()
    fields = [
        field
        for rank in range(1, COUNT + 1)
        for field in (
            column(f"neighbour_{rank}", pa.string(), f"id of neighbour {rank} in the embedding, the nearest first"),
            column(f"neighbour_{rank}_distance", pa.float64(), f"its Euclidean distance, of neighbour {rank}"),
        )
    ]

    def read(rows: slice) -> list[pa.Array]:
        found = np.full((rows.stop - rows.start, COUNT), -1, np.intp)
        distances = np.full(found.shape, np.nan)
        asked = np.flatnonzero(vectors.answered[rows])
        for start in range(0, len(asked), QUERIES_AT_ONCE):
            step(
                f"finding neighbours of {rows.start + start:,} and later of {counted(len(vectors.answered), 'object')}"
            )
            here = asked[start : start + QUERIES_AT_ONCE]
            near = nearest_others(vectors, here + rows.start, COUNT)
            found[here], distances[here] = near.rows, near.distances
        there = found >= 0
        return [
            part
            for rank in range(COUNT)
            for part in (
                ids.take(pa.array(found[:, rank], mask=~there[:, rank])),
                to_column(distances[:, rank], there[:, rank]),
            )
        ]

    return Part(tuple(fields), read)
