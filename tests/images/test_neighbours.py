import numpy as np
import pytest

from survey_batch.images.neighbours import KERNEL, NEIGHBOURS, _smooth, find_neighbours
from survey_batch.images.stamps import make_stamps
from tests.images.test_photometry import NOISE, RING, pixel_gaussian


def measure(*sources, n=1, x=31.6, y=31.3, missing=None):
    """Find the neighbours of an object of flux 20 at (x, y), with sources (dx, dy, flux) around it."""
    rng = np.random.default_rng(6)
    images = rng.normal(0, NOISE, (n, 64, 64))
    for dx, dy, flux in ((0, 0, 20.0), *sources):
        images += flux * pixel_gaussian(np.full(n, x + dx), np.full(n, y + dy), 1.4)
    if missing is not None:
        images[(slice(None), *missing)] = np.nan
    return find_neighbours(make_stamps(images.astype("f4"), np.full(n, x), np.full(n, y), RING), RING[1])


def test_an_isolated_object_has_no_neighbour():
    found = measure(n=50)
    assert found["neighbours"].sum() <= 1  # a peak of five sigma in noise is rare
    assert np.isnan(found["nearest_distance"][found["neighbours"] == 0]).all()


def test_the_nearest_and_the_brightest_are_told_apart():
    found = {name: values[0] for name, values in measure((8, 0, 5.0), (-9, 12, 60.0), (0, -20, 2.0)).items()}
    assert found["neighbours"] == 3
    assert found["nearest_distance"] == pytest.approx(8, abs=0.75)
    assert found["nearest_ratio"] == pytest.approx(5 / 20, rel=0.1)
    assert found["brightest_distance"] == pytest.approx(15, abs=0.75)
    assert found["brightest_ratio"] == pytest.approx(60 / 20, rel=0.1)


def test_only_what_lies_within_the_radius_counts():
    assert measure((0, 24, 50.0))["neighbours"][0] == 1
    assert measure((27, 0, 50.0))["neighbours"][0] == 0


def test_missing_pixels_are_no_peaks():
    found = measure((0, 12, 50.0), missing=np.s_[40:, :])
    assert found["neighbours"][0] == 0


def test_without_a_background_nothing_is_said():
    found = measure(missing=np.s_[:, :])
    assert list(found) == [name for name, *_ in NEIGHBOURS]
    assert all(np.isnan(values).all() for values in found.values())


def test_a_neighbour_of_an_invisible_object_has_no_ratio():
    images = NOISE * np.random.default_rng(7).normal(size=(1, 64, 64))
    images += 30 * pixel_gaussian(np.array([41.0]), np.array([31.0]), 1.4)
    found = find_neighbours(make_stamps(images.astype("f4"), np.array([31.0]), np.array([31.0]), RING), RING[1])
    assert found["neighbours"][0] == 1
    assert found["nearest_distance"][0] == pytest.approx(10, abs=0.75)
    assert np.isnan(found["nearest_ratio"][0])


def test_smoothing_adds_weighed_pixels_in_order_along_y_and_then_along_x():
    image = np.random.default_rng(4).normal(size=(3, 9, 11)).astype("f4")
    expected = image
    for axis in (1, 2):
        around = np.pad(expected, [(2, 2) if axis == a else (0, 0) for a in range(3)])
        length, expected = expected.shape[axis], np.zeros_like(expected)
        for start, weight in enumerate(KERNEL.astype("f4")):
            expected = expected + weight * around.take(range(start, start + length), axis)
    np.testing.assert_array_equal(_smooth(image), expected)
