"""The example of `docs/extend/add-a-cluster.md`, installed as anybody would, works through every verb."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from survey_batch.report.summary import summarize
from tests.processes import BIN

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples" / "processes-cluster"
OBJECTS = 12
JOB = """name = "processes"
output = "out"
stages = ["spectra"]
catalog.path = "archive/catalog.csv"
archive = { survey = "lamost", root = "archive" }
shards.objects = 4

[cluster]
kind = "processes"
workers = 2
memory = "1 GB"
options = { nice = 5 }
"""


@pytest.fixture(scope="module")
def plugged(tmp_path_factory):
    """A function that calls the command line beside the installed example, in a folder with an archive and a job."""
    folder, packages = tmp_path_factory.mktemp("plugged"), tmp_path_factory.mktemp("packages")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--target", packages, EXAMPLE], check=True)
    (folder / "job.toml").write_text(JOB)

    def call(*words, code=0, path=packages):
        environment = {**os.environ, "PYTHONPATH": str(path)}
        command = [BIN / "survey-batch", *words]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    call("simulate", "lamost", "archive", "--objects", str(OBJECTS))
    call.folder = folder
    return call


def test_the_page_shows_the_example_as_it_is():
    page = (DOCS / "extend" / "add-a-cluster.md").read_text(encoding="utf-8")
    _, _, code = page.partition("```python\n")
    code = code.partition("```")[0]
    assert code in (EXAMPLE / "survey_processes.py").read_text(encoding="utf-8")
    assert 'processes = "survey_processes:ProcessesKind"' in page
    assert 'processes = "survey_processes:ProcessesKind"' in (EXAMPLE / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_example_works_through_every_verb(plugged):
    assert json.loads(plugged("plan", "job.toml", "--json"))["workers"] == 2
    found = json.loads(plugged("doctor", "job.toml", "--json"))["findings"]
    states = {(finding["where"].split(",")[0], finding["check"]): finding for finding in found}
    assert states["this machine", "cluster"]["found"] == f"2 processes of {sys.executable}"
    assert states["worker of [cluster]", "worker"]["state"] == "ok"
    assert {finding["state"] for finding in found} == {"ok"}, found
    plugged("run", "job.toml")
    assert json.loads(plugged("status", "job.toml", "--json"))["counts"] == {"ok": OBJECTS}
    logs = plugged.folder / "out" / "log" / "processes"
    assert sorted(log.name for log in logs.iterdir()) == ["0.log", "1.log"]
    # Its products are read where the kind is not installed; its job is not.
    assert summarize(str(plugged.folder / "out")).counts == {"ok": OBJECTS}
    assert "'processes' is not known" in plugged("status", "job.toml", code=2, path=plugged.folder)


@pytest.mark.slow
def test_what_the_example_refuses_is_told_with_its_line_and_by_doctor(plugged):
    assert "cluster.options: 'nicer' is not known" in plugged(
        "plan", "job.toml", "--set", "cluster.options={nicer=1}", code=2
    )
    told = plugged("doctor", "job.toml", "--set", "cluster.python=/no/python", code=1)
    assert "/no/python cannot be run" in told
    assert "none was asked for, see above" in told


@pytest.mark.slow
def test_a_worker_that_cannot_start_ends_the_run_with_its_log(plugged):
    told = plugged("run", "job.toml", "--set", "cluster.python=/bin/false", "--set", "output=other", code=1)
    assert "worker 0 ended with 1; its log is" in told
