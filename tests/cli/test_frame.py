"""What all verbs have in common: what Ctrl-C says, and commands that can be copied."""

import json
import signal
from contextlib import suppress

import pytest

from survey_batch.cli.frame import command as written


def stop(*_, **__):
    raise KeyboardInterrupt


def test_a_stopped_run_says_how_far_it_is_and_how_to_go_on(command, job, monkeypatch):
    assert command("run", job)[0] == 0
    monkeypatch.setattr("survey_batch.execution.runner.run", stop)
    words = ("run", job, "--set", "shards.objects=4")
    code, out, err = command(*words)
    assert (code, out) == (130, "")
    assert err.splitlines()[-3:] == [
        "Stopped. Finished work is kept: run the same command again to continue.",
        "8 objects: 8 ok",
        f"to continue: survey-batch run {job} --set shards.objects=4",
    ]


def test_a_run_that_was_stopped_before_its_plan_has_no_counts(command, job, monkeypatch):
    monkeypatch.setattr("survey_batch.execution.runner.run", stop)
    code, _, err = command("run", job)
    assert code == 130
    assert "objects" not in err
    assert err.endswith(f"to continue: survey-batch run {job}\n")


@pytest.mark.parametrize(
    ("verb", "place"),
    [
        ("catalog", "survey_batch.catalog.read_catalog"),
        ("plan", "survey_batch.planning.plan.make_plan"),
        ("export", "survey_batch.results.export.export_catalog"),
        ("report", "survey_batch.report.write_report"),
        ("status", "survey_batch.report.summary.summarize"),
    ],
)
def test_what_does_not_go_on_says_how_to_start_again(command, job, monkeypatch, verb, place):
    monkeypatch.setattr(place, stop)
    code, out, err = command(verb, job)
    assert (code, out) == (130, "")
    assert err.endswith(f"Stopped.\nto start again: survey-batch {verb} {job}\n")


def test_a_program_is_told_of_ctrl_c_too(command, job, monkeypatch):
    assert command("run", job)[0] == 0
    monkeypatch.setattr("survey_batch.execution.runner.run", stop)
    code, out, _ = command("run", job, "--json")
    answer = json.loads(out)
    assert (code, answer["error"]["kind"], answer["counts"]) == (130, "Interrupted", {"ok": 8})
    assert answer["next"] == [f"survey-batch run {job} --json"]


def test_ctrl_c_while_the_verbs_are_imported_has_its_exit_code(command, monkeypatch):
    monkeypatch.setattr("survey_batch.cli.make_app", stop)
    assert command("run", "job.toml")[0] == 130


def test_commands_are_quoted_for_the_shell():
    assert written("run", "my job.toml", ["stages=['spectra']"]) == (
        """survey-batch run 'my job.toml' --set 'stages=['"'"'spectra'"'"']'"""
    )


def test_an_error_that_ctrl_c_brought_about_ends_as_ctrl_c_does(command, job, monkeypatch):
    """A library whose import is cut short fails in its own way, and may swallow the interruption."""

    def cut_short(*_, **__):
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise RecursionError("maximum recursion depth exceeded")

    monkeypatch.setattr("survey_batch.planning.plan.make_plan", cut_short)
    code, _, err = command("plan", job)
    assert code == 130
    assert err.endswith(f"to start again: survey-batch plan {job}\n")
