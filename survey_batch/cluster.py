"""Where the work runs: processes of this machine, or a scheduler that is already running."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

import dask
from distributed import Client, LocalCluster, WorkerPlugin

from survey_batch.environment import WORKER_ENVIRONMENT
from survey_batch.errors import ConfigurationError
from survey_batch.job import ClusterSection

log = logging.getLogger(__name__)

CONNECT_SECONDS = 20

SCHEDULER_SETTINGS = {
    # Each death of a worker is reported at once; the engine counts them per shard, and says so.
    "distributed.scheduler.allowed-failures": 0,
    # A worker holds only what it is working on, so that its death blames no other shard.
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.worker.daemon": True,
    "distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT,
}


class QuietRetries(WorkerPlugin):  # type: ignore[misc]
    """Keeps stamina from announcing each retry on the workers' standard error; the downloader counts them."""

    name = "survey-batch quiet retries"

    def setup(self, worker: Any) -> None:  # noqa: ARG002
        """Be called on each worker, also on those that come later."""
        logging.getLogger("stamina").setLevel(logging.ERROR)


@contextmanager
def connect(section: ClusterSection) -> Iterator[Client]:
    """Open a client on the job's cluster; a local cluster ends with it.

    Raises
    ------
    ConfigurationError
        `cluster.kind` is unknown, or no scheduler answers there, or it has no workers.
    """
    if section.kind == "local":
        with _local(section) as client:
            yield client
    elif "://" in section.kind:
        with _running(section.kind) as client:
            yield client
    else:
        raise ConfigurationError(
            f'cluster.kind = {section.kind!r} is not known; use "local", or the address of a running '
            'scheduler such as "tcp://host:8786"'
        )


def worker_count(section: ClusterSection) -> int:
    """Workers of a local cluster: as asked, or one per core that this process may use."""
    return section.workers or len(os.sched_getaffinity(0))


@contextmanager
def _local(section: ClusterSection) -> Iterator[Client]:
    with (
        dask.config.set(SCHEDULER_SETTINGS),
        _start_local(section) as cluster,
        Client(cluster, set_as_default=False) as client,
        client.as_current(),
    ):
        client.register_plugin(QuietRetries())
        log.info("Dask dashboard: %s", client.dashboard_link, extra={"event": "cluster"})
        yield client


def _start_local(section: ClusterSection) -> LocalCluster:
    with _interrupts_held():
        return LocalCluster(
            n_workers=worker_count(section),
            threads_per_worker=section.threads,
            processes=True,
            memory_limit=section.memory,
            host="127.0.0.1",
            dashboard_address=section.dashboard,
            silence_logs=logging.CRITICAL,
        )


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back: this thread sees it afterwards; threads and processes that start meanwhile never do.

    A terminal interrupts the workers too, which would die with a traceback before the client can end them.
    """
    resource_tracker.ensure_running()  # started later, it would end the block for the threads of the cluster
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _running(address: str) -> Iterator[Client]:
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"no Dask scheduler answers at {address} (cluster.kind): {error}") from error
    with client, client.as_current():
        _wait_for_a_worker(client, address)
        client.register_plugin(QuietRetries())
        log.info("joined the scheduler at %s", address, extra={"event": "cluster"})
        yield client


def _wait_for_a_worker(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except TimeoutError as error:
        raise ConfigurationError(
            f"the scheduler at {address} (cluster.kind) has no workers, and none came within {CONNECT_SECONDS} s; "
            f"start some: dask worker {address} --nthreads 1"
        ) from error
