"""The column that says how unlike all others an object is."""

import numpy as np
import pyarrow as pa

from survey_batch.results.embedding import read_vectors
from survey_batch.results.export.parts import Part, to_column
from survey_batch.results.export.units import column
from survey_batch.results.outliers import OutlierScore

OUTLIER = "outlier"
"""What `--with` calls it."""


def outlier_column(output: str) -> Part:
    """Find the column; each row's score is computed when it is read, and depends on no other row that is read.

    Raises
    ------
    ConfigurationError
        The predictions are no embedding, or too few objects have one.
    """
    vectors = read_vectors(output)
    score = OutlierScore.of(vectors)
    about = "distance to the 10th neighbour in the standardised embedding, over the median of all"

    def read(rows: slice) -> list[pa.Array]:
        values = score.scores(np.arange(rows.start, rows.stop), vectors.read(rows))
        return [to_column(values, vectors.answered[rows])]

    return Part((column("outlier_score", pa.float32(), about),), read)
