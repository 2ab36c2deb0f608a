import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.models.resampling import bootstrap, interval_95, resampled_sums


def test_the_error_is_the_binomial_one_for_independent_objects():
    right = np.random.default_rng(2).random(2000) < 0.8
    error, low, high = bootstrap(right.astype(float), seed=3)
    assert error == pytest.approx(np.sqrt(0.8 * 0.2 / 2000), rel=0.1)
    assert low < right.mean() < high


def test_repeat_visits_count_as_one_star():
    right = (np.random.default_rng(2).random(500) < 0.8).astype(float)
    alone, _, _ = bootstrap(right)
    repeated, _, _ = bootstrap(np.repeat(right, 4), np.repeat(np.arange(500), 4))
    assert repeated == pytest.approx(alone, rel=0.1)


def test_a_seed_repeats_itself():
    scores = np.arange(10.0)
    assert bootstrap(scores, seed=1) == bootstrap(scores, seed=1)
    assert bootstrap(scores, seed=1) != bootstrap(scores, seed=2)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=1, max_size=30))
def test_whole_groups_are_drawn_as_many_as_there_are(pairs):
    kind, group = np.array(pairs).T
    contents = {tuple(np.bincount(kind[group == name], minlength=5)) for name in group}
    names = len(set(group.tolist()))
    sums = resampled_sums(kind, np.eye(5), group, draws=20)
    # With one number for each group's first object, as many are drawn as there are groups.
    first = np.zeros(len(kind), int)
    first[np.unique(group, return_index=True)[1]] = 1
    marks = resampled_sums(kind * 2 + first, np.tile(np.eye(2), (5, 1)), group, draws=20)
    np.testing.assert_array_equal(marks[:, 1], names)
    if len(contents) == 1:
        np.testing.assert_allclose(sums, np.tile(np.bincount(kind, minlength=5), (20, 1)))


@given(st.integers(0, 1000))
def test_the_order_of_objects_does_not_matter(seed):
    random = np.random.default_rng(seed)
    kind, order = random.integers(0, 3, 20), random.permutation(20)
    np.testing.assert_array_equal(
        resampled_sums(kind, np.eye(3), draws=5), resampled_sums(kind[order], np.eye(3), draws=5)
    )


def test_the_spread_is_that_of_drawing_groups_one_by_one():
    random = np.random.default_rng(5)
    kind, group = random.integers(0, 2, 300), random.integers(0, 60, 300)
    sums = resampled_sums(kind, np.eye(2), group, draws=4000)
    ours = sums[:, 1] / sums.sum(axis=1)
    total, size = np.bincount(group, kind), np.bincount(group)
    picks = random.integers(0, 60, (4000, 60))
    plain = total[picks].sum(axis=1) / size[picks].sum(axis=1)
    assert ours.std() == pytest.approx(plain.std(), rel=0.06)
    assert ours.mean() == pytest.approx(plain.mean(), abs=0.005)


def test_memory_bounds_change_no_result(monkeypatch):
    kind = np.random.default_rng(5).integers(0, 4, 100)
    whole = resampled_sums(kind, np.eye(4), draws=50)
    monkeypatch.setattr("survey_batch.models.resampling.DRAWN_AT_ONCE", 30)
    np.testing.assert_array_equal(resampled_sums(kind, np.eye(4), draws=50), whole)


def test_the_interval_of_a_share_without_exception_is_not_a_point():
    assert interval_95(np.ones(100), 1.0, groups=5) == [pytest.approx(0.478, abs=1e-3), 1]
    assert interval_95(np.zeros(100), 0.0, groups=5) == [0, pytest.approx(0.522, abs=1e-3)]


def test_draws_without_a_value_are_left_out_and_a_figure_without_one_has_no_interval():
    assert interval_95(np.array([np.nan, 0.4, 0.4]), 0.4) == [0.4, 0.4]
    assert interval_95(np.array([np.nan, 0.4]), np.nan) is None
