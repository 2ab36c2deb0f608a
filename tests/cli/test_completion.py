"""What Tab offers, asked as the shells ask."""

import os
import subprocess
import sys

import pytest

JOB = 'stages = ["spectra", "features"]\n[archive]\nsurvey = "lamost"\n[train]\nkind = "table"\n'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "stars.toml").write_text(JOB)
    (tmp_path / "notes.txt").touch()
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "quasars.toml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def tab(folder, command, monkeypatch):
    """Press Tab behind some words, in bash; there `=` ends a word."""

    def press(*words):
        line = ["survey-batch", *words]
        monkeypatch.setenv("COMP_WORDS", " ".join(line))
        monkeypatch.setenv("COMP_CWORD", str(len(line) - 1))
        monkeypatch.setenv("_SURVEY_BATCH_COMPLETE", "complete_bash")
        monkeypatch.setattr(sys, "argv", ["survey-batch"])
        return command()[1].split()

    return press


def test_verbs_and_job_files(tab):
    assert tab("re") == ["report"]
    assert tab("run", "") == ["jobs/", "stars.toml"]
    assert tab("run", "jobs/q") == ["jobs/quasars.toml"]


def test_names_of_what_is_installed(tab):
    assert set(tab("init", "--survey", "")) >= {"sdss", "lamost", "skyserver", "stamps"}
    assert tab("init", "--survey", "lamost", "--stages", "spectra,") == ["spectra,features", "spectra,predictions"]
    assert tab("simulate", "cat") == ["catalog"]
    assert tab("evaluate", "stars.toml", "--split", "v") == ["validation"]
    assert tab("psf-stars", "stars.toml", "--format", "fits,c") == ["fits,csv"]


def test_keys_of_the_job_file_and_of_its_survey(tab):
    assert tab("run", "stars.toml", "--set", "arch") == ["archive."]
    assert tab("run", "stars.toml", "--set", "archive.la") == ["archive.layout="]
    assert tab("run", "stars.toml", "--set", "shards.") == ["shards.objects="]


@pytest.mark.parametrize(
    ("key", "begun", "offered"),
    [
        ("archive.survey", "sk", ["skyserver"]),
        ("archive.layout", "", ["flat", "plan", "obsid"]),
        ("archive.when_nothing_found", "go", ["go_on"]),
        ("train.kind", "st", ["stamp-type", "stellar-image"]),
        ("train.variant", "", ["networks"]),
        ("cluster.kind", "sl", ["slurm"]),
        ("stages", "", ['["spectra"', '["features"', '["predictions"']),
        ("stages", '["spectra","f', ['["spectra","features"']),
        ("train.features", '["h_alpha', ['["h_alpha"', '["h_alpha_error"']),
        ("predictions.precision", "mixed_f", ["mixed_float16"]),
        ("cluster.workers", "", []),
        ("nothing.here", "", []),
    ],
)
def test_values_where_a_value_is_one_of_a_list(folder, monkeypatch, key, begun, offered):
    from survey_batch.cli.completion import complete_setting

    monkeypatch.setenv("COMP_WORDS", "survey-batch run stars.toml --set")
    assert complete_setting(f"{key}={begun}") == [f"{key}={value}" for value in offered]


def test_columns_that_an_export_adds(tab):
    assert tab("export", "stars.toml", "--with", "label,s") == ["label,split"]
    assert tab("export", "stars.toml", "--with", "features", "=", "h_alpha") == ["h_alpha", "h_alpha_error"]


def test_bash_puts_a_value_behind_the_equals_sign(tab):
    assert tab("run", "stars.toml", "--set", "archive.layout", "=", "p") == ["plan"]
    assert tab("run", "stars.toml", "--set", "archive.layout", "=", "") == ["flat", "plan", "obsid"]
    assert tab("run", "stars.toml", "--set", "archive.layout", "=") == ["flat", "plan", "obsid"]
    assert tab("run", "stars.toml", "--set", "shards.objects", "=", "4", "--set", "clu") == ["cluster."]


def test_a_broken_job_file_offers_what_all_jobs_have(tab, folder):
    (folder / "stars.toml").write_text("= broken")
    assert tab("run", "stars.toml", "--set", "archive.la") == []
    assert tab("run", "stars.toml", "--set", "archive.ro") == ["archive.root="]


def test_a_shell_gets_its_script():
    asked = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    words = [sys.executable, "-m", "survey_batch", "--show-completion", "bash"]
    done = subprocess.run(words, capture_output=True, text=True, env=asked, check=True)
    assert "complete -o default -F" in done.stdout
