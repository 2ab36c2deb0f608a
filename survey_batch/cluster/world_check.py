"""The plugin by which a worker finds out that it sees another world than the rest, reports it, and leaves."""

import asyncio
import logging
import time
from typing import Any

from distributed import WorkerPlugin
from distributed.core import Status

from survey_batch.cluster.drain import drain
from survey_batch.core.world import CLOCK_SECONDS, PATIENCE_SECONDS, World, expect, forget, node_name

log = logging.getLogger(__name__)

NAME = "survey-batch world"
"""Beginning of the plugin's name."""

LOOK_SECONDS = 2 * PATIENCE_SECONDS
"""Time after which a look at a file system that does not answer has failed."""

LEAVE_SECONDS = 60.0
"""Time in which a worker that leaves finishes what it is doing."""


def topic_of(world: World) -> str:
    """Return the topic of the event that a worker logs on the scheduler before it leaves a run."""
    return f"survey-batch strange node {world.token}"


class WorldCheck(WorkerPlugin):  # type: ignore[misc]
    """Compares what a worker sees with what the client saw, before the worker gets its first task.

    Parameters
    ----------
    world
        What each worker must see.
    client
        Id of the run's client. The plugin is named after it, so that it goes with it (`cluster/departures.py`), and
        that of another run on the same scheduler stays.
    """

    def __init__(self, world: World, client: str) -> None:
        self.world, self.name = world, f"{NAME} {client} {world.token}"

    async def setup(self, worker: Any) -> None:
        """Look, on a worker that joins and on those that are there."""
        expect(self.world)
        if fault := await self._fault(worker):
            log.warning("node %s %s: leaving the run", node_name(), fault)
            worker.log_event(topic_of(self.world), {"node": node_name(), "fault": fault})
            leave(worker)

    def teardown(self, worker: Any) -> None:  # noqa: ARG002
        """Expect nothing any more."""
        forget(self.world)

    async def _fault(self, worker: Any) -> str:
        if abs(delay := getattr(worker, "scheduler_delay", 0.0)) > CLOCK_SECONDS:
            return f"has a clock that is {abs(delay):,.0f} s {'behind' if delay > 0 else 'ahead'}"
        try:
            return await asyncio.wait_for(asyncio.to_thread(self.world.fault), LOOK_SECONDS)
        except TimeoutError:
            return f"got no answer from the file system of {self.world.marker} or of the archive"


def leave(dask_worker: Any) -> None:
    """Have a worker take no more tasks, finish those it has begun, and close.

    If it were closed at once, what it is still writing could replace what another worker has written in its place.
    """
    if dask_worker.status == Status.running:
        dask_worker.status = Status.closing_gracefully
        dask_worker.loop.add_callback(drain, dask_worker, time.time() + LEAVE_SECONDS)
