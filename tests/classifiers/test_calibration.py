import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.classifiers.calibration import (
    apply_temperature,
    expected_calibration_error,
    fit_temperature,
    reliability,
)


def calibrated(rows: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and classes drawn by them."""
    random = np.random.default_rng(seed)
    probability = random.dirichlet(np.full(4, 0.7), rows)
    true = (probability.cumsum(axis=1) < random.random((rows, 1))).sum(axis=1)
    return np.minimum(true, 3), probability


@pytest.mark.parametrize("wrong", [0.4, 1.0, 2.5])
def test_the_temperature_undoes_a_wrong_sharpness(wrong):
    true, probability = calibrated(20000)
    assert fit_temperature(true, apply_temperature(probability, wrong)) == pytest.approx(1 / wrong, rel=0.05)


@given(st.floats(0.1, 10), st.integers(0, 100))
def test_a_temperature_keeps_the_order_of_classes_and_the_sum(temperature, seed):
    _, probability = calibrated(20, seed)
    scaled = apply_temperature(probability, temperature)
    np.testing.assert_allclose(scaled.sum(axis=1), 1)
    np.testing.assert_array_equal(scaled.argmax(axis=1), probability.argmax(axis=1))


def test_calibrated_probabilities_have_a_small_error_and_sharpened_ones_a_large_one():
    true, probability = calibrated(20000)
    assert expected_calibration_error(true, probability) < 0.02
    assert expected_calibration_error(true, apply_temperature(probability, 0.3)) > 0.1


def test_the_reliability_curve_counts_every_object_once():
    true, probability = calibrated(500)
    curve = reliability(true, probability)
    assert sum(curve["count"]) == 500
    mean = np.average(curve["accuracy"], weights=curve["count"])
    assert mean == pytest.approx(np.mean(probability.argmax(axis=1) == true))


def test_without_held_out_objects_the_temperature_is_one():
    assert fit_temperature(np.empty(0, int), np.empty((0, 4))) == 1.0
