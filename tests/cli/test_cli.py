"""The command line as a user meets it: output, exit codes, and never a traceback."""

import json
import logging

import pytest

from survey_batch import cli


def test_a_job_from_plan_to_export(command, job, tmp_path):
    code, out, _ = command("plan", job)
    assert code == 0
    assert "8 objects (0 unusable rows)" in out
    code, out, err = command("run", job)
    assert code == 0
    assert "8 objects: 8 ok" in out
    assert "Dask dashboard: http://localhost:" in err
    code, out, _ = command("run", job)
    assert code == 0
    assert "nothing to do" in out
    code, out, _ = command("export", job, "--to", tmp_path / "out.parquet")
    assert code == 0
    assert "8 rows" in out


@pytest.mark.parametrize("verb", ["export", "report"])
def test_a_place_that_does_not_exist_ends_with_a_sentence(command, job, verb):
    assert command("run", job)[0] == 0
    code, _, errors = command(verb, job, "--to", "nothing://bucket/types.fits")
    assert code == 2
    assert "--to nothing://bucket/types.fits: cannot be written" in errors


def test_json_is_for_programs(command, job):
    code, out, _ = command("plan", job, "--json")
    assert code == 0
    assert json.loads(out)["objects"] == 8
    code, out, _ = command("run", job, "--json")
    assert code == 0
    assert json.loads(out)["counts"] == {"ok": 8}
    code, out, _ = command("status", job, "--json")
    assert code == 0
    assert json.loads(out)["counts"] == {"ok": 8}


def test_rows_that_another_run_would_try_again_end_with_1(command, job):
    nobody = ("--set", "archive.root=http://127.0.0.1:9", "--set", "archive.attempts=1")
    code, out, _ = command("run", job, "--json", *nobody)
    assert code == 1
    assert json.loads(out)["counts"] == {"unreachable": 8}


def test_a_wrong_job_ends_with_2_and_says_where(command, job):
    code, _, err = command("plan", job, "--set", "shards.object=3")
    assert code == 2
    assert "did you mean 'objects'?" in err


def test_a_missing_job_ends_with_2(command, tmp_path):
    code, _, err = command("run", tmp_path / "none.toml")
    assert code == 2
    assert "there is no job file" in err


def test_a_changed_job_ends_with_3_and_lists_the_difference(command, job):
    command("run", job)
    code, _, err = command("run", job, "--set", "spectra.wavelength_max=9000.0")
    assert code == 3
    assert "spectra.wavelength_max: was 9100.0, now 9000.0" in err


@pytest.mark.parametrize("survey", ["sdss", "lamost", "skyserver"])
def test_init_writes_a_job_that_loads_and_leaves_an_existing_one_alone(command, tmp_path, survey):
    from survey_batch.config.jobfile import load_job
    from survey_batch.stages import make_stages

    path = tmp_path / "new.toml"
    assert command("init", path, "--survey", survey)[0] == 0
    job = load_job(path)
    assert job.archive.survey == survey
    for stage in make_stages(job):
        stage.check()
    code, _, err = command("init", path)
    assert code == 2
    assert "exists already" in err


@pytest.mark.parametrize("verb", ["init", "simulate", "plan", "run", "status", "report", "export", "train", "evaluate"])
def test_every_verb_has_help_with_an_example(command, verb):
    code, out, _ = command(verb, "--help")
    assert code == 0
    assert f"survey-batch {verb}" in out.replace("Usage: ", "").split("Example:")[1]


def test_paragraphs_of_help_are_broken_for_the_terminal_alone(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    assert "are unreachable or failed: the same command tries these again." in command("run", "--help")[1]


@pytest.mark.parametrize("survey", ["sdss", "lamost", "skyserver"])
def test_the_example_jobs_load(survey):
    from pathlib import Path

    from survey_batch.config.jobfile import load_job

    jobs = [load_job(path) for path in sorted((Path(__file__).parents[2] / "jobs").glob("*.toml"))]
    assert survey in {job.archive.survey for job in jobs}


def test_brackets_and_colons_in_paths_are_printed_as_they_are(command, tmp_path):
    path = tmp_path / "[red]:star:.toml"
    code, out, _ = command("init", path)
    assert code == 0
    assert out.count(str(path)) == 2


def test_a_warning_on_the_terminal_has_no_traceback(monkeypatch, capsys):
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    cli._warnings_to_terminal()
    try:
        raise OSError("no room")
    except OSError as error:
        logging.getLogger("survey_batch").warning("a shard: %s", error, exc_info=True)
    assert capsys.readouterr().err == "WARNING a shard: no room\n"
