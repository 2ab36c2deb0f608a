import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from survey_batch.catalog import groups as module
from survey_batch.catalog import rows as rows_module
from survey_batch.catalog.groups import as_one_key, merge_groups, number_groups, share_out, sky_cells
from survey_batch.catalog.rows import in_company
from survey_batch.catalog.split import assign_splits
from survey_batch.catalog.stars import group_by_star
from survey_batch.config.job import SplitSection

ARCSEC = 1 / 3600


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 80),
    fields=st.integers(1, 15),
    shares=st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 5)),
)
def test_neither_a_cell_nor_a_star_is_in_two_splits_and_order_changes_nothing(seed, rows, fields, shares):
    rng = np.random.default_rng(seed)
    ra = 10 + rng.integers(0, 30, rows) * 2 * ARCSEC  # some stars lie in several fields
    dec = rng.integers(0, 3, rows) * 1.0
    cell = rng.integers(0, fields, rows)
    label = np.array(list("AFG"), dtype=object)[rng.integers(0, 3, rows)]
    name = np.array([f"id{number}" for number in range(rows)], dtype=object)
    share = np.array(shares) / sum(shares)
    section = SplitSection(train=share[0], validation=share[1], test=share[2], group="field", seed=seed)
    split = assign_splits(name, ra, dec, label, section, cell)
    assert set(split) <= {"train", "validation", "test"}
    for group in (cell, group_by_star(ra, dec, section.radius_arcsec)):
        for number in np.unique(group):
            assert len(set(split[group == number])) == 1
    assert all(share[("train", "validation", "test").index(which)] > 0 for which in set(split))
    order = rng.permutation(rows)
    again = assign_splits(name[order], ra[order], dec[order], label[order], section, cell[order])
    np.testing.assert_array_equal(again, split[order])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_small_groups_of_several_classes_come_within_a_group_of_their_shares(seed):
    rng = np.random.default_rng(seed)
    rows = 3000
    group = number_groups(rng.integers(0, 400, rows))
    label = rng.choice(4, rows, p=[0.05, 0.15, 0.3, 0.5])
    shares = np.array([0.7, 0.1, 0.2])
    choice = share_out(group, label, rng.permutation(group.max() + 1), shares)[group]
    largest = np.bincount(group).max()
    for kind in range(4):
        got = np.bincount(choice[label == kind], minlength=3)
        assert np.all(np.abs(got - shares * np.sum(label == kind)) <= largest)


def shared_out_by_numpy(group, label, order, shares):
    """The plain way, of which each step is a sentence of `share_out`'s."""
    open_splits = np.flatnonzero(shares > 0)
    share = shares[open_splits, None]
    count = np.zeros((len(order), int(label.max()) + 1), np.int64)
    np.add.at(count, (group, label), 1)
    filled = np.zeros((len(open_splits), count.shape[1]))
    choice = np.full(len(order), -1)
    for number in np.tile(order, 2):
        kinds = np.flatnonzero(count[number])
        added = count[number, kinds] / np.bincount(label)[kinds] / share
        if choice[number] >= 0:
            filled[choice[number], kinds] -= added[choice[number]]
        cost = np.sum(count[number, kinds] * (added + 2 * filled[:, kinds]), axis=1)
        choice[number] = np.argmin(cost)
        filled[choice[number], kinds] += added[choice[number]]
    return open_splits[choice]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 120), st.integers(1, 30), st.integers(1, 6), st.integers(1, 50))
def test_groups_are_shared_out_as_numpy_would(seed, rows, groups, kinds, at_once):
    rng = np.random.default_rng(seed)
    group, label = number_groups(rng.integers(0, groups, rows)), rng.integers(0, kinds, rows)
    order, shares = rng.permutation(group.max() + 1), np.array([0.7, rng.choice([0.0, 0.1]), 0.2])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_module, "SLICE", at_once)
        assert (
            share_out(group, label, order, shares).tolist() == shared_out_by_numpy(group, label, order, shares).tolist()
        )


def test_groups_are_numbered_by_their_keys():
    assert number_groups(np.array([2, 1, 2, 1]), np.array([5, 9, 5, 8])).tolist() == [2, 1, 2, 0]
    assert number_groups(np.array([], dtype=np.int64)).tolist() == []


@given(st.lists(st.tuples(st.integers(-3, 9), st.integers(0, 5), st.integers(-(2**31), 2**31 - 1)), max_size=30))
def test_keys_put_together_are_numbered_as_sorting_numbers_them(rows):
    keys = [np.array(values, np.int64) for values in zip(*rows, strict=True)] or [np.empty(0, np.int64)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST", 0.0)
        plain = number_groups(*keys)
        order = np.argsort(as_one_key(*keys), kind="stable")
    assert number_groups(*keys).tolist() == plain.tolist()
    assert np.argsort(as_one_key(*keys), kind="stable").tolist() == order.tolist() == np.lexsort(keys[::-1]).tolist()


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6)), max_size=30))
def test_groups_are_joined_and_numbered_as_by_a_graph_of_all_rows(rows):
    one, other = np.array(rows, np.int64).reshape(-1, 2).T
    one = np.unique(one, return_inverse=True)[1]
    count = int(one.max(initial=-1)) + 1
    nodes = count + int(other.max(initial=-1)) + 1
    links = coo_array((np.ones(len(one), bool), (one, count + other)), shape=(nodes, nodes))
    component = connected_components(links, directed=False)[1][one]
    assert merge_groups(one, other).tolist() == np.unique(component, return_inverse=True)[1].tolist()


@given(st.lists(st.integers(0, 9), max_size=20))
def test_rows_in_company_are_those_whose_group_is_counted_twice(numbers):
    group = np.array(numbers, np.int32)
    assert in_company(group).tolist() == [numbers.count(number) > 1 for number in numbers]


def test_groups_that_share_a_row_are_joined():
    one, other = np.array([0, 0, 1, 2, 3]), np.array([0, 1, 1, 2, 2])
    merged = merge_groups(one, other)
    assert merged[0] == merged[1] == merged[2] != merged[3] == merged[4]


@settings(deadline=None)
@given(ra=st.floats(0, 360), dec=st.floats(-89.9, 89.9), degrees=st.sampled_from([0.5, 1.0, 7.0, 45.0, 90.0]))
def test_a_cell_depends_on_its_position_alone_and_is_about_as_wide_as_high(ra, dec, degrees):
    cell = sky_cells(np.array([ra]), np.array([dec]), degrees)
    both = sky_cells(np.array([ra, 5.0]), np.array([dec, 5.0]), degrees)
    assert cell[0] == both[0] >= 0
    beside = sky_cells(
        np.array([(ra + 3 * degrees / max(np.cos(np.radians(dec)), 1e-9)) % 360]), np.array([dec]), degrees
    )
    if abs(dec) < 60 and degrees < 45:
        assert beside[0] != cell[0]
    if degrees == 90.0:
        return
    below = sky_cells(np.array([ra]), np.array([dec - degrees if dec > 0 else dec + degrees]), degrees)
    assert below[0] != cell[0]


def test_cells_of_a_zone_have_equal_counts_for_an_even_sky():
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(0, 360, 200_000), np.degrees(np.arcsin(rng.uniform(-1, 1, 200_000)))
    count = np.bincount(sky_cells(ra, dec, 10.0))
    assert 390 < len(count) < 430  # 41253 square degrees
    assert 350 < count.min() <= count.max() < 650
