"""Scales of quantities: there and back, errors, and residuals in their units."""

import numpy as np
import pytest

from survey_batch.models.manifest import Quantity
from survey_batch.models.scales import SCALES, back, forward

VALUES = np.array([[1200.0, 0.01, -3.5], [9700.0, 4.2, 0.2]])
QUANTITIES = (
    Quantity(name="teff", scale="log"),
    Quantity(name="z", scale="redshift", error_factor=2.0),
    Quantity(name="feh"),
)


def test_every_quantity_comes_back_with_its_error_times_its_factor():
    small = np.full(VALUES.shape, 1e-6)
    answers = back(forward(VALUES, QUANTITIES), small, QUANTITIES)
    np.testing.assert_allclose(answers[:, :3], VALUES)
    np.testing.assert_allclose(answers[:, 3:], 1e-6 * np.stack([VALUES[:, 0], 2 * (1 + VALUES[:, 1]), [1, 1]], axis=1))


@pytest.mark.parametrize(("scale", "lost"), [("linear", 0), ("log", 3), ("redshift", 2)])
def test_numbers_that_a_scale_does_not_allow_are_unknown(scale, lost):
    values = np.array([[-9999.0], [-1.0], [0.0], [0.5]])
    assert np.isnan(forward(values, (Quantity(name="q", scale=scale),))).sum() == lost


@pytest.mark.parametrize("name", SCALES)
def test_the_slope_is_that_of_the_way_back(name):
    scale = SCALES[name]
    learnt = np.array([0.1, 0.9])
    numeric = (scale.back(learnt + 1e-6) - scale.back(learnt - 1e-6)) / 2e-6
    np.testing.assert_allclose(scale.slope(learnt), numeric, rtol=1e-6)
