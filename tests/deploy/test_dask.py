"""What starts Dask clusters by hand: it sets what the package sets on its own, and names what the engine asks for."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from dask.utils import parse_bytes

from survey_batch.cluster import connect
from survey_batch.cluster.base import SCHEDULER_SETTINGS, Size
from survey_batch.config.job import ClusterSection
from survey_batch.core.environment import as_variable, worker_exports
from survey_batch.preflight.estimate import WORKER_BASE_BYTES
from tests.processes import BIN

FOLDER = Path(__file__).parents[2] / "deploy" / "dask"
SCRIPT = FOLDER / "local-scheduler.sh"
GPU = ["--resources", "GPU=1"]
"""As `survey_batch.cluster.slurm` starts workers and the engine asks for them."""


def documents(name):
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


def containers(kind):
    """The containers of the cluster's documents: scheduler, or workers by the name of their group."""
    cluster, gpu, _ = documents("kubernetes-cluster.yaml")
    if kind == "scheduler":
        return cluster["spec"]["scheduler"]["spec"]["containers"]
    return [*cluster["spec"]["worker"]["spec"]["containers"], *gpu["spec"]["worker"]["spec"]["containers"]]


def environment(container):
    return {entry["name"]: entry["value"] for entry in container["env"]}


def settings_as_environment():
    """Dask reads `DASK_A__B` as the setting a.b; settings that a person's own cluster should have, too."""
    names = [name for name in SCHEDULER_SETTINGS if name.startswith(("distributed.scheduler", "distributed.admin"))]
    return {as_variable(name): str(SCHEDULER_SETTINGS[name]) for name in names}


def test_the_documents_are_those_of_the_operator():
    kinds = [(document["apiVersion"], document["kind"]) for document in documents("kubernetes-cluster.yaml")]
    assert kinds == [
        ("kubernetes.dask.org/v1", "DaskCluster"),
        ("kubernetes.dask.org/v1", "DaskWorkerGroup"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
    ]
    cluster, gpu, policy = documents("kubernetes-cluster.yaml")
    name = cluster["metadata"]["name"]
    assert gpu["spec"]["cluster"] == name
    assert cluster["spec"]["scheduler"]["service"]["selector"]["dask.org/cluster-name"] == name
    assert policy["spec"]["podSelector"]["matchLabels"]["dask.org/cluster-name"] == name


def test_workers_are_of_one_process_and_one_thread_and_those_with_a_gpu_say_so_and_have_more():
    cpu, gpu = containers("worker")
    for container, threads in ((cpu, "1"), (gpu, gpu["resources"]["requests"]["cpu"])):
        assert container["command"] == ["dask", "worker"]
        options = dict(zip(container["args"][::2], container["args"][1::2], strict=True))
        assert (options["--nworkers"], options["--nthreads"]) == ("1", threads)
        assert options["--name"] == "$(DASK_WORKER_NAME)"
        memory = container["resources"]["limits"]["memory"]
        assert parse_bytes(memory + "B") >= parse_bytes(ClusterSection().memory) > WORKER_BASE_BYTES
    assert GPU[0] not in cpu["args"]
    assert gpu["args"][gpu["args"].index(GPU[0]) :][:2] == GPU
    assert gpu["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_scheduler_and_workers_have_the_package_s_settings():
    (scheduler,) = containers("scheduler")
    assert environment(scheduler) == settings_as_environment()
    for container in containers("worker"):
        # Whether Dask's profiler can hang depends on the Python of the image.
        exports = {name: value for name, value in worker_exports().items() if "PROFILE" not in name}
        assert environment(container) == exports


def test_the_script_has_the_package_s_settings():
    exported = dict(
        pair.split("=")
        for line in SCRIPT.read_text().splitlines()
        if line.startswith("export ")
        for pair in line.split()[1:]
    )
    assert exported == settings_as_environment()
    assert "$(python -m survey_batch.core.environment)" in SCRIPT.read_text()
    assert " ".join(GPU) in SCRIPT.read_text()


def test_the_driver_joins_that_cluster_from_the_same_image():
    (job,) = documents("kubernetes-job.yaml")
    cluster, _, policy = documents("kubernetes-cluster.yaml")
    (driver,) = job["spec"]["template"]["spec"]["containers"]
    (scheduler,) = containers("scheduler")
    assert driver["image"] == scheduler["image"]
    assert f"cluster.kind=tcp://{cluster['metadata']['name']}-scheduler:8786" in driver["args"]
    allowed = [
        peer["podSelector"]["matchLabels"] for peer in policy["spec"]["ingress"][0]["from"] if "podSelector" in peer
    ]
    assert job["spec"]["template"]["metadata"]["labels"] in allowed
    (worker, _), volumes = containers("worker"), cluster["spec"]["worker"]["spec"]["volumes"]
    assert worker["volumeMounts"][0] in driver["volumeMounts"]
    assert volumes[0] in job["spec"]["template"]["spec"]["volumes"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_script_starts_a_cluster_over_tls_that_a_job_can_join(tmp_path):
    environ = {"DASK_DIR": str(tmp_path / "dask"), "DASK_WORKER_MEMORY": "1GB"}
    try:
        options = call("up", "1", "1", **environ).split()[1::2]
        files = dict(re.findall(r"tls_files\.(\w+)=(\S+)", " ".join(options)))
        (kind,) = re.findall(r"cluster\.kind=(\S+)", options[0])
        with connect(ClusterSection(kind=kind, tls_files=files)) as connection:
            assert connection.client.scheduler.address.startswith("tls://127.0.0.1")
            assert connection.size() == Size(2, 2, gpu=True)
            assert connection.client.submit(sum, [1, 2], resources={"GPU": 1}).result() == 3
    finally:
        call("down", **environ)
    assert not (tmp_path / "dask").exists()


def call(*arguments, **environ):
    path = f"{BIN}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", SCRIPT, *arguments],
        env={**os.environ, "PATH": path, **environ},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
