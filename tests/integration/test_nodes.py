"""Bad nodes: a worker that sees another world than the rest is found out, and the run ends as if it had not been."""

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest
from distributed import Client, LocalCluster

from survey_batch.core.errors import ConfigurationError
from survey_batch.execution import nodes
from survey_batch.execution.runner import run
from tests.compare import assert_equal_products
from tests.jobs import lamost_job
from tests.lamost_files import make_archive
from tests.patience import PATIENCE

OBJECTS = 48

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("needs root, to hide folders from single processes")
    return make_archive(tmp_path_factory.mktemp("archive"), OBJECTS)


@contextmanager
def worker(address, node, hidden=None):
    """Start a worker that takes itself for another machine, on which a folder is hidden behind an empty one."""
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads=1", "--no-dashboard"]
    if hidden is not None:
        command = ["unshare", "-m", "bash", "-c", f'mount -t tmpfs none "{hidden}"; exec "$@"', "-", *command]
    started = subprocess.Popen(command, env={**os.environ, "SLURMD_NODENAME": node})
    try:
        yield
    finally:
        started.terminate()
        started.wait(PATIENCE)


@contextmanager
def cluster_of(keys, output, *, bad_first=False):
    """A scheduler with a good worker and one that does not see `hidden`; either comes first."""
    with LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None) as cluster, Client(cluster) as client:
        good, bad = worker(cluster.scheduler_address, "good"), worker(cluster.scheduler_address, "bad", hidden=output)
        first, second = (bad, good) if bad_first else (good, bad)
        with first:
            client.wait_for_workers(1, timeout=PATIENCE)
            with second:
                client.wait_for_workers(2, timeout=PATIENCE)
                yield client


def job_of(keys, output):
    grid = {"wavelength_min": 4000, "wavelength_max": 4100}
    return lamost_job(keys, output, ["spectra"], spectra=grid, shards={"objects": 4})


@pytest.fixture(scope="module")
def undisturbed(keys, tmp_path_factory):
    job = job_of(keys, tmp_path_factory.mktemp("undisturbed"))
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        assert run(job, client=client).counts == {"ok": OBJECTS}
    return job.output


@pytest.mark.parametrize("client_sees_it", [True, False])
def test_a_node_without_the_archive_decides_nothing(keys, tmp_path, undisturbed, client_sees_it, monkeypatch, capsys):
    if not client_sees_it:
        monkeypatch.setattr(nodes, "landmarks_in", lambda _: ())
    job = job_of(keys, tmp_path / "out")
    with cluster_of(keys, job.archive.root) as client:
        assert run(job, client=client).counts == {"ok": OBJECTS}
    assert_equal_products(job.output, undisturbed, "spectra")
    (told,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("node bad")]
    assert "does not see the archive" in told or "is an empty folder here" in told
    assert "left out of this run" in told


def test_a_node_without_the_output_does_nothing(keys, tmp_path, undisturbed, capsys):
    job = job_of(keys, tmp_path / "out")
    (tmp_path / "out").mkdir()
    with cluster_of(keys, job.output, bad_first=True) as client:
        assert run(job, client=client).counts == {"ok": OBJECTS}
    assert_equal_products(job.output, undisturbed, "spectra")
    assert "node bad does not see the run's output" in capsys.readouterr().err


def test_where_no_node_sees_the_output_the_run_is_refused_and_no_worker_is_sent_away(keys, tmp_path):
    job = job_of(keys, tmp_path / "out")
    (tmp_path / "out").mkdir()
    with (
        LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None) as cluster,
        Client(cluster) as client,
        worker(cluster.scheduler_address, "bad", hidden=job.output),
    ):
        client.wait_for_workers(1, timeout=PATIENCE)
        with pytest.raises(ConfigurationError, match="no worker sees what this process sees: node bad"):
            run(job, client=client)
        assert len(client.scheduler_info()["workers"]) == 1
