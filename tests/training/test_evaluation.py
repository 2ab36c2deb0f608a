"""Scores of a classifier beside the baselines that it has to beat."""

import logging

import numpy as np
import pytest

from survey_batch.config.sections.training_base import TrainingSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.manifest import Manifest
from survey_batch.models.recipe import Recipe
from survey_batch.training.evaluation import evaluate, scores_of_split
from tests.models.conftest import labelled
from tests.report.outputs import spectra_job

CLASSES = ("A", "é")
SECTION = TrainingSection(classifier="-", kind="toy", variant="one", prior="equal")


class Toy:
    """Right about every row but those below 2; its baselines are of each kind."""

    classes = CLASSES
    recipe = Recipe(product="features", variables=("value",), shape=())
    manifest = Manifest(kind="toy", variant="one", classes=CLASSES, recipe=recipe)

    def __init__(self, failing=()):
        self.failing = failing

    @staticmethod
    def valid_rows(block, _recipe):
        return block["value"] >= 0

    def predict_proba(self, block):
        right = (block["value"] % 2).astype(int) ^ (block["value"] < 2)
        return np.eye(2, dtype=np.float32)[right] * 0.8 + 0.1

    def baselines(self, trained, section, classes):
        def always_first(usable, seed):
            assert (usable.block["value"] >= 0).all(), "fitted to rows that can be classified"
            return lambda tested: np.zeros(len(tested), int)

        def fails(usable, seed):
            raise self.failing

        return {"first": always_first, **({"fails": fails} if self.failing else {})}


def rows(first, last):
    value = np.arange(first, last)
    return labelled({"value": value}, np.array(CLASSES)[value % 2])


def test_baselines_are_fitted_to_usable_rows_and_scored_on_the_same_objects():
    scores = scores_of_split(Toy(), rows(-4, 10), rows(0, 20), SECTION)
    assert scores["classifier"]["accuracy"] == pytest.approx(18 / 20)
    assert scores["first"]["accuracy"] == pytest.approx(0.5)
    assert scores["prior"]["stated"] == "equal"


@pytest.mark.parametrize("error", [ValueError("too few é"), MemoryError("too many"), ConfigurationError("no band")])
def test_a_baseline_that_fails_is_left_out_and_that_is_told(caplog, error):
    with caplog.at_level(logging.WARNING):
        scores = scores_of_split(Toy(error), rows(0, 10), rows(0, 20), SECTION)
    assert "first" in scores
    assert "fails" not in scores
    assert f"baseline fails: not run ({error})" in caplog.text


def test_a_fault_of_ours_in_a_baseline_is_no_failing_baseline():
    with pytest.raises(KeyError):
        scores_of_split(Toy(KeyError("defect")), rows(0, 10), rows(0, 20), SECTION)


def test_a_job_without_a_classifier_is_told_what_to_set(tmp_path):
    job = spectra_job(tmp_path, stages=("spectra",)).model_copy(update={"predictions": None})
    with pytest.raises(ConfigurationError, match=r"set train\.classifier or predictions\.classifier"):
        evaluate(job)


def test_a_classifier_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="unused"):
        evaluate(spectra_job(tmp_path))
