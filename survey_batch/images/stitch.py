"""The fields of a strip that supply the rows of a window if no single field holds them all.

The fields of a strip lie on one pixel grid (`FrameGrid`), and neighbours share some rows. In SDSS a strip is a run and
camcol; its fields begin 1361 rows apart, and neighbours share 128 rows. Rows are counted from row 0 of the field that
serves a window. That field gives every row that it has; any other row comes from the nearest field that has it. In
real SDSS frames a row of the overlap differs between its two fields by about 1e-5 nanomaggy, because each frame has its
own sky. A stitched window may jump by as much from one row to the next.
"""

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import I8
from survey_batch.images.frame import FrameGrid


def serving_step(row: I8, grid: FrameGrid) -> I8:
    """Return the offset of the field that gives a row from the serving field: 0 for its own rows, -1 for row -1."""
    if grid.overlap is None:
        return np.zeros_like(row)
    before, after = row // grid.step, (row - grid.overlap) // grid.step
    return np.where(row < 0, before, np.where(row < grid.rows, 0, after))


def steps_beyond(start: I8, size: int, grid: FrameGrid) -> list[int]:
    """List the other fields that give rows to the windows of `size` rows from each start, nearest first."""
    first, last = serving_step(start, grid), serving_step(start + size - 1, grid)
    steps = range(int(first.min(initial=0)), int(last.max(initial=0)) + 1)
    return sorted((step for step in steps if step), key=lambda step: (abs(step), step))


def rows_from(step: int, start: I8, size: int, grid: FrameGrid) -> npt.NDArray[np.bool_]:
    """Tell which rows of each window a field gives: (n,) starts to (n, size)."""
    return np.asarray(serving_step(start[:, None] + np.arange(size), grid) == step)
