import numpy as np
import pytest

from survey_batch.models.augment import (
    MOST_COPIES,
    Augmentation,
    augmented,
    rows_of_epoch,
    shifted,
    soft_labels,
)

ROWS = np.random.default_rng(1).normal(1, 0.2, (6, 30, 2)).astype(np.float32)


def test_soft_labels_reach_the_neighbours_in_the_sequence_alone():
    soft = soft_labels(np.array([0, 1, 2, 3]), classes=4, ordered=3, neighbour=0.5)
    expected = [[2 / 3, 1 / 3, 0, 0], [0.25, 0.5, 0.25, 0], [0, 1 / 3, 2 / 3, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(soft, expected, atol=1e-7)


def test_a_shift_by_a_whole_bin_moves_the_row():
    moved = shifted(ROWS, np.ones(6))
    np.testing.assert_allclose(moved[:, :-1], ROWS[:, 1:], rtol=1e-6)
    np.testing.assert_allclose(moved[:, -1], ROWS[:, -1], rtol=1e-6)


def test_no_shift_changes_nothing():
    np.testing.assert_array_equal(shifted(ROWS, np.zeros(6)), ROWS)


def test_the_same_seed_gives_the_same_copies():
    labels = np.eye(6, dtype=np.float32)
    first, second, other = (
        augmented(ROWS, labels, Augmentation(), np.random.default_rng(seed))[0] for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("mixing", [0.0, 0.3])
def test_labels_stay_distributions_and_a_row_stays_mostly_itself(mixing):
    labels = np.eye(6, dtype=np.float32)
    how = Augmentation(mixing=mixing)
    values, soft = augmented(ROWS, labels, how, np.random.default_rng(5))
    np.testing.assert_allclose(soft.sum(axis=1), 1, rtol=1e-6)
    assert (np.diag(soft) >= 0.5 - 1e-6).all()
    assert values.shape == ROWS.shape
    assert values.dtype == np.float32


def test_rare_classes_are_shown_more_often_and_no_row_is_left_out():
    number = np.repeat([0, 1, 2], [90, 8, 1])
    rows = rows_of_epoch(soft_labels(number, 4, 3, 0.1), least_share=0.25)
    assert set(rows) == set(range(99))
    np.testing.assert_array_equal(np.bincount(number[rows]), [90, 24, MOST_COPIES])
