"""Scores in words."""

from types import SimpleNamespace

import numpy as np
import pytest

from survey_batch.models.describe import describe
from survey_batch.models.scores import scores_of
from tests.models.scored import CLASSES, labelled


@pytest.mark.parametrize("prior", ["as_found", {"STAR": 0.9, "QSO": 0.1}])
def test_scores_are_told_in_lines_that_fit_a_terminal(prior):
    data, probability = labelled()
    answers = {"classifier": probability, "magnitudes": probability.argmin(axis=1)}
    part = {"not_classified": 3, **scores_of(data, answers, CLASSES, 1, prior=prior)}
    text = describe({"classes": list(CLASSES), "classifier": "models/x", "test": part, "train": part})
    assert max(map(len, text.splitlines())) <= 80
    for words in (
        "test split:",
        "train split:",
        "60 objects, 30 distinct",
        "McNemar p: how often chance alone",
        "by chance alone",
        "QSO",
    ):
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


def test_what_was_not_learnt_is_said():
    training = {
        "objects": {"train": {"A": 5}},
        "classes_left_out": ["K", "M"],
        "classes_without_training_objects": {"é": 3},
    }
    assert describe({"classes": ["A", "O"], "training": training}).splitlines() == [
        "classes: A, O",
        "no training object of: O; learnt from synthetic spectra",
        "no training object of: K, M; so the classifier never answers with these",
        "left out, because no training object is of their class: 3 é",
    ]


def test_figures_that_are_not_known_are_dashes_and_those_of_two_classes_have_no_top_two():
    data = SimpleNamespace(label=np.array(["A", "A", "A", "é"]), star=np.arange(4))
    probability = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    text = describe(
        {"classes": ["A", "é"], "cross_validation": scores_of(data, {"classifier": probability}, ("A", "é"), 1)}
    )
    assert "cross-validation:" in text
    assert "4 objects, 4 distinct; classes in the shares found" in text
    assert "top 2" not in text
    row = next(line for line in text.splitlines() if line.strip().startswith("é"))
    assert "–" in row, "nothing was called é: its precision is not known"
    assert text.count("0.750") >= 1
