"""Populations of a strip: reproducible, where they should be, and of the colours that were asked for."""

import numpy as np
import pytest

from survey_batch.simulate.sky import (
    BRIGHTEST,
    EDGE_SHARE,
    FAINTEST,
    GALAXY_SHARE,
    LOCUS,
    NEAR,
    STAR_SHARES,
    draw_population,
)
from survey_batch.simulate.strip import Strip
from survey_batch.surveys.sdss.files import FRAME_SHAPE

STRIP = Strip(301, 94, 1, 11, 3, FRAME_SHAPE)
DRAWN = draw_population(STRIP, 20000, seed=1)


def test_one_seed_gives_the_same_objects_and_another_others():
    again, other = draw_population(STRIP, 50, seed=3), draw_population(STRIP, 50, seed=4)
    for name, values in vars(draw_population(STRIP, 50, seed=3)).items():
        np.testing.assert_array_equal(getattr(again, name), values)
    assert np.any(again.row != other.row)
    assert len(again) == 50


def test_objects_lie_in_the_order_of_rows_within_the_strip_with_more_at_its_sides():
    assert np.all(np.diff(DRAWN.row) >= 0)
    assert DRAWN.row.min() >= STRIP.first_row
    assert DRAWN.row.max() <= STRIP.first_row + STRIP.rows - 1
    last = FRAME_SHAPE[1] - 1
    assert DRAWN.column.min() >= 0
    assert DRAWN.column.max() <= last
    at_sides = np.mean((DRAWN.column <= NEAR) | (DRAWN.column >= last - NEAR))
    assert at_sides == pytest.approx(2 * NEAR / last + EDGE_SHARE, abs=0.01)


def test_counts_grow_with_magnitude_by_a_factor_of_1_78():
    r = DRAWN.magnitude[:, 2]
    assert r.min() >= BRIGHTEST
    assert r.max() <= FAINTEST
    fainter, brighter = np.sum(r > FAINTEST - 1), np.sum((r > FAINTEST - 2) & (r <= FAINTEST - 1))
    assert fainter / brighter == pytest.approx(10**0.25, rel=0.1)


def test_stars_have_the_colours_and_shares_of_their_subclass():
    colour = -np.diff(DRAWN.magnitude, axis=1)
    assert sum(STAR_SHARES) == pytest.approx(1)
    stars = np.sum(~DRAWN.galaxy)
    assert stars / len(DRAWN) == pytest.approx(1 - GALAXY_SHARE, abs=0.02)
    for (name, expected), share in zip(LOCUS.items(), STAR_SHARES, strict=True):
        members = ~DRAWN.galaxy & (DRAWN.subclass == name)
        np.testing.assert_allclose(np.median(colour[members], axis=0), expected, atol=0.02)
        assert members.sum() / stars == pytest.approx(share, abs=0.015)


def test_only_galaxies_are_extended_and_only_red_ones_are_bulges():
    assert np.all(DRAWN.radius[~DRAWN.galaxy] == 0)
    assert np.all(DRAWN.radius[DRAWN.galaxy] >= 1.5)
    assert np.all(DRAWN.galaxy[DRAWN.bulge])
    assert set(DRAWN.subclass[DRAWN.bulge]) == {""}
    assert set(DRAWN.subclass[DRAWN.galaxy & ~DRAWN.bulge]) == {"STARFORMING"}
