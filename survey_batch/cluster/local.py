"""Workers as processes of this machine."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

import dask
from distributed import Client, LocalCluster

from survey_batch.cluster.base import SCHEDULER_SETTINGS, Connection, QuietRetries, register
from survey_batch.job import ClusterSection

log = logging.getLogger(__name__)


def worker_count(section: ClusterSection) -> int:
    """Workers of a local cluster: as asked, or one for the GPU, or else one per core that this process may use."""
    return section.workers or (1 if section.wants_gpu else len(os.sched_getaffinity(0)))


@contextmanager
def local_cluster(section: ClusterSection) -> Iterator[Connection]:
    """Start workers here; they end with the block."""
    with (
        dask.config.set(SCHEDULER_SETTINGS),
        _start(section) as cluster,
        Client(cluster, set_as_default=False) as client,
        client.as_current(),
    ):
        register(client, QuietRetries())
        log.info("Dask dashboard: %s", client.dashboard_link, extra={"event": "cluster"})
        slots = worker_count(section) * section.threads
        yield Connection(client, slots, client.dashboard_link, section.wants_gpu)


def _start(section: ClusterSection) -> LocalCluster:
    with interrupts_held():
        return LocalCluster(
            n_workers=worker_count(section),
            threads_per_worker=section.threads,
            processes=True,
            memory_limit=section.memory,
            resources={"GPU": 1} if section.wants_gpu else None,
            host="127.0.0.1",
            dashboard_address=section.dashboard,
            silence_logs=logging.CRITICAL,
        )


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back: this thread sees it afterwards; threads and processes that start meanwhile never do.

    A terminal interrupts the workers too, which would die with a traceback before the client can end them.
    """
    resource_tracker.ensure_running()  # started later, it would end the block for the threads of the cluster
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
