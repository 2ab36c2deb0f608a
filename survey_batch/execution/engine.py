"""Run shards on a Dask client: a bounded window of small graphs, retries, and poison set aside.

Each shard is a chain of tasks, one per stage (three for a stage that asks for it, so that the next shard loads while
this one computes). What is not kept goes from task to task. Results are `Record`s; arrays never come to the client.
"""

import asyncio
import logging
import math
import queue
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

from distributed import Future

from survey_batch.cluster.base import Connection
from survey_batch.cluster.lost import LostSchedulerError
from survey_batch.config.job import Job
from survey_batch.core import interrupt
from survey_batch.core.errors import SurveyBatchError
from survey_batch.execution import shard_task
from survey_batch.execution.failures import Failures
from survey_batch.monitor.record import Record
from survey_batch.preflight.phases import Group
from survey_batch.store.products import Shard

log = logging.getLogger(__name__)

SET_ASIDE_ATTEMPTS = 10
"""Times that setting one shard aside is tried, each time on whatever worker there is."""

TICK_SECONDS = 0.5

SIZE_SECONDS = 5.0
"""Between two looks at how large the cluster is."""


@dataclass
class Chain:
    """One shard on its way through the stages of a phase."""

    shard: Shard
    stages: list[str]
    attempt: int = 0
    futures: list[Future] = field(default_factory=list)


