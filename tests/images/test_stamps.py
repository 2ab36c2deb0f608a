"""Windows around objects, and the background in the ring around each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.images.stamps import (
    CLIP,
    CLIPPINGS,
    MEDIAN_VARIANCE,
    MIDDLE,
    half_width,
    make_stamps,
    rank,
    ring_background,
)

RING = (6.0, 9.0)


def noise(count=1, size=41, level=2.0, scatter=0.5, seed=1):
    return np.random.default_rng(seed).normal(level, scatter, (count, size, size)).astype(np.float32)


@given(st.floats(0, 20), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_a_stamp_holds_the_circle_around_any_point_of_its_central_pixel(radius, x, y):
    half = half_width(radius)
    assert half >= radius + max(abs(x), abs(y)) - 1e-9
    assert half < radius + 1.5


def test_the_background_is_the_level_of_the_ring_and_what_it_surrounds_does_not_count():
    images = noise(size=61, level=2.0, scatter=0.5)
    rows, columns = np.indices((61, 61))
    distance = np.hypot(rows - 30, columns - 30)
    images[0][distance < 5] = 1000
    level, scatter, count = ring_background(images, np.zeros(1), np.zeros(1), (8.0, 20.0))
    assert count == pytest.approx(np.sum((distance >= 8) & (distance < 20)), rel=0.02)
    assert level == pytest.approx(2.0, abs=5 * 0.5 * np.sqrt(MEDIAN_VARIANCE / count[0]))
    assert scatter == pytest.approx(0.5, rel=0.1)


def test_a_neighbour_in_the_ring_is_clipped():
    images = noise(size=61)
    plain = ring_background(images, np.zeros(1), np.zeros(1), (8.0, 20.0))
    images[0, 38:43, 38:43] += 500
    spoilt = ring_background(images, np.zeros(1), np.zeros(1), (8.0, 20.0))
    assert spoilt[0] == pytest.approx(plain[0], abs=0.05)
    assert spoilt[1] == pytest.approx(plain[1], rel=0.05)
    assert plain[2] - spoilt[2] == pytest.approx(25, abs=3)


@given(st.floats(-100, 100), st.floats(0.5, 8))
def test_a_level_added_to_all_pixels_is_subtracted_again(level, factor):
    images, place = noise(), np.array([20.2])
    plain = make_stamps(images, place, place, RING)
    moved = make_stamps(images * np.float32(factor) + np.float32(level), place, place, RING)
    np.testing.assert_allclose(moved.values, plain.values * factor, atol=1e-4 * (abs(level) + 10))
    assert moved.background[0] == pytest.approx(plain.background[0] * factor + level, abs=1e-3)
    assert moved.scatter[0] == pytest.approx(plain.scatter[0] * factor, rel=1e-3)


def test_a_stamp_has_the_object_in_its_central_pixel():
    images = noise(3)
    x, y = np.array([20.3, 12.0, 27.6]), np.array([20.0, 14.4, 19.5001])
    stamps = make_stamps(images, x, y, RING)
    half = stamps.half
    for row in range(3):
        column, line = round(x[row]), round(y[row])
        centre = images[row, line, column] - stamps.background[row]
        assert stamps.values[row, half, half] == pytest.approx(centre, abs=1e-5)
        assert (stamps.x[row], stamps.y[row]) == pytest.approx((x[row] - column, y[row] - line))


def test_pixels_beyond_the_image_or_without_weight_are_not_real():
    images, place = noise(), np.array([3.0])
    ivar = np.full(images.shape, 4.0, np.float32)
    ivar[0, 3, 3] = 0
    images[0, 5, 3] = np.nan
    stamps = make_stamps(images, place, place, RING, ivar)
    half = stamps.half
    for row, column, real in ((half, half, 0), (half + 2, half, 0), (half, half + 1, 1), (0, 0, 0)):
        assert stamps.real[0, row, column] == real
        assert stamps.variance[0, row, column] == (0.25 if real else 0)
        assert real or stamps.values[0, row, column] == 0


def test_too_little_of_the_ring_is_no_background():
    images = noise()
    images[0, :, :35] = np.nan
    stamps = make_stamps(images, np.array([20.0]), np.array([20.0]), RING)
    assert np.isnan(stamps.background[0])
    assert np.isnan(stamps.scatter[0])
    unknown = make_stamps(noise(), np.array([np.nan]), np.array([20.0]), RING)
    assert not unknown.real.any()


def test_a_smaller_stamp_is_the_middle_of_a_larger_one():
    stamps = make_stamps(noise(2), np.array([20.0, 21.0]), np.array([20.0, 19.0]), RING)
    inner = stamps.around(3.0)
    margin = stamps.half - inner.half
    assert inner.half == half_width(3.0)
    np.testing.assert_array_equal(inner.values, stamps.values[:, margin:-margin, margin:-margin])
    assert inner.variance.shape == (2, 1, 1)
    assert stamps.around(100.0).half == stamps.half


VALUES = st.sampled_from([-np.inf, -2.5, -1.0, 0.0, 1.0, 1.5, 3.0, np.inf, np.nan])


@given(data=st.data(), width=st.integers(0, 20), rows=st.integers(1, 4))
def test_a_rank_is_the_number_of_smaller_values(data, width, rows):
    drawn = data.draw(st.lists(VALUES, min_size=width * rows, max_size=width * rows))
    ordered = np.sort(np.array(drawn, np.float32).reshape(rows, width), axis=1)
    chosen = np.array(data.draw(st.lists(st.integers(0, rows - 1), max_size=6)), np.intp)
    values = np.array(data.draw(st.lists(VALUES, min_size=len(chosen), max_size=len(chosen))), np.float32)
    found = rank(ordered, chosen, values)
    assert found.tolist() == [int((ordered[row] < value).sum()) for row, value in zip(chosen, values, strict=True)]


def clipped_one_by_one(pixels):
    """Median and scatter of the pixels of one ring, clipped as often as may be, and how many are left."""
    kept = pixels[np.isfinite(pixels)]
    for _ in range(CLIPPINGS + 1):
        low, median, high = np.quantile(kept.astype(np.float64), MIDDLE)
        scatter, count = (high - low) / 2, len(kept)
        low, high = (np.float32(median + sign * CLIP * scatter) for sign in (-1, 1))
        kept = pixels[(pixels >= low) & (pixels <= high)]
    return median, scatter, count


@given(seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_rings_of_many_objects_are_clipped_as_one_by_one(seed):
    rng = np.random.default_rng(seed)
    images = noise(6, seed=seed) * rng.choice([1, 1, 40], (6, 41, 41)).astype(np.float32)
    images[rng.random(images.shape) < 0.1] = np.nan
    x, y = rng.uniform(-0.5, 0.5, (2, 6))
    rows, columns = np.indices((41, 41)) - 20
    for row, found in enumerate(zip(*ring_background(images, x, y, RING), strict=True)):
        square = (columns - x[row]) ** 2 + (rows - y[row]) ** 2
        expected = clipped_one_by_one(images[row][(square >= RING[0] ** 2) & (square < RING[1] ** 2)])
        np.testing.assert_allclose(found, expected, rtol=1e-12)
