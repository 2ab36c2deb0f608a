"""The classifier as its manifest describes it."""

import json
import re
from types import SimpleNamespace

import pytest

from survey_batch.report.classifier import classifier_section, prior_text, threshold_of, with_95
from tests.report.outputs import MANIFEST

OBJECTS = SimpleNamespace(colors={"A": "#123456"})


def section(manifest):
    group = SimpleNamespace(attrs={"classifier": json.dumps(manifest)})
    (html,) = classifier_section(group, OBJECTS)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", str(html)))


def test_without_a_manifest_there_is_no_section():
    assert list(classifier_section(SimpleNamespace(attrs={}), OBJECTS)) == []


def test_what_the_manifest_lacks_is_left_out():
    text = section({**MANIFEST, "variant": "", "training": {}, "metrics": {"table of others": {"rows": 3}}})
    assert "spectral-type" in text
    for words in ("·", "trained on", "training data", "mind", "Its own scores", "None"):
        assert words not in text


def test_figures_have_a_column_only_where_one_is_known():
    metrics = {
        "test": {"accuracy": 0.5, "prior": {"A": 0.25, "é": 0.75}},
        "cross_validation": {"objects": 1200, "accuracy": 0.75, "top_2": None, "baselines": {"always A": 0.25}},
    }
    text = section({**MANIFEST, "metrics": metrics})
    for words in (
        "held-out test split",
        "cross-validation",
        "1,200",
        "0.750",
        "A 0.25, é 0.75",
        "as found",
        "always A 0.250",
    ):
        assert words in text
    assert "top 2" not in text
    assert "macro F1" not in text


@pytest.mark.parametrize(
    ("one", "digits", "said"),
    [
        ({}, 3, "–"),
        ({"a": None, "a_95": None}, 3, "–"),
        ({"a": 0.12345}, 3, "0.123"),
        ({"a": 1.0, "a_95": [0.5, 1.0]}, 2, "1.00 [0.50, 1.00]"),
        ({"a": 0.0, "a_95": []}, 1, "0.0"),
    ],
)
def test_a_figure_comes_with_its_interval(one, digits, said):
    assert with_95(one, "a", digits) == said


@pytest.mark.parametrize(
    ("prior", "said"),
    [("as_found", "as found"), ("equal", "equal shares"), ("ours", "ours"), ({"é": 1 / 3}, "é 0.333")],
)
def test_a_prior_is_told_in_words(prior, said):
    assert prior_text(prior) == said


@pytest.mark.parametrize(("settings", "threshold"), [({}, 0.0), ({"predictions.threshold": 0.7}, 0.7)])
def test_a_threshold_is_that_of_the_product(settings, threshold):
    assert threshold_of(SimpleNamespace(attrs={"provenance": json.dumps(settings)})) == threshold
