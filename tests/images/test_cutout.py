import numpy as np
import pytest
from astropy.nddata import Cutout2D
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.images.cutout import coverage, cut, on_image, overlap, window_start

IMAGE = np.random.default_rng(1).normal(size=(40, 50)).astype(np.float32)
X, Y = st.floats(-10, 60), st.floats(-10, 50)


@given(x=X, y=Y, size=st.integers(1, 21))
def test_windows_equal_those_of_cutout2d(x, y, size):
    start_x, start_y = (window_start(np.array([value]), size) for value in (x, y))
    ours = cut(IMAGE, start_x, start_y, size)[0]
    if np.isnan(ours).all():
        return
    theirs = Cutout2D(IMAGE, (x, y), size, mode="partial", fill_value=np.nan)
    np.testing.assert_array_equal(ours, theirs.data)
    assert (x - start_x[0], y - start_y[0]) == pytest.approx(theirs.input_position_cutout, abs=1e-9)


@given(starts=st.lists(st.tuples(st.integers(-80, 120), st.integers(-80, 120)), max_size=5), size=st.integers(1, 60))
def test_windows_are_the_pixels_at_their_places_and_nan_elsewhere(starts, size):
    x, y = np.array(starts, np.int64).reshape(-1, 2).T
    images = np.random.default_rng(2).normal(size=(len(x), 40, 50)).astype(np.float32)
    around = np.pad(images, ((0, 0), (200, 200), (200, 200)), constant_values=np.nan)
    expected = [one[top + 200 :, left + 200 :][:size, :size] for one, left, top in zip(around, x, y, strict=True)]
    np.testing.assert_array_equal(cut(images, x, y, size), np.array(expected).reshape(-1, size, size))
    for row in range(len(x)):
        alone = cut(images[row], x[row : row + 1], y[row : row + 1], size)
        np.testing.assert_array_equal(alone[0], expected[row])


@pytest.mark.parametrize("corner", [(0, 0), (49, 0), (0, 39), (49, 39), (25, 0), (0, 20), (49, 20), (25, 39)])
def test_windows_at_edges_and_corners_hold_nan_beyond_the_image(corner):
    start = [window_start(np.array([float(value)]), 8) for value in corner]
    window = cut(IMAGE, *start, 8)
    expected = overlap(start[0], 8, 50) * overlap(start[1], 8, 40)
    assert coverage(window) == pytest.approx(expected)
    assert expected < 1


@given(start=st.integers(-30, 60), size=st.integers(1, 30), length=st.integers(1, 40))
def test_overlap_is_the_share_of_pixels_on_the_axis(start, size, length):
    pixels = np.arange(start, start + size)
    share = np.mean((pixels >= 0) & (pixels < length))
    assert overlap(np.array([start]), size, length)[0] == pytest.approx(share)


def test_nan_pixels_of_the_image_are_not_covered():
    image = IMAGE.copy()
    image[5, 5] = np.nan
    assert coverage(cut(image, np.array([4]), np.array([4]), 4))[0] == pytest.approx(15 / 16)


def test_positions_up_to_half_a_pixel_out_are_on_the_image():
    x = np.array([-0.5, -0.6, 49.49, 49.5])
    assert on_image(x, np.full(4, 3.0), (40, 50)).tolist() == [True, False, True, False]
