"""`survey-batch train`: what it answers, and which commands come next."""

import pytest

from survey_batch.training import train as module

SCORES = {"classes": ["A", "é"], "classifier": "models/x"}


@pytest.fixture
def trained(monkeypatch):
    def train(job, *, progress, report):
        progress("fold 1 of 2")
        report("epoch 3")
        return SCORES

    monkeypatch.setattr(module, "train", train)


@pytest.mark.usefixtures("trained")
def test_scores_are_told_in_words_with_progress_beside_them(command, job):
    code, out, err = command("train", job)
    assert code == 0
    assert "classes: A, é" in out
    assert "fold 1 of 2" in err
    assert f"evaluate {job}" in out + err
    assert f"survey-batch run {job}" not in out + err, "the job predicts nothing"


@pytest.mark.usefixtures("trained")
def test_a_job_that_predicts_is_run_next(command, job):
    words = ('stages=["spectra","predictions"]', "predictions.classifier=models/x")
    code, out, err = command("train", job, *(part for word in words for part in ("--set", word)))
    assert code == 0
    assert "survey-batch run" in out + err


def test_a_model_without_labels_is_not_evaluated_next(command, job, monkeypatch):
    lost = {"objects": 9, "mean_spectrum": 0.5, "components": 0.1, "embedding": 0.05, "noise": 0.01}
    monkeypatch.setattr(module, "train", lambda *_, **__: {"dimensions": 4, "reconstruction": lost})
    code, out, err = command("train", job)
    assert code == 0
    assert "the embedding                  0.05000   10.0 %" in out
    assert "evaluate" not in out + err
