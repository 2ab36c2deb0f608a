"""Scores of quantities in words."""

import numpy as np

from survey_batch.models.describe import describe
from survey_batch.models.judging import ByValues
from survey_batch.models.manifest import Quantity
from tests.models.values import valued


def test_the_model_and_its_baselines_stand_below_each_other():
    quantity, true = Quantity(name="teff"), np.linspace(4000, 7000, 50)
    error = 50 * (-1.0) ** np.arange(50)
    answers = {
        "classifier": np.stack([true + error, np.full(50, 60)], axis=1),
        "mean_of_training": np.full((50, 1), 5500),
    }
    judge = ByValues((quantity,))
    part = judge.scores(valued(true[:, None], (quantity,)), answers, 0)
    text = describe({**judge.named(), "error_factors": {"teff": 1.25}, "test": part})
    assert "quantities: teff" in text
    assert "errors are multiplied by: teff 1.25" in text
    assert "test split:\n  50 objects, 50 distinct" in text
    model, mean = (next(line for line in text.splitlines() if name in line) for name in answers)
    assert " 74.13" in model
    assert " 0.000" in model
    assert mean.split()[-1] != "0.000"
    assert "inside the 68 % and the 95 % interval: 1.000" in text
