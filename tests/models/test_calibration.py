import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.models.calibration import (
    apply_temperature,
    calibration_error,
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
    assert calibration_error(reliability(true, probability))[0] < 0.02
    assert calibration_error(reliability(true, apply_temperature(probability, 0.3)))[0] > 0.1


def test_the_reliability_curve_counts_every_object_once():
    true, probability = calibrated(500)
    curve = reliability(true, probability)
    assert sum(curve["count"]) == 500
    mean = np.average(curve["accuracy"], weights=curve["count"])
    assert mean == pytest.approx(np.mean(probability.argmax(axis=1) == true))


@given(st.integers(1, 300), st.integers(0, 50))
def test_bins_hold_alike_many_objects_and_small_sets_have_few(rows, seed):
    curve = reliability(*calibrated(rows, seed))
    assert len(curve["count"]) == max(1, min(10, rows // 20))
    assert max(curve["count"]) - min(curve["count"]) <= 2


def test_objects_of_one_confidence_share_a_bin():
    probability = np.repeat([[1.0, 0.0], [0.6, 0.4]], [150, 50], axis=0)
    curve = reliability(np.zeros(200, int), probability)
    assert curve["count"] == [50, 150]
    assert curve["confidence"] == pytest.approx([0.6, 1.0])


@given(st.integers(0, 50))
def test_the_reliability_curve_does_not_depend_on_the_order_of_objects(seed):
    true, probability = calibrated(100, seed)
    order = np.random.default_rng(seed).permutation(100)
    one, other = reliability(true, probability), reliability(true[order], probability[order])
    for name, values in one.items():
        np.testing.assert_allclose(values, other[name])


def test_weighted_curves_and_temperatures_are_those_of_repeated_objects():
    true, probability = calibrated(400)
    times = true + 1
    again = np.repeat(true, times), np.repeat(probability, times, axis=0)
    one, other = reliability(true, probability, bins=1, weights=times.astype(float)), reliability(*again, bins=1)
    assert one["accuracy"] == pytest.approx(other["accuracy"])
    assert one["confidence"] == pytest.approx(other["confidence"])
    assert fit_temperature(true, probability, times.astype(float)) == pytest.approx(fit_temperature(*again))


def test_the_error_by_chance_is_what_calibrated_probabilities_show():
    sets = [reliability(*calibrated(150, seed)) for seed in range(200)]
    shown, by_chance = np.mean([calibration_error(curve) for curve in sets], axis=0)
    assert by_chance == pytest.approx(shown, rel=0.1)


def test_without_held_out_objects_the_temperature_is_one():
    assert fit_temperature(np.empty(0, int), np.empty((0, 4))) == 1.0


@pytest.mark.parametrize("right", [[0.60, 0.55, 0.65], [0.6]])
def test_a_few_right_answers_do_not_make_later_ones_certain(right):
    probability = np.column_stack([right, 1 - np.array(right)])
    temperature = fit_temperature(np.zeros(len(right), np.intp), probability)
    assert 0.4 < temperature < 1
    assert apply_temperature(np.array([[0.52, 0.48]]), temperature)[0, 0] < 0.6
