import json

import numpy as np
import pytest
from typer.testing import CliRunner

from survey_batch.cli import make_app
from survey_batch.models.summary import probabilistic_summary, summary

CLASSES = ("good", "other")


def scores():
    true, group = np.arange(40) % 2, np.arange(40)
    probability = np.where(true[:, None] == [0, 1], 0.8, 0.2)
    one = summary(true, probability.argmax(axis=1), CLASSES, 0, group)
    one |= probabilistic_summary(true, probability, CLASSES, group)
    prior = {"stated": "equal", "shares": {"good": 0.5, "other": 0.5}, "effective_objects": 40.0}
    return {"classes": list(CLASSES), "classifier": "models/x", "test": {"prior": prior, "classifier": one}}


@pytest.fixture
def evaluated(monkeypatch, tmp_path):
    """Run the verb on a job that nothing reads, and hear what it was asked for."""
    asked = {}

    def evaluate(job, **wanted):
        asked.update(wanted)
        return scores()

    monkeypatch.setattr("survey_batch.training.evaluation.evaluate", evaluate)
    monkeypatch.setattr("survey_batch.config.jobfile.load_job", lambda *_: None)
    (tmp_path / "job.toml").touch()

    def run(*arguments):
        result = CliRunner().invoke(make_app(), ["evaluate", str(tmp_path / "job.toml"), *arguments])
        assert result.exit_code == 0, result.output
        return asked, result.output

    return run


def test_what_is_not_said_is_left_to_the_job(evaluated):
    asked, _ = evaluated()
    assert asked == {"split": "test", "prior": None}


def test_a_split_and_a_prior_are_handed_on(evaluated):
    asked, _ = evaluated("--split", "validation", "--prior", "good=0.25,other=0.75")
    assert asked == {"split": "validation", "prior": {"good": 0.25, "other": 0.75}}


def test_the_figures_are_told_in_words(evaluated):
    _, text = evaluated()
    for words in (
        "40 objects, 40 distinct; prior: equal shares",
        "1.000 [0.912, 1.000]",
        "confidence ≥ 0.9: 0.000 answered",
    ):
        assert words in text
    assert "top 2" not in text  # of two classes it is no news


def test_a_program_reads_json(evaluated):
    _, text = evaluated("--json")
    assert json.loads(text) == json.loads(json.dumps(scores()))
