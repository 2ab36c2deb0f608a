"""What failed on a node goes to the workers of others, and nowhere else as long as one of these is there."""

import math
import time
from collections.abc import Callable, Collection
from typing import Any

from distributed import Future

from survey_batch.cluster.base import Connection
from survey_batch.cluster.lost import LostSchedulerError
from survey_batch.config.job import Job
from survey_batch.core.errors import SurveyBatchError
from survey_batch.core.world import node_of
from survey_batch.execution import shard_task
from survey_batch.execution.chain import Chain
from survey_batch.execution.nodes import Nodes
from survey_batch.monitor.record import Record

SET_ASIDE_ATTEMPTS = 10
"""Attempts to set one shard aside, each on any available worker."""

LOOK_SECONDS = 5.0
"""Time between two looks whether such workers are still there."""


class Elsewhere:
    """Watches over what may be done by some workers alone: Dask would have it wait for them for ever.

    Parameters
    ----------
    connection : Connection
    nodes : Nodes or None
        Knows the nodes; without them, everything may be done by any worker.
    """

    def __init__(self, connection: Connection, nodes: Nodes | None) -> None:
        self.connection, self.client, self.nodes = connection, connection.client, nodes
        self.bound: list[Chain] = []
        self.looked = -math.inf

    def others(self, avoid: Collection[str]) -> list[str]:
        """Return the workers of other nodes than those to avoid; none if there are none to avoid."""
        return self.nodes.others(avoid) if self.nodes is not None and avoid else []

    def note(self, chain: Chain) -> None:
        """Note a chain that was submitted."""
        if chain.workers:
            self.bound.append(chain)

    def check(self) -> None:
        """Cancel the chains whose workers have all gone; called now and then."""
        if not self.bound or time.monotonic() - self.looked < LOOK_SECONDS:
            return
        self.looked = time.monotonic()
        self.bound = [chain for chain in self.bound if chain.futures]  # what is done has none
        for chain in self.bound:
            if self._gone(chain.workers):
                chain.freed = True
                self.client.cancel([future for future in chain.futures if not future.done()])
        self.bound = [chain for chain in self.bound if not chain.freed]

    def done(self, function: Callable[..., Any], *arguments: Any, key: object, avoid: Collection[str]) -> Future | None:
        """Submit a task, and wait for its end; None if the workers that it was for have gone meanwhile."""
        workers = self.others(avoid)
        future = self.client.submit(function, *arguments, key=key, pure=False, workers=workers or None)
        while not self.connection.wait(future, LOOK_SECONDS):
            if workers and self._gone(workers):
                return None
        return future

    def set_aside(self, job: Job, stage: str, chain: Chain, reason: str, run_id: str) -> Record:
        """Have a worker commit a shard as failed; a shard that is still running may kill that worker, too.

        A node where it failed may fail at this as well, and is always free to do so: others are asked first.

        Raises
        ------
        LostSchedulerError
            The scheduler disappeared.
        SurveyBatchError
            No worker could do it.
        """
        avoid, shard, error = chain.avoid, chain.shard, None
        for attempt in range(SET_ASIDE_ATTEMPTS):
            key = ("set-aside", stage, shard.index, attempt, run_id)
            future = self.done(shard_task.set_aside, job, stage, shard, reason, key=key, avoid=avoid)
            if future is None:
                continue
            if future.status == "cancelled":
                raise LostSchedulerError(self.client)
            if future.status == "finished":
                record: Record = future.result()
                return record
            error = future.exception()
            avoid |= {node_of(error)}
        told = f"{type(error).__name__}: {error}" if error is not None else "its workers went away"
        raise SurveyBatchError(
            f"{stage} {shard}: {reason}; it could not be set aside either: {told}. Check the workers' logs, then run "
            "the same command again to continue."
        ) from error

    def _gone(self, workers: Collection[str]) -> bool:
        return not set(workers) & set(self.client.scheduler_info()["workers"])
