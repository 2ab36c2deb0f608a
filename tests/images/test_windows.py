"""Windows around positions, and the field of a strip that covers them best."""

import numpy as np
import pytest

from survey_batch.images.frame import FrameGrid, FrameWcs
from survey_batch.images.wcs import pixel_to_sky
from survey_batch.images.windows import FAR, best_step, beyond_edge, grid_offset, overlay, windows_around

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
    overlay(planes, patch, np.array([1, 2]), rows[1:, :, None])
    np.testing.assert_array_equal(planes["flux"], np.broadcast_to(rows[:, :, None], (3, 4, 4)))


def test_pixels_beyond_the_edge_are_those_that_a_frame_does_not_have():
    window = windows_around(WCS, *pixel_to_sky(WCS, np.array([2.2, 70.4]), np.array([50.3, 98.6])), 8, subpixel=False)
    beyond = beyond_edge(window, 8, (100, 80))
    for number, (x, y) in enumerate(zip(window.x.start, window.y.start, strict=True)):
        for row, column in np.ndindex(8, 8):
            inside = 0 <= y + row < 100 and 0 <= x + column < 80
            assert beyond[number, row, column] == (not inside)


@pytest.mark.parametrize(
    ("moved", "turned", "same"), [(0, 0, True), (9e-4, 0, True), (2e-3, 0, False), (0, 1e-3, False)]
)
def test_two_frames_are_on_one_grid_if_all_of_a_window_is_off_by_whole_pixels(moved, turned, same):
    window = windows_around(WCS, *pixel_to_sky(WCS, np.array([2.2, 70.4]), np.array([50.3, 98.6])), 8, subpixel=False)
    cd = WCS.cd @ np.array([[1, turned], [-turned, 1]])
    other = FrameWcs(WCS.crval, WCS.crpix + np.array([-300 + moved, 17]), cd)
    offset, found = grid_offset(WCS, other, window, 8)
    assert found.tolist() == [same, same]
    if same:
        assert offset.tolist() == [[-300, 17]] * 2
    elsewhere = FrameWcs(WCS.crval + np.array([170.0, 0.0]), WCS.crpix, WCS.cd)
    assert not grid_offset(WCS, elsewhere, window, 8)[1].any()
