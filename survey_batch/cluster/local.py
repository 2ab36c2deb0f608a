"""Workers as processes of this machine."""

import logging
import multiprocessing
import os
import time
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from typing import Any

import dask
from distributed import LocalCluster

from survey_batch.cluster.base import SCHEDULER_SETTINGS, Connection, Size, client_of
from survey_batch.cluster.credentials import credentials, dashboard_settings
from survey_batch.cluster.dashboard import WITHOUT_PAGES
from survey_batch.cluster.forkserver import begin_as_copies, own_environment, script_left_alone
from survey_batch.cluster.kind import worker_count
from survey_batch.config.job import ClusterSection
from survey_batch.core import interrupt
from survey_batch.core.environment import WORKER_ENVIRONMENT
from survey_batch.core.errors import ConfigurationError, SurveyBatchError
from survey_batch.core.steps import step

log = logging.getLogger(__name__)

GONE_SECONDS = 300.0
"""Time without any worker after which a run ends; a worker restarts within seconds."""


@contextmanager
def local_cluster(section: ClusterSection) -> Iterator[Connection]:
    """Start workers on this machine; they end with the `with` block.

    Raises
    ------
    ConfigurationError
        This process may not start others.
    """
    if multiprocessing.current_process().daemon:  # Dask would say "Nanny failed to start"
        raise ConfigurationError(
            "a run starts worker processes, which Python forbids in a daemonic process, such as one of "
            "multiprocessing.Pool: use concurrent.futures.ProcessPoolExecutor instead"
        )
    with (
        dask.config.set(SCHEDULER_SETTINGS | dashboard_settings(section) | begin_as_copies()),
        script_left_alone(),
        own_environment(),  # a worker that starts again later sets it too
        _started(section) as cluster,
        client_of(cluster) as client,
    ):
        log.info("Dask dashboard: %s", client.dashboard_link, extra={"event": "cluster"})
        workers = LocalWorkers(cluster, section)
        lost = LostWorkers(cluster.scheduler.workers)
        yield Connection(client, client.dashboard_link, workers.size, lost.check, workers.change)


class LocalWorkers:
    """The workers of a cluster on this machine, which are those of one table at a time."""

    def __init__(self, cluster: LocalCluster, section: ClusterSection) -> None:
        self.cluster, self.section = cluster, section

    def size(self) -> Size:
        """Return the size of the cluster."""
        workers = worker_count(self.section)
        return Size(workers, workers * self.section.threads, self.section.wants_gpu)

    def change(self, section: ClusterSection) -> None:
        """End all workers, and start those of another table."""
        step("changing the workers")
        self.section, cluster = section, self.cluster
        cluster.scale(0)
        cluster.sync(_settled, cluster)
        options = cluster.new_spec["options"]
        cluster.new_spec = {**cluster.new_spec, "options": {**options, **_worker_options(section)}}
        with interrupt.kept_from_children(), own_environment():
            cluster.scale(worker_count(section))
            cluster.sync(_settled, cluster)


async def _settled(cluster: LocalCluster) -> None:
    """Wait until the workers are those that `scale` asked for."""
    await cluster


def _worker_options(section: ClusterSection) -> dict[str, Any]:
    """Return what differs between the workers of two tables, as `Nanny` takes it."""
    return {
        "nthreads": section.threads,
        "memory_limit": section.memory,
        "resources": {"GPU": 1} if section.wants_gpu else None,
    }


class LostWorkers:
    """Check whether all workers of this machine are gone and do not come back."""

    def __init__(self, workers: Sized) -> None:
        self.workers, self.seen = workers, time.monotonic()

    def check(self) -> None:
        """Raise an error if no worker was alive for `GONE_SECONDS`; called now and then."""
        if self.workers:
            self.seen = time.monotonic()
        elif time.monotonic() - self.seen > GONE_SECONDS:
            raise SurveyBatchError(
                f"no worker of this machine has been alive for {GONE_SECONDS:.0f} s; the run's log says what happened "
                "to them. Finished work is kept: run the same command again to continue."
            )


@contextmanager
def _started(section: ClusterSection) -> Iterator[LocalCluster]:
    cluster = None
    try:
        # Ctrl-C comes at the end of this, when there is a cluster to close.
        with interrupt.kept_from_children(), own_environment():
            cluster = _make(section)
        yield cluster
    finally:
        if cluster is not None:
            cluster.close()


def _make(section: ClusterSection) -> LocalCluster:
    return LocalCluster(
        n_workers=worker_count(section),
        threads_per_worker=section.threads,
        processes=True,
        memory_limit=section.memory,
        resources=_worker_options(section)["resources"],
        host="127.0.0.1",
        security=credentials(),
        # The current environment: the process that workers are copies of may have started with another one.
        # Variables that affect results override the user's.
        env={**os.environ, **WORKER_ENVIRONMENT},
        dashboard_address=section.dashboard,
        scheduler_kwargs=WITHOUT_PAGES,
        silence_logs=logging.CRITICAL,
    )
