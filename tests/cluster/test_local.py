"""Workers of this machine."""

import asyncio
import multiprocessing
import os
import sys
from urllib.parse import urlsplit

import distributed
import psutil
import pytest
from distributed import Security

from survey_batch.cluster import connect
from survey_batch.cluster.base import Size
from survey_batch.cluster.local import GONE_SECONDS, LostWorkers
from survey_batch.config.job import ClusterSection
from survey_batch.core.environment import WORKER_ENVIRONMENT
from survey_batch.core.errors import ConfigurationError, SurveyBatchError
from tests.patience import PATIENCE


def test_a_local_cluster_listens_on_loopback_alone_and_lets_in_only_who_has_its_certificate():
    with connect(ClusterSection(workers=1, memory="1 GB")) as connection:
        client = connection.client
        info = client.scheduler_info()
        addresses = [info["address"], *info["workers"], *(worker["nanny"] for worker in info["workers"].values())]
        assert all(address.startswith("tls://127.0.0.1:") for address in addresses)
        for address in addresses[:2]:
            for other, security in ((address.replace("tls:", "tcp:"), None), (address, Security.temporary())):
                with pytest.raises(OSError):  # noqa: PT011 - Dask's own errors for refused connections
                    asyncio.run(_ask(other, security))
        me, port = psutil.Process(), urlsplit(client.dashboard_link).port
        processes = [me, *me.children(recursive=True)]
        listening = [at.laddr for one in processes for at in one.net_connections() if at.status == "LISTEN"]
        assert {at.ip for at in listening} == {"127.0.0.1"}
        assert port in {at.port for at in listening}
        secret = client.security.tls_client_key.splitlines()[1]
        for process in processes:  # what all users of a machine can see of others' processes
            assert not any(secret in word for word in process.cmdline())


async def _ask(address, security):
    """Connect and ask something, as any user of this machine could."""
    arguments = (security or Security()).get_connection_args("client")
    comm = await distributed.comm.connect(address, timeout=3, **arguments)
    try:
        await comm.write({"op": "identity"})
        await comm.read()
    finally:
        await comm.close()


def test_the_environment_of_workers_is_theirs_alone():
    before = dict(os.environ)
    with connect(ClusterSection(workers=1)) as connection:
        assert dict(os.environ) == before
        (theirs,) = connection.client.run(lambda: dict(os.environ)).values()
        assert theirs.items() >= WORKER_ENVIRONMENT.items()
        connection.client.restart_workers(list(connection.client.scheduler_info()["workers"]), timeout=60)
        (theirs,) = connection.client.run(lambda: dict(os.environ)).values()
        assert theirs.items() >= WORKER_ENVIRONMENT.items()
    assert dict(os.environ) == before


def test_local_workers_see_the_environment_of_now_and_no_library_of_machine_learning(monkeypatch):
    for value in ("before", "now"):
        monkeypatch.setenv("SURVEY_BATCH_TEST", value)
        with connect(ClusterSection(workers=1, memory="1 GB")) as connection:
            (seen,) = connection.client.run(lambda: (os.environ["SURVEY_BATCH_TEST"], set(sys.modules))).values()
            assert seen[0] == value
            assert not {"tensorflow", "keras", "sklearn", "torch", "jax", "bokeh", "pandas"} & seen[1]
            assert {"scipy.linalg", "survey_batch.stages.spectral_features"} < seen[1]  # before it began


def test_a_machine_whose_workers_stay_away_ends_the_run(monkeypatch):
    clock, workers = [0.0], {}
    monkeypatch.setattr("survey_batch.cluster.local.time.monotonic", lambda: clock[0])
    watch = LostWorkers(workers)
    clock[0] = GONE_SECONDS - 1
    watch.check()
    workers["one"] = "alive"
    watch.check()
    workers.clear()
    clock[0] += GONE_SECONDS
    watch.check()
    clock[0] += 1
    with pytest.raises(SurveyBatchError, match="no worker of this machine has been alive for 300 s"):
        watch.check()


@pytest.mark.slow
def test_other_workers_take_over_on_the_same_scheduler():
    with connect(ClusterSection(workers=2, memory="1 GB")) as connection:
        client, asked = connection.client, ClusterSection(workers=1, threads=3, memory="2 GB", gres="gpu:1")
        before, dashboard = set(client.scheduler_info()["workers"]), client.dashboard_link
        connection.change(asked)
        client.wait_for_workers(1, timeout=PATIENCE)
        ((address, worker),) = client.scheduler_info()["workers"].items()
        assert address not in before
        assert (worker["nthreads"], worker["memory_limit"], worker["resources"]) == (3, 2_000_000_000, {"GPU": 1})
        assert connection.size() == Size(1, 3, gpu=True)
        assert client.dashboard_link == dashboard
        assert client.submit(lambda: "done", resources={"GPU": 1}).result(timeout=PATIENCE) == "done"


def test_a_daemonic_process_which_may_not_start_workers_is_told_so(monkeypatch):
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)
    with pytest.raises(ConfigurationError, match=r"forbids in a daemonic process.*use .*ProcessPoolExecutor"):
        connect(ClusterSection(workers=1)).__enter__()
