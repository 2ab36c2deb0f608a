"""`survey-batch doctor` on a private SLURM: what it says of a job that would run, and of what SLURM refuses."""

import shutil

import pytest

from survey_batch.doctor import State, diagnose
from tests.jobs import lamost_job
from tests.lamost_files import make_archive
from tests.servers import free_ports
from tests.slurm import SETTINGS, jobs, private_slurm, scontrol

pytestmark = pytest.mark.slow

SLURM = {**SETTINGS, "pending_seconds": 120}
GPU = {"partition": "gpu", "gres": "gpu:1", "workers": 1, "cores": 2, "memory": "2 GB"}


@pytest.fixture(scope="module", autouse=True)
def slurm(tmp_path_factory):
    with private_slurm(tmp_path_factory.mktemp("slurm")) as folder:
        yield folder


@pytest.fixture
def make_job(tmp_path):
    archive = make_archive(tmp_path / "archive", 8)
    model = str(tmp_path / "model")

    def make(stages=("spectra",), **cluster):
        tables = {"predictions": {"classifier": model}, "train": {"classifier": model}}
        return lamost_job(archive, tmp_path / "out", stages, cluster={**SLURM, **cluster}, **tables)

    return make


def by_place(findings):
    return {(finding.where.split(",")[0], finding.check): finding for finding in findings}


def test_a_job_that_would_run_is_found_good_on_a_worker_that_ends_afterwards(make_job):
    said = []
    found = by_place(diagnose(make_job(), say=said.append))
    assert [finding for finding in found.values() if finding.state is not State.OK] == []
    assert "to start at" in found["SLURM for [cluster]", "jobs"].found
    assert "SLURM job" in found["worker of [cluster]", "worker"].found
    assert "the same folder" in found["worker of [cluster]", "output"].found
    assert said == ["asking SLURM for a worker of [cluster]; waiting up to 2 min"]
    assert jobs() == [], "jobs are left"


@pytest.mark.parametrize(("allowed", "state"), [(False, State.FAILED), (True, State.OK)])
def test_a_gpu_that_the_framework_does_not_see_fails_unless_that_is_allowed(make_job, allowed, state):
    job = make_job(("spectra", "predictions"), gpu={**GPU, "allow_cpu": allowed})
    device = by_place(diagnose(job))["worker of [cluster.gpu]", "device"]
    assert device.state == state, device
    assert "sees no GPU" in device.found
    assert "CUDA_VISIBLE_DEVICES is" in device.found
    assert ("allow_cpu = true" in device.advice) == (not allowed)


def test_an_unknown_partition_is_refused_in_slurm_s_words_and_the_other_table_is_looked_at(make_job):
    found = by_place(diagnose(make_job(("spectra", "predictions"), gpu={**GPU, "partition": "nothere"}), workers=False))
    assert found["SLURM for [cluster]", "jobs"].state == State.OK
    assert found["SLURM for [cluster.gpu]", "partition"].state == State.FAILED
    jobs_of_gpu = found["SLURM for [cluster.gpu]", "jobs"]
    assert jobs_of_gpu.state == State.FAILED
    assert "nvalid partition" in jobs_of_gpu.found


def test_more_than_a_node_has_is_refused_in_slurm_s_words(make_job):
    found = by_place(diagnose(make_job(memory="900 GB")))
    assert "Requested node configuration is not available" in found["SLURM for [cluster]", "jobs"].found
    assert found["worker of [cluster]", "worker"].state == State.SKIPPED


def test_a_worker_that_slurm_does_not_start_is_told_with_its_reason(make_job):
    job = make_job(pending_seconds=3, directives=("--begin=now+1hour",))
    worker = by_place(diagnose(job))["worker of [cluster]", "worker"]
    assert worker.state == State.FAILED
    assert "PENDING (BeginTime)" in worker.found
    assert jobs() == [], "jobs are left"


def test_workers_that_cannot_start_are_told_with_their_last_words(make_job):
    worker = by_place(diagnose(make_job(python="/no/such/python")))["worker of [cluster]", "worker"]
    assert worker.state == State.FAILED
    assert "/no/such/python: No such file" in worker.found


def test_a_controller_that_is_down_is_told_in_its_words_and_nothing_is_asked_of_it(make_job, slurm, monkeypatch):
    elsewhere = slurm / "no-controller.conf"
    (port,) = free_ports(1)
    lines = (slurm / "slurm.conf").read_text().splitlines()
    changed = [f"SlurmctldPort={port}" if line.startswith("SlurmctldPort=") else line for line in lines]
    elsewhere.write_text("\n".join(changed) + "\n")
    monkeypatch.setenv("SLURM_CONF", str(elsewhere))
    found = by_place(diagnose(make_job()))
    assert found["this machine", "controller"].state == State.FAILED
    assert "Unable to contact slurm controller" in found["this machine", "controller"].found
    assert found["worker of [cluster]", "worker"].state == State.SKIPPED
    assert ("SLURM for [cluster]", "jobs") not in found


def test_without_slurm_s_commands_the_first_that_is_missing_is_named(make_job, tmp_path, monkeypatch):
    assert shutil.which("sbatch")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = by_place(diagnose(make_job()))
    assert found["this machine", "SLURM"].state == State.FAILED
    assert "SLURM's command sbatch is not on the path" in found["this machine", "SLURM"].found


def test_a_partition_that_is_down_is_no_place_for_workers(make_job):
    scontrol("update", "PartitionName=cpu", "State=DOWN")
    try:
        found = by_place(diagnose(make_job(partition="cpu")))
    finally:
        scontrol("update", "PartitionName=cpu", "State=UP")
    assert "cpu is not up" in found["SLURM for [cluster]", "partition"].found
    assert found["worker of [cluster]", "worker"].state == State.SKIPPED
