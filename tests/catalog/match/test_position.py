"""Matching by position is the same as comparing every row with every other, wherever on the sky."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.catalog.match import position
from survey_batch.catalog.match.position import Positions, pair_positions
from survey_batch.core.sky import separation_arcsec

RADIUS = 2.0
SLACK = 1e-6
"""Arcseconds; separations closer than this to each other, or to the radius, may be told apart either way."""
EDGE = position.ZONE_DEGREES
PLACES = [
    *[(ra, dec) for ra in (0.0, 120.0, 359.99999) for dec in (-90.0, 90.0, 89.9999, -89.9999, 0.0, EDGE, -EDGE)],
    *[(0.0, 45.0 + EDGE), (180.0, 90 - EDGE), (180.0, -90 + EDGE)],
]
POINTS = st.lists(
    st.tuples(st.sampled_from(PLACES), st.integers(-4, 4), st.integers(-4, 4), st.integers(-1, 2)), max_size=12
)


def positions_of(points):
    """Positions some arcseconds away from places where a search may go wrong; a rank of -1 is not known."""
    columns = np.array([(*place, *rest) for place, *rest in points], float).reshape(-1, 5)
    ra, dec, east, north, rank = columns.T
    dec = np.clip(dec + north * 0.75 / 3600, -90, 90)
    shrink = np.maximum(np.cos(np.radians(dec)), 1e-6)
    ra = (ra + east * 0.75 / 3600 / shrink) % 360
    return Positions(ra, dec, np.where(rank < 0, np.nan, rank).astype(np.float32))


def in_pieces(positions, size):
    for first in range(0, len(positions.ra), size):
        here = slice(first, first + size)
        yield Positions(positions.ra[here], positions.dec[here], positions.rank[here])


@settings(max_examples=30, deadline=None)
@given(POINTS, POINTS, st.booleans(), st.integers(1, 5))
def test_partners_are_those_that_comparing_all_rows_finds(own, other, by_rank, size):
    mine, theirs = positions_of(own), positions_of(other)
    found = pair_positions(in_pieces(mine, size), in_pieces(theirs, size), RADIUS, by_rank=by_rank)
    assert (found.rows, len(found.row)) == (len(other), len(own))
    for row, (ra, dec) in enumerate(zip(mine.ra, mine.dec, strict=True)):
        apart = separation_arcsec(ra, dec, theirs.ra, theirs.dec)
        if not (apart <= RADIUS + SLACK).any():
            assert found.row[row] == -1
            continue
        partner = found.row[row]
        if partner < 0:
            assert not (apart < RADIUS - SLACK).any()
            continue
        assert apart[partner] <= RADIUS + SLACK
        np.testing.assert_allclose(found.apart[row], apart[partner], atol=1e-5)
        rank = np.nan_to_num(theirs.rank, nan=-np.inf) if by_rank else np.zeros(len(other))
        nearer = (rank == rank[partner]) & (apart < apart[partner] - SLACK)
        better = (apart < RADIUS - SLACK) & ((rank > rank[partner]) | nearer)
        assert not better.any()
        same = (theirs.ra == theirs.ra[partner]) & (theirs.dec == theirs.dec[partner]) & (rank == rank[partner])
        assert partner == np.flatnonzero(same)[0]


def crowd(seed, rows, ra=10.0, dec=20.0, size=0.6):
    random = np.random.default_rng(seed)
    return Positions(
        ra + random.uniform(0, size, rows), dec + random.uniform(0, size, rows), np.zeros(rows, np.float32)
    )


def test_a_list_that_is_searched_in_many_parts_gives_the_same_partners(monkeypatch):
    mine, theirs = crowd(1, 3000), crowd(2, 3000)
    whole = pair_positions([mine], [theirs], 5.0)
    for name, value in (("TOGETHER", 500), ("SPOOLED", 700), ("BLOCK", 64), ("PAIRS", 50)):
        monkeypatch.setattr(position, name, value)
    parts = pair_positions(in_pieces(mine, 300), in_pieces(theirs, 450), 5.0)
    assert (whole.row >= 0).sum() > 100
    np.testing.assert_array_equal(parts.row, whole.row)
    np.testing.assert_array_equal(np.isnan(parts.apart), np.isnan(whole.apart))


def test_the_nearest_row_is_told_where_it_is_too_far_to_be_a_partner():
    own = Positions(np.array([10.0, 10.0, 50.0]), np.array([0.0, 0.25, 0.0]), np.zeros(3, np.float32))
    other = Positions(np.array([10.0]), np.array([15 / 3600]), np.zeros(1, np.float32))
    found = pair_positions([own], [other], 3.0)
    assert found.row.tolist() == [-1, -1, -1]
    np.testing.assert_allclose(found.apart[0], 15, atol=1e-4)
    assert np.isnan(found.apart[1:]).all()


def test_rows_without_a_position_have_no_partner_and_are_none():
    nowhere = Positions(np.array([np.nan, 10.0]), np.array([0.0, np.nan]), np.zeros(2, np.float32))
    found = pair_positions([nowhere], [nowhere], 3.0)
    assert found.row.tolist() == [-1, -1]
    assert (found.rows, found.unknown) == (2, 2)


def test_chance_is_about_the_share_of_the_sky_that_partners_cover():
    rows, radius = 4000, 10.0
    found = pair_positions([crowd(3, rows, dec=0.0, size=1.0)], [crowd(4, rows, dec=0.0, size=1.0)], radius)
    expected = rows * -np.expm1(-rows * np.pi * (radius / 3600) ** 2)
    assert 0.7 * expected < found.chance < 1.3 * expected
    near = pair_positions([crowd(5, 500)], [crowd(5, 500)], 0.1)
    assert (near.row == np.arange(500)).all()
    assert near.chance < 5
