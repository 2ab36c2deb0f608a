import json

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.scores import brief, scores_of
from tests.models.scored import CLASSES, labelled


def test_objects_that_were_not_classified_are_left_out_of_all_and_counted():
    data, probability = labelled()
    probability[:5] = np.nan
    scores = scores_of(data, {"classifier": probability, "guess": np.zeros(60, int)}, CLASSES, 1)
    assert scores["not_classified"] == 5
    assert scores["classifier"]["objects"] == scores["guess"]["objects"] == 55
    json.dumps(scores, allow_nan=False)


def test_nothing_classified_is_an_error_that_says_so():
    data, probability = labelled()
    with pytest.raises(ConfigurationError, match="no object could be classified, out of 60"):
        scores_of(data, {"classifier": np.full_like(probability, np.nan)}, CLASSES, 1)


def test_the_comparison_is_paired_and_its_gain_the_difference():
    data, probability = labelled()
    scores = scores_of(data, {"classifier": probability, "guess": np.zeros(60, int)}, CLASSES, 1, prior="equal")
    against = scores["guess"]["against_classifier"]
    gain = scores["classifier"]["accuracy"] - scores["guess"]["accuracy"]
    assert against["accuracy_gain"] == pytest.approx(gain, abs=1e-5)
    assert against["gain_95"][0] < gain < against["gain_95"][1]
    assert "top_2" not in scores["guess"]


@pytest.mark.parametrize("prior", ["as_found", "equal", {"STAR": 0.9, "GALAXY": 0.1}])
def test_scores_name_the_prior_and_what_it_leaves_of_the_objects(prior):
    data, probability = labelled()
    scores = scores_of(data, {"classifier": probability}, CLASSES, 1, prior=prior)
    assert scores["prior"]["stated"] == prior
    assert sum(scores["prior"]["shares"].values()) == pytest.approx(1)
    assert scores["prior"]["effective_objects"] == pytest.approx(60) if prior == "as_found" else True
    assert scores["prior"]["effective_objects"] <= 60 + 1e-9
    assert brief(scores)["prior"] == prior


def test_the_brief_figures_have_their_intervals():
    data, probability = labelled()
    short = brief(scores_of(data, {"classifier": probability}, CLASSES, 1))
    assert short.keys() == {"prior", "objects", "stars", "accuracy", "accuracy_95", "macro_f1", "macro_f1_95", "top_2"}