class Engine:
    """Runs the shards of one group of stages.

    Parameters
    ----------
    connection : Connection
    job : Job
    group : Group
    on_record : callable
        Called on the client with each shard's record, in the order in which they finish.
    on_tick : callable
        Called about twice a second.
    """

    def __init__(
        self,
        connection: Connection,
        job: Job,
        group: Group,
        on_record: Callable[[Record], None],
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        client, self.connection, self.job = connection.client, connection, job
        self.client = client
        self.stages = {stage.name: stage for stage in group.stages}
        self.needed_by = {stage.name: group.needed_by(stage.name) for stage in group.stages if not stage.stored}
        self.on_record, self.on_tick = on_record, on_tick
        # On a shared scheduler another run's tasks would answer to the same keys.
        self.run_id = uuid4().hex[:8]
        self.finished: queue.SimpleQueue[Chain] = queue.SimpleQueue()
        self.gpu, self.workers, self.window, self.looked = False, 0, 0, -math.inf
        # A foreign scheduler tries this often by itself before it reports a task as a killer of workers.
        self.failures = Failures(1 + int(client.run_on_scheduler(_allowed_failures)))

    def run(self, shards: Iterable[Shard]) -> None:
        """Bring every shard to its end in each stage.

        Raises
        ------
        LostSchedulerError
            The scheduler went away.
        ConfigurationError, PlanMismatchError
            A worker found the job itself at fault; nothing more is tried.
        """
        waiting = deque(Chain(shard, list(self.stages)) for shard in shards)
        # A death blames all shards of its worker, and what killed one kills the next. Shards that one more death would
        # set aside come last, one for each worker.
        suspects: deque[Chain] = deque()
        running = 0
        while waiting or suspects or running:
            self._look()
            if not waiting and not running:
                waiting.extend(suspects.popleft() for _ in range(min(max(self.workers, 1), len(suspects))))
            while waiting and running < self.window:
                self._submit(waiting.popleft())
                running += 1
            for chain, made in self._fetch(self._finished()):
                running -= 1
                for left in self._settle(chain, made):
                    suspect = self.failures.at_last_try(left.shard, left.stages)
                    (suspects.append if suspect else waiting.appendleft)(left)
            self._check()
            self.on_tick()

    def _look(self) -> None:
        """See how large the cluster is by now."""
        if time.monotonic() - self.looked > SIZE_SECONDS:
            size, self.looked = self.connection.size(), time.monotonic()
            self.gpu, self.workers = size.gpu, size.workers
            # Workers come and go: there is work for all that were asked for, and for more if more are there. Where only
            # one shard is computed at a time, though, more of them would only wait in memory.
            self.window = (1 if size.gpu else 2) * size.slots + 2

    def _check(self) -> None:
        """Raise what ends a run from outside."""
        self.connection.check()
        interrupt.check()

    def _submit(self, chain: Chain) -> None:
        after: Future | None = None
        # The client lets go of what is handed on when it leaves here: Dask keeps it for the tasks that wait for it.
        handed_on: dict[str | None, Future] = {}
        for name in chain.stages:
            stage, submit = self.stages[name], partial(self._task, chain, name)
            what = (self.job, name, chain.shard, handed_on.get(stage.upstream), self._users(name, chain))
            if name in self.needed_by:
                handed_on[name] = block = submit("", _after, after, shard_task.run_shard, *what)
                after = submit("-record", shard_task.record_of, block)
            elif stage.in_steps:
                loaded = submit("-load", _after, after, shard_task.load, *what)
                computed = submit("", shard_task.compute, self.job, name, loaded)
                after = submit("-write", shard_task.write, self.job, name, computed)
            else:
                after = submit("", _after, after, shard_task.run_shard, *what)
            chain.futures.append(after)
        chain.futures[-1].add_done_callback(lambda _: self.finished.put(chain))

    def _task(self, chain: Chain, stage: str, step: str, function: Callable[..., Any], *arguments: Any) -> Future:
        """Submit one task; the one that computes has no name of its own for its step."""
        # A tuple key makes Dask group and name tasks by its first part on the dashboard.
        key = (f"{stage}{step}", chain.shard.index, chain.attempt, self.run_id)
        resources = {"GPU": 1} if self.gpu and self.stages[stage].gpu and not step else None
        return self.client.submit(function, *arguments, key=key, resources=resources, pure=False)

    def _finished(self) -> list[Chain]:
        """Chains that are done by now; waits a little for the first of them."""
        chains: list[Chain] = []
        try:
            chains.append(self.finished.get(timeout=TICK_SECONDS))
            while True:
                chains.append(self.finished.get_nowait())
        except queue.Empty:
            if not chains and self.client.status != "running":
                raise LostSchedulerError(self.client) from None
            return chains

    def _fetch(self, chains: list[Chain]) -> Iterator[tuple[Chain, list[Record | None]]]:
        """Fetch the records of all these chains at once, as each time costs a way to the workers and back.

        A record is None where its task raised. The last task of a chain is done; an earlier one may be under way
        again after a death, and is waited for.
        """
        places = {(number, place): future for number, c in enumerate(chains) for place, future in enumerate(c.futures)}
        made = self._gather(places) if places else {}
        for number, chain in enumerate(chains):
            yield chain, [made[number, place] for place in range(len(chain.futures))]

    def _gather(self, futures: dict[tuple[int, int], Future]) -> Any:
        """Gather, and look up meanwhile: a lost record has to wait for a worker, which may never come."""
        asked = asyncio.run_coroutine_threadsafe(
            self.client.gather(futures, errors="skip", asynchronous=True), self.client.loop.asyncio_loop
        )
        try:
            while wait([asked], TICK_SECONDS).not_done:
                self._check()
                self.on_tick()
            return asked.result()
        finally:
            asked.cancel()

    def _settle(self, chain: Chain, made: list[Record | None]) -> list[Chain]:
        """Report what a chain did; return what is left to do of it.

        What was handed on counts when the whole chain is done, as another attempt makes it again.
        """
        handed_on = []
        for stage, future, record in zip(list(chain.stages), chain.futures, made, strict=True):
            if future.status == "cancelled" or self.client.status != "running":
                raise LostSchedulerError(self.client)
            if record is None:
                left = self._after_error(chain, stage, future)
                return [left] if left.stages else []
            if stage in self.needed_by:
                handed_on.append(record)
                continue
            self._report(record)
            chain.stages.remove(stage)
        for record in handed_on:
            self._report(record)
        return []

    def _report(self, record: Record) -> None:
        log.info("%s %s done", record.stage, record.shard, extra={"event": "shard", "record": _plain(record)})
        self.on_record(record)

    def _after_error(self, chain: Chain, stage: str, future: Future) -> Chain:
        reason = self.failures.note(stage, chain.shard, future.exception(), future.traceback())
        if reason is not None:
            for name in (part for part in self.needed_by.get(stage, (stage,)) if part in chain.stages):
                self._set_aside(name, chain.shard, reason if name == stage else f"{stage}: {reason}")
                chain.stages.remove(name)
        left = [name for name in chain.stages if name not in self.needed_by or self._users(name, chain)]
        return Chain(chain.shard, left, chain.attempt + 1)

    def _users(self, stage: str, chain: Chain) -> tuple[str, ...]:
        """Kept stages that this shard still needs a product for that is not kept."""
        return tuple(name for name in self.needed_by.get(stage, ()) if name in chain.stages)

    def _set_aside(self, stage: str, shard: Shard, reason: str) -> None:
        """Let a worker commit a shard as failed; a shard that is still under way may kill that one, too."""
        for attempt in range(SET_ASIDE_ATTEMPTS):
            key = ("set-aside", stage, shard.index, attempt, self.run_id)
            future = self.client.submit(shard_task.set_aside, self.job, stage, shard, reason, key=key, pure=False)
            self.connection.wait(future)
            if future.status == "cancelled":
                raise LostSchedulerError(self.client)
            if future.status == "finished":
                self._report(future.result())
                return
        error = future.exception()
        raise SurveyBatchError(
            f"{stage} {shard}: {reason}; and it could not be set aside: {type(error).__name__}: {error}. Look at what "
            "the workers say, then start the same command again: it goes on where it was."
        ) from error


def _after(_: Record | None, function: Callable[..., Any], *arguments: Any) -> Any:
    """Run one step on a worker, once what must be done before it is done."""
    return function(*arguments)


def _allowed_failures(dask_scheduler: Any) -> int:
    return int(dask_scheduler.allowed_failures)


def _plain(record: Record) -> dict[str, Any]:
    return {
        **vars(record),
        "shard": record.shard.index,
        "axis": record.shard.axis,
        "counts": dict(record.counts),
    }
