"""Planes through the shapes of stars, and what a PSF may vary by."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.images.psf_variation import FEWEST_FOR_PLANE, LARGEST_SLOPE, fit_plane, size_variation

COEFFICIENTS = st.floats(-5, 5)
PLACES = np.random.default_rng(1).uniform(-1, 1, (60, 2))


def plane(c0, c1, c2):
    return c0 + PLACES @ [c1, c2]


@given(COEFFICIENTS, COEFFICIENTS, COEFFICIENTS)
def test_a_plane_is_found_exactly(c0, c1, c2):
    np.testing.assert_allclose(fit_plane(PLACES, plane(c0, c1, c2)), [c0, c1, c2], atol=1e-4)


def test_a_few_wild_values_hardly_move_a_plane():
    value = plane(2.0, 0.3, -0.2) + np.random.default_rng(2).normal(0, 0.01, 60)
    value[::10] += 50
    np.testing.assert_allclose(fit_plane(PLACES, value), [2.0, 0.3, -0.2], atol=0.1)


def test_stars_that_grow_along_x_stretch_the_psf_alike_in_all_directions():
    place = PLACES * [900, 600] + [1000, 700]
    found = size_variation(place, 3.0 + 0.3 * PLACES[:, 0])
    at_edge = found.stretch(np.array([[found.middle[0] + found.reach[0], found.middle[1]]]))[0]
    expected = 0.3 * found.reach[0] / 900 / (3.0 + 0.3 * (found.middle[0] - 1000) / 900)
    assert at_edge == pytest.approx([1 + expected, 1 + expected, 0], abs=1e-3)


def test_few_stars_tell_of_no_variation_and_none_may_be_too_large():
    few = PLACES[: FEWEST_FOR_PLANE - 1]
    assert not size_variation(few, np.linspace(1, 9, len(few))).slope.any()
    steep = size_variation(PLACES, plane(1.0, 0.95, 0.0))
    assert (np.abs(steep.slope) <= LARGEST_SLOPE).all()
    assert steep.slope[0, 0] == LARGEST_SLOPE[0, 0]
