"""What Tab offers, asked as the shells ask."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time

import pytest

from tests.patience import PATIENCE
from tests.terminal import CONTROL, own_terminal

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
        monkeypatch.setenv("COMP_WORDS", "\n".join(line))
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
    assert tab("run", "stars.toml", "--retry", "unrea") == ["unreadable", "unreachable"]
    assert tab("run", "stars.toml", "--retry", "not_found,un") == ["not_found,unreadable", "not_found,unreachable"]


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
    assert done.stdout.count("&& compopt -o nospace") == 1


def test_zsh_puts_no_blank_behind_what_goes_on(folder, command, monkeypatch):
    def told(words):
        monkeypatch.setenv("_SURVEY_BATCH_COMPLETE", "complete_zsh")
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", words)
        return command()[1].strip()

    assert told("survey-batch run ") == (
        "local -a offers=(stars.toml); _describe '' offers; local -a offers=(jobs/); _describe '' offers -S ''"
    )
    assert told("survey-batch repo").startswith("local -a offers=('report:Write one self-contained HTML page: sky")
    assert told("survey-batch run nothing") == "_files"


PRESSED = {
    "survey-batch repo": "survey-batch report ",
    "survey-batch run jo": "survey-batch run jobs/",
    "survey-batch run stars.toml --set arch": "survey-batch run stars.toml --set archive.",
    "survey-batch plan stars.toml --set archive.survey=sk": (
        "survey-batch plan stars.toml --set archive.survey=skyserver "
    ),
    """survey-batch run stars.toml --set 'stages=["spectra","fe""": (
        """survey-batch run stars.toml --set 'stages=["spectra","features\""""
    ),
    "survey-batch export stars.toml --with label,s": "survey-batch export stars.toml --with label,split ",
    "survey-batch export stars.toml --to not": "survey-batch export stars.toml --to notes.txt ",
}
"""What a person writes, and what is there after Tab."""


@pytest.fixture
def shell(folder, monkeypatch):
    """Give a folder with the command and its scripts for the shells; skip where a shell is missing."""
    (folder / "bin").mkdir()
    (folder / "bin" / "survey-batch").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m survey_batch "$@"\n')
    (folder / "bin" / "survey-batch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")

    def script(name):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed (tests/install_system_packages.sh)")
        with (folder / f"script.{name}").open("w") as file:
            subprocess.run(["survey-batch", "--show-completion", name], stdout=file, check=True)
        return f"{folder}/script.{name}"

    return script


@pytest.fixture
def typed(folder):
    """Type into an interactive shell; return what is there after Tab."""

    def press(words, environment, lines):
        ours, theirs = pty.openpty()
        given = {**os.environ, "TERM": "dumb", "COLUMNS": "200", **environment}
        process = subprocess.Popen(
            words, stdin=theirs, stdout=theirs, stderr=theirs, env=given, preexec_fn=own_terminal
        )
        try:
            assert read_until(ours, "> ").endswith("> ")
            for written, completed in lines.items():
                os.write(ours, f"{written}\t".encode())
                shown = read_until(ours, completed)
                assert shown.endswith(completed), shown
                os.write(ours, b"\x03")  # gives a new line
                read_until(ours, "> ")
        finally:
            process.kill()
            process.wait()

    return press


@pytest.mark.slow
def test_tab_in_zsh(shell, folder, typed):
    (folder / ".zshrc").write_text(
        f"unsetopt prompt_sp beep; autoload -U compinit; compinit -u -D; PROMPT='> '\nsource {shell('zsh')}\n"
    )
    typed(["zsh", "-d", "-i"], {"ZDOTDIR": str(folder)}, PRESSED)


@pytest.mark.slow
def test_tab_in_bash(shell, folder, typed):
    (folder / "rc").write_text(f"bind 'set enable-bracketed-paste off'; PS1='> '\nsource {shell('bash')}\n")
    key = "survey-batch plan stars.toml --set archive.lay"
    lines = {written: completed for written, completed in PRESSED.items() if "'" not in written}
    typed(["bash", "--rcfile", folder / "rc", "-i"], {}, {**lines, key: f"{key}out="})


def read_until(terminal, wanted):
    """Read what is shown until it ends as wanted and nothing more comes for a second."""
    shown, deadline = "", time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 1.0)[0]:
            shown = CONTROL.sub("", shown + os.read(terminal, 65536).decode())
        elif shown.endswith(wanted):
            break
    return shown


@pytest.mark.slow
def test_tab_in_fish(shell):
    script = shell("fish")
    for written, completed in PRESSED.items():
        asked = subprocess.run(
            ["fish", "--no-config", "-c", f"source {script}; complete -C $argv[1]", written],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        offers = [line.partition("\t")[0] for line in asked.stdout.splitlines()]
        assert offers == [completed.split()[-1].lstrip("'")]
