"""Scores of estimates: figures that can be worked out by hand, intervals, and errors that are calibrated."""

import numpy as np
import pytest
from scipy.stats import norm

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.manifest import Quantity
from survey_batch.models.value_scores import error_factor, resampled_rows, residuals, scores_of_values, value_scores
from tests.models.values import valued

LINEAR, REDSHIFT = Quantity(name="q"), Quantity(name="z", scale="redshift")


def scores(true, answers, quantity=LINEAR):
    columns = {name: np.asarray(answer, float) for name, answer in answers.items()}
    return scores_of_values(np.asarray(true, float)[:, None], columns, (quantity,), np.arange(len(true)), 0)


def test_figures_are_those_worked_out_by_hand():
    answer = np.stack([[1.1, 2.3, 2.8, 9.0], [0.25, 0.25, 0.25, 1.0]], axis=1)
    one = scores([1, 2, 3, 4], {"classifier": answer})["classifier"]["quantities"]["q"]
    assert one["bias"] == pytest.approx(0.2)
    assert one["nmad"] == pytest.approx(1.4826 * 0.25)
    assert one["rms"] == pytest.approx(np.sqrt((0.01 + 0.09 + 0.04 + 25) / 4), abs=1e-6)
    assert one["outliers"] == pytest.approx(0.25)
    assert one["within_68"] == pytest.approx(0.5), "0.1 and 0.2 are inside 0.25; 0.3 and 5 are not"
    assert one["within_95"] == pytest.approx(0.75)
    assert one["points"]["catalogue"] == [1, 2, 3, 4]


def test_redshifts_are_compared_over_one_plus_z_and_their_outliers_are_the_usual_ones():
    np.testing.assert_allclose(residuals(np.array([0.0, 1.0]), np.array([0.1, 1.2]), REDSHIFT), [0.1, 0.1])
    one = scores([0, 1, 3], {"classifier": [[0.1], [1.2], [4.0]]}, REDSHIFT)["classifier"]["quantities"]["z"]
    assert one["outlier_beyond"] == 0.15
    assert one["outliers"] == pytest.approx(1 / 3, abs=1e-6)


def test_baselines_are_judged_by_the_model_s_limit_and_need_no_errors():
    true = np.arange(20.0)
    good = np.stack([true + 0.1 * (-1) ** np.arange(20), np.full(20, 0.1)], axis=1)
    both = scores(true, {"zero": np.zeros((20, 1)), "classifier": good})
    beside = both["zero"]["quantities"]["q"]
    assert beside["outlier_beyond"] == both["classifier"]["quantities"]["q"]["outlier_beyond"]
    assert beside["outliers"] == pytest.approx(0.95)
    assert "within_68" not in beside


def test_objects_without_an_estimate_are_counted_and_none_at_all_are_refused():
    data = valued(np.arange(6.0)[:, None], (LINEAR,))
    answer = np.full((6, 2), 1.0)
    answer[2] = np.nan
    assert value_scores(data, {"classifier": answer}, 0)["not_classified"] == 1
    with pytest.raises(ConfigurationError, match="no object has an estimate, out of 6"):
        value_scores(data, {"classifier": np.full((6, 2), np.nan)}, 0)


def test_visits_of_a_star_are_drawn_together():
    star = np.array([5, 5, 7, 8, 8, 8])
    for rows in resampled_rows(star, 1, draws=20):
        drawn = np.bincount(rows, minlength=6)
        assert drawn[0] == drawn[1]
        assert drawn[3] == drawn[4] == drawn[5]
        assert drawn[0] + drawn[2] + drawn[3] == 3, "as many stars as there are"


def test_the_factor_makes_errors_hold_their_share_whatever_the_residuals_are():
    random = np.random.default_rng(5)
    error = random.uniform(0.5, 2, 8000)
    residual = error * random.standard_t(3, 8000)
    factor = error_factor(np.zeros(4000), residual[:4000], error[:4000] / 7)
    inside = np.abs(residual[4000:]) <= factor * error[4000:] / 7
    assert inside.mean() == pytest.approx(0.6827, abs=0.04)


def test_calibrated_errors_lie_on_the_diagonal_of_the_intervals():
    residual = norm.ppf(np.linspace(0.0005, 0.9995, 1000))
    answer = np.stack([residual, np.ones(1000)], axis=1)
    curve = scores(np.zeros(1000), {"classifier": answer})["classifier"]["quantities"]["q"]["intervals"]
    np.testing.assert_allclose(curve["found"], curve["stated"], atol=2e-3)
