"""How answers are calibrated and judged: by classes or by quantities."""

import numpy as np
import pytest

from survey_batch.models.judging import ByClasses, ByValues, judge_of
from survey_batch.models.manifest import Quantity
from tests.models.conftest import labelled
from tests.models.values import valued

QUANTITY = Quantity(name="q", column="q")


def residuals(rows=400, factor=3.0, seed=1):
    """Targets of 0, and answers whose errors are too small by a factor."""
    residual = factor * np.random.default_rng(seed).normal(size=rows)
    return valued(np.zeros((rows, 1)), (QUANTITY,)), np.stack([residual, np.ones(rows)], axis=1)


def test_what_a_model_answers_with_decides_how_it_is_judged():
    assert isinstance(judge_of((), (QUANTITY,), "as_found"), ByValues)
    assert isinstance(judge_of(("A", "B"), (), "as_found"), ByClasses)


def test_errors_are_scaled_to_hold_their_share_and_rows_without_an_estimate_do_not_count():
    data, answers = residuals()
    answers[7] = np.nan
    (scaled,) = ByValues((QUANTITY,)).calibration(data, answers)["quantities"]
    assert scaled.error_factor == pytest.approx(3, rel=0.15)
    assert scaled.name == "q"
    (kept,) = ByValues((QUANTITY,)).calibration(data, np.full((400, 2), np.nan))["quantities"]
    assert kept.error_factor == 1


def test_each_fold_is_calibrated_by_the_others():
    data, answers = residuals()
    fold = np.arange(400) % 2
    answers[fold == 1, 0] *= 10
    scaled = ByValues((QUANTITY,)).across_folds(data, answers, fold)
    np.testing.assert_array_equal(scaled[:, 0], answers[:, 0])
    assert scaled[0, 1] == pytest.approx(30, rel=0.2)
    assert scaled[1, 1] == pytest.approx(3, rel=0.2)


def test_a_brief_holds_the_model_s_scores_and_the_spread_of_each_baseline():
    data, answers = residuals()
    judge = ByValues((QUANTITY,))
    part = judge.scores(data, {"classifier": answers, "zero": np.ones((400, 1))}, 0)
    held = judge.brief(part)
    assert held["quantities"]["q"]["nmad"] == part["classifier"]["quantities"]["q"]["nmad"]
    assert held["baselines"] == {"zero": {"q": 0}}
    assert "points" not in held["quantities"]["q"]


def test_the_temperature_is_fitted_to_rows_that_were_classified():
    data = labelled({"x": np.zeros((40, 1))}, np.tile(["A", "B"], 20))
    answers = np.tile([[0.9, 0.1], [0.1, 0.9]], (20, 1))
    answers[:4] = [[np.nan, np.nan]]
    judge = ByClasses(("A", "B"), "as_found")
    assert judge.calibration(data, answers)["temperature"] < 1, "always right, so it may be surer"
