import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.catalog import assign_splits, group_by_star
from survey_batch.config.job import SplitSection

ARCSEC = 1 / 3600


def sky(stars: int, visits: int, seed: int) -> tuple[np.ndarray, ...]:
    """Stars with repeat visits within an arcsecond, in random order, and three classes."""
    rng = np.random.default_rng(seed)
    star = rng.permutation(np.repeat(np.arange(stars), visits))
    ra = rng.uniform(0, 360, stars)[star] + rng.uniform(-0.3, 0.3, len(star)) * ARCSEC
    dec = rng.uniform(-60, 60, stars)[star] + rng.uniform(-0.3, 0.3, len(star)) * ARCSEC
    object_id = np.array([f"id{number}" for number in range(len(star))], dtype=object)
    label = np.array(["A", "F", "G"], dtype=object)[star % 3]
    return star, object_id, ra % 360, dec, label


shares = st.tuples(st.integers(0, 10), st.integers(0, 10), st.integers(1, 10)).map(lambda n: np.array(n) / sum(n))


@settings(max_examples=30, deadline=None)
@given(stars=st.integers(1, 60), visits=st.integers(1, 4), seed=st.integers(0, 9), shares=shares)
def test_no_star_is_in_two_splits_and_shares_hold_to_one_star(stars, visits, seed, shares):
    star, object_id, ra, dec, label = sky(stars, visits, seed)
    section = SplitSection(train=shares[0], validation=shares[1], test=shares[2], seed=seed)
    split = assign_splits(object_id, ra, dec, label, section)
    for number in range(stars):
        assert len(set(split[star == number])) == 1
    for name in set(label):
        mine = split[label == name]
        for target, which in zip(shares, ("train", "validation", "test"), strict=True):
            assert abs(np.sum(mine == which) - target * len(mine)) <= visits


def test_order_of_rows_changes_nothing():
    _, object_id, ra, dec, label = sky(50, 3, 1)
    split = assign_splits(object_id, ra, dec, label, SplitSection())
    order = np.random.default_rng(2).permutation(len(ra))
    again = assign_splits(object_id[order], ra[order], dec[order], label[order], SplitSection())
    np.testing.assert_array_equal(again, split[order])


def test_another_seed_is_another_split():
    _, object_id, ra, dec, label = sky(50, 1, 1)
    first, second = (assign_splits(object_id, ra, dec, label, SplitSection(seed=seed)) for seed in (1, 2))
    assert (first != second).any()


def test_rows_without_label_or_position_take_no_part():
    split = assign_splits(
        np.array(["a", "b", "c"], dtype=object),
        np.array([10.0, np.nan, 30.0]),
        np.zeros(3),
        np.array(["", "G", "G"], dtype=object),
        SplitSection(train=1, test=0),
    )
    assert split.tolist() == ["", "", "train"]


def test_a_chain_of_neighbours_is_one_star():
    ra = np.array([10, 10 + 2 * ARCSEC, 10 + 4 * ARCSEC, 10 + 8 * ARCSEC])
    star = group_by_star(ra, np.zeros(4), radius_arcsec=3)
    assert star[0] == star[1] == star[2] != star[3]


@pytest.mark.parametrize(
    ("ra", "dec"), [((359.9999, 0.0001), (0.0, 0.0)), ((0.0, 180.0), (89.9999, 89.9999)), ((7.0, 7.0), (1.0, 1.0))]
)
def test_neighbours_across_the_meridian_the_pole_and_at_one_place_are_joined(ra, dec):
    star = group_by_star(np.array(ra), np.array(dec), radius_arcsec=1.0)
    assert star[0] == star[1]


def test_rows_without_a_position_are_stars_of_their_own():
    star = group_by_star(np.array([np.nan, 1.0, np.nan]), np.array([0.0, 0.0, 0.0]), radius_arcsec=3)
    assert len(set(star.tolist())) == 3
