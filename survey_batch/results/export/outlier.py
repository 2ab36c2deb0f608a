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
        here = slice(rows.start, max(rows.start, min(rows.stop, len(vectors.answered))))
        lacking = (0, rows.stop - here.stop)  # a run has still to give predictions the catalogue's new rows
        values = score.scores(np.arange(here.start, here.stop), vectors.read(here))
        return [to_column(np.pad(values, lacking), np.pad(vectors.answered[here], lacking))]

    return Part((column("outlier_score", pa.float32(), about),), read)
