"""`survey_batch.cluster.departures`: what a worker held is free as soon as it has gone, and why it went is known."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import dask
import pytest
from distributed import Client, KilledWorker, LocalCluster

from survey_batch.archive.limits import SEMAPHORE_PREFIX, run_wide_limiter
from survey_batch.cluster.base import SCHEDULER_SETTINGS, register
from survey_batch.cluster.departures import DEPARTURES, SILENT, Departures, fell_silent, gone_leases
from survey_batch.cluster.world_check import WorldCheck
from survey_batch.core.world import World
from tests.patience import PATIENCE

LEASES = {
    # So long that a place which comes back was freed by the plugin, not by Dask.
    "distributed.scheduler.locks.lease-timeout": "1h",
    "distributed.scheduler.allowed-failures": 0,
}
OURS = f"{SEMAPHORE_PREFIX}archive 4"


def test_only_leases_of_ours_whose_worker_has_gone_are_freed():
    leases = {OURS: {"tcp://a:1#x": 0.0, "tcp://b:2#y": 0.0, "without-owner": 0.0}, "theirs": {"tcp://a:1#z": 0.0}}
    assert gone_leases(leases, {"tcp://b:2": object()}) == [(OURS, ["tcp://a:1#x"])]


def test_workers_that_sent_no_heartbeat_are_remembered():
    departures = Departures()
    departures.log_event("scheduler", {"action": SILENT, "workers": ["tcp://a:1"]})
    departures.log_event("scheduler", {"action": "remove-worker", "worker": "tcp://b:2"})
    departures.log_event("all", "text")
    scheduler = SimpleNamespace(plugins={DEPARTURES: departures})
    assert fell_silent(scheduler, "tcp://a:1")
    assert not fell_silent(scheduler, "tcp://b:2")
    assert not fell_silent(SimpleNamespace(plugins={}), "tcp://a:1")


def test_workers_look_no_more_for_the_world_of_a_client_that_has_gone():
    names = [WorldCheck(World("", token), client).name for client, token in (("a", "1"), ("a", "2"), ("ab", "3"))]
    scheduler = SimpleNamespace(worker_plugins=dict.fromkeys(["another", *names]))
    Departures().remove_client(scheduler, "a")
    assert list(scheduler.worker_plugins) == ["another", names[2]]


def hold(name, places):
    with run_wide_limiter(name, places)():
        threading.Event().wait()


def ask_and_die(name, places):
    """Wait for a place on many threads, and kill the process meanwhile."""
    for _ in range(12):
        threading.Thread(target=run_wide_limiter(name, places)().acquire, daemon=True).start()
    threading.Event().wait(0.5)
    os.kill(os.getpid(), signal.SIGKILL)


def take_all(name, places):
    with ThreadPoolExecutor(places) as pool:
        one = run_wide_limiter(name, places)()
        return all(pool.map(lambda _: one.acquire(timeout=f"{PATIENCE}s"), range(places)))


def held(dask_scheduler):
    return len(dask_scheduler.extensions["semaphores"].leases[f"{SEMAPHORE_PREFIX}doomed 2"])


@pytest.mark.slow
def test_the_places_and_requests_of_a_killed_worker_are_free_at_once():
    with (
        dask.config.set(LEASES),
        LocalCluster(n_workers=3, threads_per_worker=2, host="127.0.0.1", dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        register(client, Departures())
        holder, asker, survivor = client.scheduler_info(n_workers=-1)["workers"]
        pid = client.run(os.getpid, workers=[holder])[holder]
        tasks = [client.submit(hold, "doomed", 2, workers=[holder], pure=False) for _ in range(2)]
        while client.run_on_scheduler(held) < 2:
            threading.Event().wait(0.05)
        tasks.append(client.submit(ask_and_die, "doomed", 2, workers=[asker], pure=False))
        threading.Event().wait(1.5)
        os.kill(pid, signal.SIGKILL)
        assert client.submit(take_all, "doomed", 2, workers=[survivor], pure=False).result(timeout=PATIENCE)


def hang():
    """Stop this process, as a deadlock does that holds Python's interpreter lock."""
    os.kill(os.getpid(), signal.SIGSTOP)


@pytest.mark.slow
def test_a_worker_that_hangs_is_given_up_and_called_silent():
    with (
        dask.config.set(SCHEDULER_SETTINGS),
        LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        register(client, Departures())
        hung = client.submit(hang, pure=False)
        with pytest.raises(KilledWorker) as killed:
            hung.result(timeout=PATIENCE)
        assert client.run_on_scheduler(fell_silent, worker=killed.value.last_worker.address)
