import pytest
from pydantic import ValidationError

from survey_batch.cluster import worker_count
from survey_batch.config.job import ClusterSection


def test_the_phase_that_predicts_has_what_its_table_says_and_else_what_the_others_have():
    section = ClusterSection(
        kind="slurm", partition="cpu", workers=8, walltime="60", gpu={"partition": "gpu", "gres": "gpu:1", "workers": 2}
    )
    gpu, cpu = section.for_phase("predict"), section.for_phase("ingest")
    assert (gpu.partition, gpu.gres, gpu.workers, gpu.walltime, gpu.kind) == ("gpu", "gpu:1", 2, "60", "slurm")
    assert (cpu.partition, cpu.gres, cpu.workers) == ("cpu", None, 8)
    assert (gpu.wants_gpu, cpu.wants_gpu) == (True, False)
    assert (gpu.threads, cpu.threads) == (3, 1)
    assert cpu == section.for_phase("prepare")


def test_without_a_table_for_gpus_all_phases_share_one_cluster():
    section = ClusterSection(workers=2)
    assert section.for_phase("predict") == section.for_phase("ingest") == section


def test_one_worker_process_has_a_gpu_however_many_share_the_cores():
    gpu = ClusterSection(workers=8, processes=4, gpu={}).for_phase("predict")
    assert (gpu.processes, worker_count(gpu)) == (1, 1)
    assert ClusterSection(workers=8, gpu={"workers": 2}).for_phase("predict").workers == 2


@pytest.mark.parametrize(
    "keys",
    [{"kind": "cloud"}, {"gpu": {"dashboard": "x"}}, {"gpu": {"processes": 2}}, {"when_pending": "sleep"}],
)
def test_what_makes_no_sense_is_refused(keys):
    with pytest.raises(ValidationError):
        ClusterSection(**keys)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"processes": 8, "cores": 4}, "processes = 8 in a job of cores = 4"),
        ({"walltime": "1:00:00", "drain_seconds": 4000}, "it would never work. Make cluster.drain_seconds smaller"),
        ({"walltime": "1:00:00", "drain_seconds": 3600}, "it would never work"),
        ({"walltime": "1:00:00", "gpu": {"drain_seconds": 3600}}, "it would never work"),
        ({"drain_seconds": 3600, "gpu": {"walltime": "30"}}, "it would never work"),
        ({"gres": "gpu:1", "directives": ["--gres=gpu:2"]}, "would replace gres = 'gpu:1'"),
    ],
)
def test_jobs_in_which_workers_could_not_work_are_refused(keys, said):
    with pytest.raises(ValidationError, match=said):
        ClusterSection(kind="slurm", **keys)


@pytest.mark.parametrize(
    "keys",
    [
        {"processes": 4, "cores": 4},
        {"walltime": "UNLIMITED", "drain_seconds": 4000},
        {"walltime": "1:00:00", "drain_seconds": 600},
        {"processes": 8, "cores": 8, "gpu": {"cores": 2}},
    ],
)
def test_jobs_in_which_workers_can_work_are_taken(keys):
    ClusterSection(kind="slurm", **keys)


def test_an_unknown_kind_is_refused_with_what_is_allowed():
    with pytest.raises(ValidationError, match="there are local, running, slurm, srun.*scheduler file"):
        ClusterSection(kind="cloud")


@pytest.mark.parametrize(
    "dashboard", [":8787", "8787", "0.0.0.0:0", "node1:8787", "127.0.0.1:0,:8787", "127.evil.org:1"]
)
def test_a_dashboard_on_a_network_must_be_asked_for_in_words(dashboard):
    with pytest.raises(ValidationError, match="listens on a network, and asks for no password"):
        ClusterSection(dashboard=dashboard)
    ClusterSection(dashboard=dashboard, dashboard_open_to_network=True)


@pytest.mark.parametrize("dashboard", ["127.0.0.1:8787", "localhost:0"])
def test_a_dashboard_of_this_machine_needs_no_words(dashboard):
    assert ClusterSection(dashboard=dashboard).dashboard == dashboard
