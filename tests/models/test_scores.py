import json
from types import SimpleNamespace

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.scores import brief, describe, scores_of

CLASSES = ("GALAXY", "QSO", "STAR")


def labelled(rows: int = 60) -> tuple[SimpleNamespace, np.ndarray]:
    random = np.random.default_rng(2)
    true = random.integers(0, 3, rows)
    probability = random.dirichlet(np.ones(3), rows)
    probability[np.arange(rows), true] += 0.4
    data = SimpleNamespace(label=np.array(CLASSES)[true], star=np.arange(rows) // 2)
    return data, probability / probability.sum(axis=1, keepdims=True)


def test_objects_that_were_not_classified_are_left_out_of_all_and_counted():
    data, probability = labelled()
    probability[:5] = np.nan
    scores = scores_of(data, {"classifier": probability, "guess": np.zeros(60, int)}, CLASSES, 1)
    assert scores["not_classified"] == 5
    assert scores["classifier"]["objects"] == scores["guess"]["objects"] == 55
    json.dumps(scores, allow_nan=False)


def test_nothing_classified_is_an_error_that_says_so():
    data, probability = labelled()
    with pytest.raises(ConfigurationError, match="none of 60 objects could be classified"):
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


@pytest.mark.parametrize("prior", ["as_found", {"STAR": 0.9, "QSO": 0.1}])
def test_scores_are_told_in_lines_that_fit_a_terminal(prior):
    data, probability = labelled()
    answers = {"classifier": probability, "magnitudes": probability.argmin(axis=1)}
    part = {"not_classified": 3, **scores_of(data, answers, CLASSES, 1, prior=prior)}
    text = describe({"classes": list(CLASSES), "classifier": "models/x", "test": part, "train": part})
    assert max(map(len, text.splitlines())) <= 80
    for words in ("test split:", "train split:", "60 objects, 30 distinct", "McNemar p", "by chance alone", "QSO"):
        assert words in text
    assert ("STAR 0.9" in text) == (prior != "as_found")
    assert "within one class" not in text  # galaxies, quasars and stars are no sequence


def test_letters_are_told_apart_from_other_classes():
    data = SimpleNamespace(label=np.array(["A", "F", "non-stellar"] * 5), star=np.arange(15))
    probability = np.eye(3)[[0, 1, 2] * 5] * 0.9 + 0.05
    classes = ("A", "F", "non-stellar")
    text = describe({"classes": list(classes), "test": scores_of(data, {"classifier": probability}, classes, 1)})
    assert "A to F" in text
    assert "within one class" in text
