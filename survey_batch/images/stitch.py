"""The fields of a run that supply the rows of a window which no single field holds whole.

The fields of a run and camcol lie on one pixel grid, `ROW_STEP` = 1361 rows apart, and neighbours share 128 rows.
Rows are counted from row 0 of the field that serves a window. That field gives every row that it has; any other row
comes from the nearest field that has it. In real frames a row of the overlap differs between its two fields by about
1e-5 nanomaggy, because each frame has its own sky. A stitched window may jump by as much from one row to the next.
"""

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import I8
from survey_batch.images.frame import FRAME_SHAPE, OVERLAP_ROWS, ROW_STEP


def serving_step(row: I8) -> I8:
    """Return the offset of the field that gives a row from the serving field: 0 for its own rows, -1 for row -1."""
    before, after = row // ROW_STEP, (row - OVERLAP_ROWS) // ROW_STEP
    return np.where(row < 0, before, np.where(row < FRAME_SHAPE[0], 0, after))


def steps_beyond(start: I8, size: int) -> list[int]:
    """List the other fields that give rows to the windows of `size` rows from each start, nearest first."""
    first, last = serving_step(start), serving_step(start + size - 1)
    steps = range(int(first.min(initial=0)), int(last.max(initial=0)) + 1)
    return sorted((step for step in steps if step), key=lambda step: (abs(step), step))


def rows_from(step: int, start: I8, size: int) -> npt.NDArray[np.bool_]:
    """Tell which rows of each window a field gives: (n,) starts to (n, size)."""
    return np.asarray(serving_step(start[:, None] + np.arange(size)) == step)
