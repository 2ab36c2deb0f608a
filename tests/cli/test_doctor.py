"""`survey-batch doctor` as a user meets it: what it prints, and its exit codes."""

import json

import pytest

NEW = "no-such-folder/model"


def test_findings_are_printed_by_place_and_summed_up(command, job):
    code, out, err = command("doctor", job, "--no-workers")
    assert code == 0, out
    lines = [line.split() for line in out.splitlines()]
    assert ["ok", "catalogue", "8", "objects,", "all", "usable"] in lines
    assert out.lstrip().startswith("this machine\n")
    assert "\nworker of" not in out
    assert lines[-1] == ["10", "ok"]
    assert err == f"next: survey-batch run {job}\n"


def test_a_job_whose_classifier_is_still_to_be_trained_is_run_with_its_training_next(command, job, monkeypatch):
    monkeypatch.setattr("survey_batch.doctor.diagnose", lambda *_, **__: ())
    words = ("--set", 'stages=["spectra","predictions"]', "--set", f"predictions.classifier={NEW}")
    assert "survey-batch run --train" not in command("doctor", job, *words, "--no-workers")[2]
    err = command("doctor", job, *words, "--set", "train.kind=spectral-type", "--set", f"train.classifier={NEW}")[2]
    assert err.startswith(f"next: survey-batch run {job} --train --set ")


def test_what_fails_is_told_with_advice_and_an_exit_code(command, job):
    code, out, _ = command("doctor", job, "--no-workers", "--set", "archive.root=/no/such/folder")
    assert code == 1
    assert "failed   archive" in out
    assert "→ check the table [archive]" in out
    assert "1 failed" in out.splitlines()[-1]


def test_a_program_gets_every_finding(command, job):
    code, out, err = command("doctor", job, "--json")
    told = json.loads(out)
    assert (code, told["ok"], err) == (0, True, "")
    assert {finding["where"] for finding in told["findings"]} == {"this machine", "worker of [cluster], all phases"}
    assert all(set(finding) == {"check", "where", "state", "found", "advice"} for finding in told["findings"])


@pytest.mark.parametrize("words", [("--set", "cluster.kind=cloud"), ("--set", "nothing.here=1")])
def test_a_job_file_that_does_not_load_is_no_finding(command, job, words):
    code, out, err = command("doctor", job, *words)
    assert (code, out) == (2, "")
    assert err.startswith("survey-batch: ")
