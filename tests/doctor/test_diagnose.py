"""All checks in their order, with workers of this machine and of a scheduler that is already running."""

import pytest

from survey_batch.doctor import State, diagnose
from tests.jobs import lamost_job
from tests.lamost_files import make_archive
from tests.processes import dask_cluster

LOCAL = {"workers": 1, "memory": "1 GB"}


@pytest.fixture
def archive(tmp_path):
    return make_archive(tmp_path / "archive", 8)


def states(findings):
    return {(finding.where.split(",")[0], finding.check): finding.state for finding in findings}


def test_a_job_that_would_run_has_no_finding_but_good_ones_and_leaves_nothing(archive, tmp_path):
    found = list(diagnose(lamost_job(archive, tmp_path / "out", cluster=LOCAL)))
    assert {finding.state for finding in found} == {State.OK}, found
    here = [finding.check for finding in found if finding.where == "this machine"]
    there = [finding.check for finding in found if finding.where.startswith("worker of [cluster]")]
    assert here == ["catalogue", "stages", "memory", "archive", "output", "rename", "lock", "room", "files", "cluster"]
    assert there == ["worker", "versions", "clock", "memory", "scratch", "output", "archive", "dashboard"]
    assert not (tmp_path / "out").exists()


def test_what_is_wrong_in_one_place_hides_nothing_elsewhere(archive, tmp_path):
    (tmp_path / "file").write_text("")
    keys = {**archive, "catalog": {"path": str(tmp_path / "no.csv")}}
    found = states(diagnose(lamost_job(keys, tmp_path / "file" / "out", cluster=LOCAL)))
    assert found["this machine", "catalogue"] == State.FAILED
    assert found["this machine", "stages"] == State.OK
    assert found["this machine", "archive"] == State.SKIPPED
    assert found["this machine", "output"] == State.FAILED
    assert found["worker of [cluster]", "worker"] == State.OK
    assert found["worker of [cluster]", "output"] == State.SKIPPED


@pytest.mark.slow
def test_a_scheduler_whose_workers_see_another_folder_is_found(archive, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with dask_cluster(tmp_path / "elsewhere", workers=1) as (address, _):
        job = lamost_job(archive, "out", cluster={"kind": address})
        found = {(finding.where, finding.check): finding for finding in diagnose(job)}
    assert found["this machine", "cluster"].found.startswith(f"{address} answers: 1 worker, 1 thread")
    output = found["worker of [cluster], all phases", "output"]
    assert output.state == State.FAILED
    assert f"is not seen there (the worker is in {tmp_path / 'elsewhere'}" in output.found
    assert found["worker of [cluster], all phases", "archive"].state == State.OK


def test_no_worker_is_asked_of_a_scheduler_that_does_not_answer(archive, tmp_path, monkeypatch):
    monkeypatch.setattr("survey_batch.cluster.running.CONNECT_SECONDS", 1)
    found = states(diagnose(lamost_job(archive, tmp_path / "out", cluster={"kind": "tcp://127.0.0.1:1"})))
    assert found["this machine", "cluster"] == State.FAILED
    assert found["worker of [cluster]", "worker"] == State.SKIPPED
