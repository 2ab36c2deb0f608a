"""The plugin of the scheduler that clears up after those that have gone.

Of a worker: its places at archives, and why it went. Of a run that was killed: what it told workers to look for.
"""

from collections.abc import Mapping
from typing import Any

from distributed import Client, SchedulerPlugin
from tornado.ioloop import PeriodicCallback

from survey_batch.archive.limits import SEMAPHORE_PREFIX
from survey_batch.archive.places import owner_of
from survey_batch.cluster.world_check import NAME

SWEEP_SECONDS = 0.2
"""Time between two looks for places of workers that have gone. A request for a place that a worker made before it
died is still served, and its place is free again after this time."""

REMEMBERED = 1000
"""Workers of which the scheduler remembers why they went."""

DEPARTURES = "survey-batch departures"

SILENT = "worker-ttl-timed-out"
"""Dask's name of the event that workers sent no heartbeat in time."""


SILENCE = "it sent no heartbeat: it hung, or its machine did"
"""Cause of death of a worker that was given up."""


class Departures(SchedulerPlugin):  # type: ignore[misc]
    """Frees the places of workers that have gone, and remembers which of them had fallen silent."""

    name = DEPARTURES
    idempotent = True

    def __init__(self) -> None:
        self.silent: dict[str, None] = {}
        self.sweep: PeriodicCallback | None = None

    async def start(self, scheduler: Any) -> None:
        """Start; called once, on the scheduler."""
        self.scheduler = scheduler
        self.sweep = PeriodicCallback(self.free_places, 1000 * SWEEP_SECONDS)
        self.sweep.start()

    async def close(self) -> None:
        """Stop."""
        if self.sweep is not None:
            self.sweep.stop()

    def log_event(self, topic: str, msg: Any) -> None:
        """Note which workers sent no heartbeat; the scheduler is about to give them up."""
        if topic == "scheduler" and isinstance(msg, dict) and msg.get("action") == SILENT:
            self.silent |= dict.fromkeys(msg["workers"])
            for worker in list(self.silent)[:-REMEMBERED]:
                del self.silent[worker]

    def remove_worker(self, scheduler: Any, worker: str, **_: Any) -> None:  # noqa: ARG002
        """Free a worker's places."""
        self.free_places()

    def remove_client(self, scheduler: Any, client: str) -> None:
        """Have new workers look no more for the world of a run that was killed."""
        for name in [name for name in scheduler.worker_plugins if name.startswith(f"{NAME} {client} ")]:
            del scheduler.worker_plugins[name]

    def free_places(self) -> None:
        """Free the places at archives that are held by no worker of this scheduler."""
        semaphores = self.scheduler.extensions["semaphores"]
        for name, leases in gone_leases(semaphores.leases, self.scheduler.workers):
            for lease in leases:
                semaphores.release(name, lease)


def gone_leases(
    leases: Mapping[str, Mapping[str, float]], workers: Mapping[str, object]
) -> list[tuple[str, list[str]]]:
    """Return, for each of our limits, the leases whose owner is not among the workers."""
    return [
        (name, [lease for lease in held if (owner := owner_of(lease)) and owner not in workers])
        for name, held in leases.items()
        if str(name).startswith(SEMAPHORE_PREFIX)
    ]


def was_silent(client: Client, worker: str) -> bool:
    """Tell whether a worker that has gone had sent no heartbeat."""
    return bool(client.run_on_scheduler(fell_silent, worker=worker))


def fell_silent(dask_scheduler: Any, worker: str) -> bool:
    """Tell, on the scheduler, whether a worker that has gone had sent no heartbeat."""
    departures = dask_scheduler.plugins.get(DEPARTURES)
    return departures is not None and worker in departures.silent
