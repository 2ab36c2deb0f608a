"""Which field gives which row of a window."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.images.stitch import rows_from, serving_step, steps_beyond
from survey_batch.surveys.sdss.files import FRAME_SHAPE, GRID

ROWS = st.integers(-6000, 6000)


@given(row=ROWS)
def test_a_row_comes_from_the_nearest_field_that_has_it(row):
    step = int(serving_step(np.array([row]), GRID)[0])
    having = [k for k in range(-6, 7) if 0 <= row - k * GRID.step < FRAME_SHAPE[0]]
    assert step in having
    assert abs(step) == min(abs(k) for k in having)


@given(start=ROWS, size=st.integers(1, 2000))
def test_every_row_of_a_window_comes_from_exactly_one_field(start, size):
    starts = np.array([start])
    shares = [rows_from(step, starts, size, GRID) for step in (*steps_beyond(starts, size, GRID), 0)]
    assert np.sum(shares, axis=0).tolist() == [[1] * size]


def test_a_window_inside_needs_no_other_field():
    assert steps_beyond(np.array([0, 1489 - 64]), 64, GRID) == []


def test_windows_that_reach_over_both_ends_need_both_neighbours():
    assert steps_beyond(np.array([-1, 1489 - 63]), 64, GRID) == [-1, 1]


def test_no_window_needs_no_field():
    assert steps_beyond(np.array([], dtype=np.int64), 64, GRID) == []
