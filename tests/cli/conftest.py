"""The command line in this process, and a small job for it."""

import sys

import pytest

from survey_batch import cli
from tests.lamost_files import make_archive

JOB = """
name = "cli"
output = "{output}"
stages = ["spectra"]
catalog = {{ path = "{archive}/catalog.csv" }}
archive = {{ survey = "lamost", root = "{archive}" }}
shards = {{ objects = 4 }}
cluster = {{ workers = 1, memory = "1 GB" }}
"""


@pytest.fixture
def job(tmp_path):
    make_archive(tmp_path / "archive", 8)
    path = tmp_path / "job.toml"
    path.write_text(JOB.format(output=tmp_path / "out", archive=tmp_path / "archive"))
    return path


@pytest.fixture
def command(monkeypatch, capfd):
    """Run the command line; return its exit code, output and errors."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["survey-batch", *map(str, words)])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return run
