"""Workers as processes of this machine."""

import logging
import os
import time
from collections.abc import Iterator, Sized
from contextlib import contextmanager

import dask
from distributed import LocalCluster

from survey_batch.cluster.base import SCHEDULER_SETTINGS, Connection, Size, client_of
from survey_batch.cluster.credentials import credentials, dashboard_settings
from survey_batch.cluster.forkserver import begin_as_copies, script_left_alone
from survey_batch.cluster.kind import worker_count
from survey_batch.config.job import ClusterSection
from survey_batch.core import interrupt
from survey_batch.core.environment import WORKER_ENVIRONMENT
from survey_batch.core.errors import SurveyBatchError

log = logging.getLogger(__name__)

GONE_SECONDS = 300.0
"""Time without any worker after which a run ends; a worker restarts within seconds."""


@contextmanager
def local_cluster(section: ClusterSection) -> Iterator[Connection]:
    """Start workers on this machine; they end with the `with` block."""
    with (
        dask.config.set(SCHEDULER_SETTINGS | dashboard_settings(section) | begin_as_copies()),
        script_left_alone(),
        _started(section) as cluster,
        client_of(cluster) as client,
    ):
        log.info("Dask dashboard: %s", client.dashboard_link, extra={"event": "cluster"})
        workers = worker_count(section)
        size = Size(workers, workers * section.threads, section.wants_gpu)
        yield Connection(client, client.dashboard_link, lambda: size, LostWorkers(cluster.scheduler.workers).check)


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
        with interrupt.kept_from_children():  # Ctrl-C comes at its end, when there is a cluster to close
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
        resources={"GPU": 1} if section.wants_gpu else None,
        host="127.0.0.1",
        security=credentials(),
        # The current environment: the process that workers are copies of may have started with another one.
        # Variables that affect results override the user's.
        env={**os.environ, **WORKER_ENVIRONMENT},
        dashboard_address=section.dashboard,
        silence_logs=logging.CRITICAL,
    )
