"""Angles between positions on the sky."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.core.sky import separation_arcsec

RA, DEC = st.floats(0, 360), st.floats(-90, 90)


def from_vectors(ra, dec, ra_other, dec_other):
    """The angle between unit vectors, by their difference and sum, which is exact at both ends."""
    one, other = (
        np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
        for ra, dec in (np.radians([ra, dec]), np.radians([ra_other, dec_other]))
    )
    angle = 2 * np.arctan2(np.linalg.norm(one - other), np.linalg.norm(one + other))
    return np.degrees(angle) * 3600


@given(RA, DEC, RA, DEC)
def test_separations_are_those_of_unit_vectors_either_way_round(ra, dec, ra_other, dec_other):
    found = separation_arcsec(ra, dec, ra_other, dec_other)
    assert found == pytest.approx(from_vectors(ra, dec, ra_other, dec_other), rel=1e-6, abs=0.01)
    assert separation_arcsec(ra_other, dec_other, ra, dec) == pytest.approx(found, abs=1e-9)


@given(RA, st.floats(-89, 89), st.floats(1e-6, 100))
def test_small_angles_are_exact_in_both_directions(ra, dec, arcsec):
    assert separation_arcsec(10.0, dec, 10.0, dec + arcsec / 3600) == pytest.approx(arcsec, rel=1e-6, abs=1e-8)
    assert separation_arcsec(ra, 0.0, ra + arcsec / 3600, 0.0) == pytest.approx(arcsec, rel=1e-6, abs=1e-7)


def test_opposite_points_are_half_a_turn_apart_and_the_turn_of_ra_is_none():
    assert separation_arcsec(0.0, 0.0, 180.0, 0.0) == pytest.approx(180 * 3600)
    assert separation_arcsec(0.0, 90.0, 123.0, -90.0) == pytest.approx(180 * 3600)
    assert separation_arcsec(359.9999, 0.0, 0.0001, 0.0) == pytest.approx(0.0002 * 3600)


def test_an_unknown_position_is_nowhere_apart():
    found = separation_arcsec(np.array([np.nan, 1.0, 1.0]), np.zeros(3), np.array([1.0, np.nan, 2.0]), np.zeros(3))
    assert found == pytest.approx([0, 0, 3600])
