"""The form of a product of measurements."""

import numpy as np
import pytest

from survey_batch.core.feature import Feature
from survey_batch.stages.measured import MeasuredStage


class Measured(MeasuredStage):
    """A stage of which only the features matter here."""

    def __init__(self, *features):
        self._features = list(features)

    def features(self):
        return self._features


Measured.__abstractmethods__ = frozenset()


def test_features_are_a_dimension_with_names_units_and_meanings():
    stage = Measured(Feature("flux_r", "nanomaggy", "flux, µ"), Feature("ratio", "1", "of two fluxes", "a paper"))
    assert stage.sizes() == {"feature": 2}
    coordinates = stage.coordinates()
    assert {name: values.tolist() for name, (_, values, _) in coordinates.items()} == {
        "feature": ["flux_r", "ratio"],
        "unit": ["nanomaggy", "1"],
        "description": ["flux, µ", "of two fluxes"],
    }
    assert {dims for dims, _, _ in coordinates.values()} == {("feature",)}
    assert coordinates["feature"][2]["long_name"] == "name of each feature"


def test_one_value_is_stored_for_each_object_and_feature():
    (variable,) = Measured(Feature("a", "1", "b")).variables()
    assert (variable.name, variable.dims, np.dtype(variable.dtype)) == ("value", ("object", "feature"), np.float32)


def test_a_stage_must_name_its_features():
    assert "features" in MeasuredStage.__abstractmethods__
    with pytest.raises(TypeError, match="abstract"):
        MeasuredStage(None, None)
