"""The table of a classifier of features."""

import pytest
from pydantic import ValidationError

from survey_batch.config.sections.train_table import TableTraining


@pytest.mark.parametrize(("given", "taken"), [({}, ("*",)), ({"features": ["psf_*", "µ"]}, ("psf_*", "µ"))])
def test_features_are_patterns(given, taken):
    assert TableTraining(classifier="-", **given).features == taken


@pytest.mark.parametrize("features", [[], [""], ["a b"]])
def test_no_pattern_or_one_with_a_blank_is_refused(features):
    with pytest.raises(ValidationError, match="features"):
        TableTraining(classifier="-", features=features)
