"""Windows around positions, and the field of a strip that covers them best."""

import numpy as np
import pytest

from survey_batch.images.frame import FrameGrid, FrameWcs
from survey_batch.images.windows import FAR, best_step, overlay, windows_around

STRIP = FrameGrid(rows=100, columns=80, overlap=20)
WCS = FrameWcs(np.array([150.0, 2.0]), np.array([40.5, 50.5]), np.array([[1e-4, 0.0], [0.0, 1e-4]]))


def at(x, y, size=8, subpixel=False):
    """Windows around pixels: near the reference position the projection is flat."""
    ra, dec = 150.0 + (np.atleast_1d(x) - 39.5) * 1e-4 / np.cos(np.radians(2.0)), 2.0 + (np.atleast_1d(y) - 49.5) * 1e-4
    return windows_around(WCS, ra, dec, size, subpixel=subpixel)


def test_a_window_starts_half_its_size_before_the_position():
    window = at(30.2, 60.7)
    assert window.x.start.tolist() == [27]
    assert window.y.start.tolist() == [57]
    assert window.inside(STRIP.shape).tolist() == [True]
    assert window.moved(80).y.start.tolist() == [57 - 80]


def test_a_position_on_the_far_side_of_the_sky_lies_on_no_frame():
    window = windows_around(WCS, np.array([330.0]), np.array([-2.0]), 8, subpixel=False)
    assert not window.inside(STRIP.shape).any()
    assert np.all(np.abs(window.x.start) >= FAR - 8)


@pytest.mark.parametrize(("y", "step"), [(50.0, 0), (97.0, 1), (2.0, -1), (88.0, 0)])
def test_the_field_that_covers_most_of_a_window_serves_it_and_the_own_field_wins_a_tie(y, step):
    assert best_step([at(40.0, y)], 8, STRIP, 1).tolist() == [step]


def test_fields_without_neighbours_serve_their_own_objects():
    alone = FrameGrid(rows=100, columns=80)
    assert best_step([at(40.0, 97.0)], 8, alone, 1).tolist() == [0]
    assert best_step([], 8, STRIP, 3).tolist() == [0, 0, 0]


def test_rows_of_a_patch_replace_those_of_the_touched_windows_alone():
    planes = {"flux": np.zeros((3, 4, 4), np.float32)}
    rows = np.zeros((3, 4), bool)
    rows[1, 2:], rows[2, 0] = True, True
    patch = {"flux": np.ones((2, 4, 4), np.float32)}
    made = overlay(planes, patch, np.array([False, True, True]), rows)["flux"]
    np.testing.assert_array_equal(made[:, :, 0], rows)
