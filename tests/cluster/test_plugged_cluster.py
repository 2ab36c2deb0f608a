"""The example of `docs/extend/add-a-cluster.md`, installed as anybody would, works through every verb."""

import json
import sys

import pytest

from survey_batch.report.summary import summarize
from tests.examples import Beside, assert_shows, install

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
    """Calls the command line beside the installed example, in a folder with an archive and a job."""
    call = Beside(install("processes-cluster", tmp_path_factory.mktemp("packages")), tmp_path_factory.mktemp("plugged"))
    (call.folder / "job.toml").write_text(JOB)
    call("simulate", "lamost", "archive", "--objects", str(OBJECTS))
    return call


def test_the_page_shows_the_example_as_it_is():
    assert_shows("add-a-cluster.md", "processes-cluster")


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
    assert sorted(log.name for log in logs.glob("*/*")) == ["0.log", "1.log"]  # and no keys
    # Its products are read where the kind is not installed; its job is not.
    assert summarize(str(plugged.folder / "out")).counts == {"ok": OBJECTS}
    alone = Beside(plugged.folder, plugged.folder)
    assert "'processes' is not known" in alone("status", "job.toml", code=2)


@pytest.mark.slow
def test_what_the_example_refuses_is_told_with_its_line_and_by_doctor(plugged):
    assert "cluster.options: 'nicer' is not known" in plugged(
        "plan", "job.toml", "--set", "cluster.options={nicer=1}", code=2
    )
    told = plugged("doctor", "job.toml", "--set", "cluster.python=/no/python", code=1)
    assert "/no/python cannot be run" in told
    assert "no worker was requested, see above" in told


@pytest.mark.slow
def test_a_worker_that_cannot_start_ends_the_run_with_its_log(plugged):
    told = plugged("run", "job.toml", "--set", "cluster.python=/bin/false", "--set", "output=other", code=1)
    assert "worker 0 ended with 1; its log is" in told
