"""Pixels of simulated frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.simulate.pixels import DE_VAUCOULEURS, EXPONENTIAL, frame_pixels, strip_pixels, truncate
from survey_batch.simulate.sky import draw_population
from survey_batch.simulate.strip import Strip


@given(st.floats(-1e6, 1e6, width=32).filter(lambda value: value == 0 or abs(value) > 1e-30))
def test_rounding_keeps_ten_binary_digits(value):
    rounded = truncate(np.array([value], np.float32))
    assert abs(rounded[0] - value) <= 2.0**-10 * abs(value)
    assert rounded.view(np.uint32)[0] & 0x3FFF == 0


@pytest.mark.parametrize(
    ("profile", "law"),
    [
        (EXPONENTIAL, lambda r: np.exp(-1.67835 * r)),
        (DE_VAUCOULEURS, lambda r: np.exp(-7.66925 * r**0.25)),
    ],
)
def test_gaussians_follow_the_profile_within_two_half_light_radii(profile, law):
    amplitude, variance = (np.array(part) for part in profile)
    r = np.linspace(0.1, 2, 40)
    light = (amplitude / variance * np.exp(-(r[:, None] ** 2) / (2 * variance))).sum(axis=1)
    ratio = light / law(r)
    np.testing.assert_allclose(ratio / np.median(ratio), 1, atol=0.05)


def test_a_frame_does_not_depend_on_how_many_fields_are_made():
    many = Strip(301, 1, 3, 100, 3, (200, 90))
    population = draw_population(many, 30, 1)
    one = Strip(301, 1, 3, 101, 1, (200, 90))
    np.testing.assert_array_equal(
        frame_pixels(many, population, 101, "r", 1), frame_pixels(one, population, 101, "r", 1)
    )


def test_frames_are_parts_of_the_undivided_strip():
    """But for each frame's sky residual, and its rounding."""
    strip = Strip(301, 1, 3, 100, 3, (300, 90))
    population = draw_population(strip, 40, 1)
    whole = strip_pixels(strip, population, "i", 1)
    for number, field in enumerate(strip.field_numbers):
        part = whole[number * strip.step :][: strip.shape[0]]
        np.testing.assert_allclose(frame_pixels(strip, population, field, "i", 1), part, rtol=2**-10, atol=5e-5)


def test_empty_sky_has_no_mean():
    strip = Strip(301, 1, 3, 100, 1, (300, 300))
    image = frame_pixels(strip, draw_population(strip, 0, 1), 100, "g", 1)
    assert abs(image.mean()) < 4 * image.std() / 300 + 1e-4
