"""Common parts of all clusters: a client, the cluster's size, and the check whether it gave up."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from distributed import Client, Future, SchedulerPlugin, WorkerPlugin, wait

from survey_batch.cluster.dashboard import await_dashboard
from survey_batch.cluster.departures import SILENCE, Departures, was_silent
from survey_batch.config.sections.cluster import ClusterSection
from survey_batch.core import interrupt
from survey_batch.core.environment import PROFILER_CAN_HANG, WORKER_ENVIRONMENT, WORKER_SETTINGS

log = logging.getLogger(__name__)

SCHEDULER_SETTINGS = {
    # Each worker's death is reported at once; the engine counts and reports deaths per shard.
    "distributed.scheduler.allowed-failures": 0,
    # A worker holds only what it is working on, so that its death blames few other shards.
    "distributed.scheduler.worker-saturation": 1.0,
    # After this time a LocalCluster gives up a dead worker for ever, even one that was restarted and died again in the
    # meantime. The worker's nanny knows better.
    "distributed.deploy.lost-worker-timeout": "10000 h",
    # A worker that hangs or whose machine froze sends no heartbeat. Dask looks once in this time and allows as much, so
    # that it is given up after 20 to 40 s. Dask's default is five minutes.
    "distributed.scheduler.worker-ttl": "20s",
    "distributed.worker.daemon": True,
    "distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT,
    **WORKER_SETTINGS,
}

REGISTRATIONS = 3
"""Maximum number of attempts to register a plugin."""

LOOK_SECONDS = 0.2
"""Time between two checks whether the cluster gave up."""

MORE_MEMORY = "raise cluster.memory, or lower shards.objects (in a new output)"

MEMORY_FIRST = f"{MORE_MEMORY}; if memory was not short, the cause may be in {{logs}}"
"""What to do where workers have died so often that a shard is set aside, and nobody says of what."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """The size of a cluster.

    Attributes
    ----------
    workers : int
        Worker processes, once all have started.
    slots : int
        Tasks that they do at a time.
    gpu : bool
        Whether each worker has one resource `GPU`.
    """

    workers: int
    slots: int
    gpu: bool = False


@dataclass(frozen=True)
class Death:
    """What is known of the death of a worker.

    Attributes
    ----------
    guilty : bool or None
        Whether its work may have killed it; None as long as that is not known.
    told : str
        Why it died, for a person; "" if there is no more to say than that it died.
    advice : str
        What to change if its work was at fault; "" if that is not known.
    """

    guilty: bool | None = True
    told: str = ""
    advice: str = ""


def _as_it_is(section: ClusterSection) -> None:
    """Leave the workers as they are: somebody else started them."""


@dataclass(frozen=True)
class Connection:
    """A connection to a running cluster.

    Attributes
    ----------
    client : distributed.Client
    dashboard : str
        Address of the dashboard, and how to see it from elsewhere.
    size : callable
        Returns the cluster's `Size`, which may change if others start the workers.
    check : callable
        Raises an error if the cluster gave up; called now and then.
    change : callable
        Ends the workers and starts those of another table, on the same scheduler; it need not wait for them. By
        default the workers stay as they are.
    death_of : callable
        Returns the `Death` of a worker, by its name and its address. By default its work may be at fault.
    exclude : callable, optional
        Takes the name of a node that gets no more workers; None if the cluster does not start workers itself.
    """

    client: Client
    dashboard: str
    size: Callable[[], Size]
    check: Callable[[], None] = lambda: None
    change: Callable[[ClusterSection], None] = _as_it_is
    death_of: Callable[[str, str], Death] = lambda _name, _address: Death()
    exclude: Callable[[str], None] | None = None

    def why_died(self, worker: str, address: str) -> Death:
        """Return what is known of a worker's death, by its name and address: from the cluster, and from its silence."""
        death = self.death_of(worker, address)
        return replace(death, told=SILENCE) if death.guilty and was_silent(self.client, address) else death

    def wait(self, future: Future, seconds: float = math.inf) -> bool:
        """Wait for a task until the cluster or the user gives up; tell whether it finished in time."""
        deadline = time.monotonic() + seconds
        while not future.done() and time.monotonic() < deadline:
            with suppress(TimeoutError):
                wait([future], timeout=LOOK_SECONDS)
            self._heed()
        return bool(future.done())

    def pause(self) -> None:
        """Wait a moment, unless the cluster or the user gives up."""
        time.sleep(LOOK_SECONDS)
        self._heed()

    def _heed(self) -> None:
        self.check()
        interrupt.check()


def register(client: Client, plugin: WorkerPlugin | SchedulerPlugin) -> None:
    """Register a plugin; try again if a worker dies in the meantime.

    Raises
    ------
    OSError
        The scheduler is gone.
    """
    for left in reversed(range(REGISTRATIONS)):
        try:
            client.register_plugin(plugin)
        except OSError:  # includes Dask's CommClosedError
            if not left or client.status != "running":
                raise
            time.sleep(1)
        else:
            return


@contextmanager
def client_of(cluster: Any) -> Iterator[Client]:
    """Open a client of a cluster that was started for a run; it closes with the `with` block."""
    await_dashboard(cluster)
    with Client(cluster, set_as_default=False) as client, client.as_current():
        prepare(client)
        yield client


def prepare(client: Client) -> None:
    """Register what every run needs on its scheduler and on all workers, those that join later included."""
    for plugin in (Departures(), QuietRetries(), NoProfiler()):
        register(client, plugin)


class QuietRetries(WorkerPlugin):  # type: ignore[misc]
    """Plugin that stops stamina from printing each retry on the workers' standard error; the downloader counts them."""

    name = "survey-batch quiet retries"

    def setup(self, worker: Any) -> None:  # noqa: ARG002
        """Run on each worker, including workers that join later."""
        logging.getLogger("stamina").setLevel(logging.ERROR)


class NoProfiler(WorkerPlugin):  # type: ignore[misc]
    """Plugin that ends Dask's sampling profiler where it can stand still for ever, on workers that others started.

    Our own workers begin without it (`WORKER_SETTINGS`).
    """

    name = "survey-batch no profiler"

    def setup(self, worker: Any) -> None:
        """Run on each worker; it may not have begun to sample yet, so the profiler is also taken from its list."""
        if PROFILER_CAN_HANG and (profiler := worker.periodic_callbacks.pop("profile", None)) is not None:
            profiler.stop()
