import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.models.abstention import coverage


def guesses(seed: int, rows: int = 60) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.integers(0, 3, rows), random.dirichlet(np.ones(3), rows).astype(np.float32)


@given(st.integers(0, 100), st.floats(0, 1))
def test_the_table_counts_the_objects_at_or_above_the_threshold(seed, threshold):
    true, probability = guesses(seed)
    (row,) = coverage(true, probability, thresholds=(threshold,))["table"]
    answered = probability.max(axis=1) >= threshold
    assert row["objects"] == answered.sum()
    assert row["answered"] == pytest.approx(answered.mean())
    if answered.any():
        assert row["accuracy"] == pytest.approx(np.mean((probability.argmax(axis=1) == true)[answered]))
    else:
        assert row["accuracy"] is None


@given(st.integers(0, 100), st.integers(1, 200))
def test_the_curve_ends_with_every_object_answered(seed, rows):
    true, probability = guesses(seed, rows)
    curve = coverage(true, probability)["curve"]
    assert curve["answered"] == sorted(curve["answered"])
    assert curve["threshold"] == sorted(curve["threshold"], reverse=True)
    assert curve["answered"][-1] == 1
    assert curve["accuracy"][-1] == pytest.approx(np.mean(probability.argmax(axis=1) == true))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_object_at_the_threshold_is_answered(dtype):
    (row,) = coverage(np.array([0, 0]), np.array([[0.7, 0.3], [0.6, 0.4]], dtype), thresholds=(0.7,))["table"]
    assert row["objects"] == 1


def test_objects_of_one_confidence_are_answered_together():
    probability = np.repeat([[0.9, 0.1], [0.6, 0.4]], [2, 3], axis=0)
    curve = coverage(np.array([0, 1, 0, 1, 1]), probability)["curve"]
    assert curve["answered"] == [0.4, 1.0]
    assert curve["accuracy"] == [0.5, pytest.approx(0.4)]


def test_weighted_objects_count_as_repeated_ones():
    true, probability = guesses(3)
    times = true + 1
    one = coverage(true, probability, times.astype(float))["table"]
    other = coverage(np.repeat(true, times), np.repeat(probability, times, axis=0))["table"]
    for ours, theirs in zip(one, other, strict=True):
        assert ours["answered"] == pytest.approx(theirs["answered"])
        assert ours["accuracy"] == pytest.approx(theirs["accuracy"])
