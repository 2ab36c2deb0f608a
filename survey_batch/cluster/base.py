"""Common parts of all clusters: a client, the cluster's size, and the check whether it gave up."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Client, Future, SchedulerPlugin, WorkerPlugin, wait

from survey_batch.cluster.departures import Departures
from survey_batch.core import interrupt
from survey_batch.core.environment import WORKER_ENVIRONMENT, WORKER_SETTINGS
from survey_batch.core.paths import is_url

log = logging.getLogger(__name__)

SCHEDULER_SETTINGS = {
    # Each worker's death is reported at once; the engine counts and reports deaths per shard.
    "distributed.scheduler.allowed-failures": 0,
    # A worker holds only what it is working on, so that its death blames few other shards.
    "distributed.scheduler.worker-saturation": 1.0,
    # Dask keeps the last 1,000 messages to each worker, each with the whole job: 8 kB for every task that was done.
    "distributed.admin.low-level-log-length": 20,
    # After this time a LocalCluster gives up a dead worker for ever, even one that was restarted and died again in the
    # meantime. The worker's nanny knows better.
    "distributed.deploy.lost-worker-timeout": "10000 h",
    # A worker that hangs or whose machine froze sends no heartbeat. Dask looks once in this time and allows as much, so
    # that it is given up after 20 to 40 s. Dask's default is five minutes.
    "distributed.scheduler.worker-ttl": "20 s",
    "distributed.worker.daemon": True,
    "distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT,
    **WORKER_SETTINGS,
}

REGISTRATIONS = 3
"""Maximum number of attempts to register a plugin."""

LOOK_SECONDS = 0.2
"""Time between two checks whether the cluster gave up."""

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
    exclude : callable, optional
        Takes the name of a node that gets no more workers; None if the cluster does not start workers itself.
    """

    client: Client
    dashboard: str
    size: Callable[[], Size]
    check: Callable[[], None] = lambda: None
    exclude: Callable[[str], None] | None = None

    def wait(self, future: Future, seconds: float = math.inf) -> bool:
        """Wait for a task until the cluster or the user gives up; tell whether it finished in time."""
        deadline = time.monotonic() + seconds
        while not future.done() and time.monotonic() < deadline:
            with suppress(TimeoutError):
                wait([future], timeout=LOOK_SECONDS)
            self.check()
            interrupt.check()
        return bool(future.done())


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


def register_where_possible(client: Client, plugin: SchedulerPlugin) -> None:
    """Register a plugin on a scheduler that may not have this package, or may accept no plugins; the log says so.

    Raises
    ------
    OSError
        The scheduler is gone.
    """
    try:
        register(client, plugin)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the other side raises
        log.warning("the scheduler does not take %s: %s: %s", plugin.name, type(error).__name__, error)


@contextmanager
def client_of(cluster: Any) -> Iterator[Client]:
    """Open a client of a cluster that was started for a run; it closes with the `with` block."""
    with Client(cluster, set_as_default=False) as client, client.as_current():
        register(client, QuietRetries())
        register(client, Departures())
        yield client


class QuietRetries(WorkerPlugin):  # type: ignore[misc]
    """Plugin that stops stamina from printing each retry on the workers' standard error; the downloader counts them."""

    name = "survey-batch quiet retries"

    def setup(self, worker: Any) -> None:  # noqa: ARG002
        """Run on each worker, including workers that join later."""
        logging.getLogger("stamina").setLevel(logging.ERROR)


def job_folder(output: str, kind: str) -> Path:
    """Return a kind's folder for scripts, logs and certificates; all nodes must see it, only the user can read it."""
    folder = Path("survey-batch" if is_url(output) else output).absolute() / "log" / kind
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder
