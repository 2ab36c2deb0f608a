"""Rows to train on."""

import numpy as np
import pytest

from survey_batch.models.examples import balanced_weights


def test_balanced_weights_make_classes_weigh_alike():
    number = np.array([0] * 6 + [2] * 2)
    weight = balanced_weights(number, 3)
    assert weight[number == 0].sum() == pytest.approx(weight[number == 2].sum())
    assert weight.mean() == pytest.approx(1)
