"""What all clusters have in common: a client, how much they can do at a time, and how they say that they gave up."""

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from distributed import Client, Future, SchedulerPlugin, WorkerPlugin, wait

from survey_batch.core import interrupt
from survey_batch.core.environment import WORKER_ENVIRONMENT, WORKER_SETTINGS

SCHEDULER_SETTINGS = {
    # Each death of a worker is reported at once; the engine counts them per shard, and says so.
    "distributed.scheduler.allowed-failures": 0,
    # A worker holds only what it is working on, so that its death blames few other shards.
    "distributed.scheduler.worker-saturation": 1.0,
    # Dask keeps the last 1,000 messages to each worker, each with the whole job: 8 kB for every task that was done.
    "distributed.admin.low-level-log-length": 20,
    # After this time a LocalCluster gives a dead worker up for ever, also one that was started again and died again
    # meanwhile: its nanny knows better.
    "distributed.deploy.lost-worker-timeout": "10000 h",
    "distributed.worker.daemon": True,
    "distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT,
    **WORKER_SETTINGS,
}

REGISTRATIONS = 3
"""Times that a plugin is registered at most."""

LOOK_SECONDS = 0.2
"""Between two looks at whether the cluster gave up."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """How much a cluster does at a time.

    Attributes
    ----------
    workers : int
        Worker processes, once all are there.
    slots : int
        Tasks that they will do at a time.
    gpu : bool
        Whether they have the resource `GPU`, one each.
    """

    workers: int
    slots: int
    gpu: bool = False


@dataclass(frozen=True)
class Connection:
    """A cluster at work.

    Attributes
    ----------
    client : distributed.Client
    dashboard : str
        Where the dashboard is, and how to see it from elsewhere.
    size : callable
        Returns its `Size`, which may change where others start the workers.
    check : callable
        Raises what made the cluster give up; called now and then.
    """

    client: Client
    dashboard: str
    size: Callable[[], Size]
    check: Callable[[], None] = lambda: None

    def wait(self, future: Future, seconds: float = math.inf) -> bool:
        """Wait for a task, unless the cluster gives up or the user does; tell whether it is done in that time."""
        deadline = time.monotonic() + seconds
        while not future.done() and time.monotonic() < deadline:
            with suppress(TimeoutError):
                wait([future], timeout=LOOK_SECONDS)
            self.check()
            interrupt.check()
        return bool(future.done())


def register(client: Client, plugin: WorkerPlugin | SchedulerPlugin) -> None:
    """Register a plugin; where a worker dies in the middle of it, again.

    Raises
    ------
    OSError
        The scheduler is gone.
    """
    for left in reversed(range(REGISTRATIONS)):
        try:
            client.register_plugin(plugin)
        except OSError:  # of which Dask's CommClosedError is one
            if not left or client.status != "running":
                raise
            time.sleep(1)
        else:
            return


class QuietRetries(WorkerPlugin):  # type: ignore[misc]
    """Keeps stamina from announcing each retry on the workers' standard error; the downloader counts them."""

    name = "survey-batch quiet retries"

    def setup(self, worker: Any) -> None:  # noqa: ARG002
        """Be called on each worker, also on those that come later."""
        logging.getLogger("stamina").setLevel(logging.ERROR)
