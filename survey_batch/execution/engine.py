"""Run shards on a Dask client: a bounded window of small graphs, retries, and bad shards set aside.

Each shard is a chain of tasks, one per stage (three for a stage that runs in steps, so that the next shard loads while
this one computes). Products that are not stored pass from task to task. The client receives `Record`s, never arrays.
"""

import asyncio
import logging
import math
import queue
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import wait
from typing import Any

from distributed import Future, KilledWorker

from survey_batch.cluster.base import Connection
from survey_batch.cluster.lost import LostSchedulerError
from survey_batch.config.job import Job
from survey_batch.core import interrupt
from survey_batch.core.errors import ConfigurationError, StrangeNodeError
from survey_batch.core.status import Status, count_statuses
from survey_batch.core.world import node_of
from survey_batch.execution.chain import Chain, ChainTasks
from survey_batch.execution.elsewhere import Elsewhere
from survey_batch.execution.failures import Deaths, Failures
from survey_batch.execution.nodes import Nodes
from survey_batch.execution.suspects import Suspects
from survey_batch.monitor.record import Record
from survey_batch.preflight.phases import Group
from survey_batch.store.damage import Damage, DamagedError
from survey_batch.store.disk import refuse_if_vanished
from survey_batch.store.notes import problems_of
from survey_batch.store.problems import count_reasons
from survey_batch.store.products import confirmed, mark_pending, read_status
from survey_batch.store.schema import Shard

log = logging.getLogger(__name__)

ATTEMPTS_APART = 1000
"""Distance between the attempts at a shard that is done again elsewhere; their numbers are part of Dask's keys."""

TICK_SECONDS = 0.5

SIZE_SECONDS = 5.0
"""Time between two checks of the cluster's size."""


class Engine:
    """Runs the shards of one group of stages.

    Parameters
    ----------
    connection : Connection
    job : Job
    group : Group
    on_record : callable
        Called on the client with each shard's record, in the order in which the shards finish.
    on_tick : callable
        Called about twice a second.
    nodes : Nodes, optional
        Leaves bad nodes out, if workers may be on several machines.
    """

    def __init__(
        self,
        connection: Connection,
        job: Job,
        group: Group,
        on_record: Callable[[Record], None],
        on_tick: Callable[[], None] = lambda: None,
        nodes: Nodes | None = None,
    ) -> None:
        client, self.connection, self.job = connection.client, connection, job
        self.nodes, self.attempts_apart = nodes, 0
        self.elsewhere = Elsewhere(connection, nodes)
        if nodes is not None:
            nodes.begin()
        self.client, self.tasks = client, ChainTasks(client, job, group, nodes)
        self.stages = {stage.name: stage for stage in group.stages}
        self.needed_by = self.tasks.needed_by
        self.on_record, self.on_tick = on_record, on_tick
        self.finished: queue.SimpleQueue[Chain] = queue.SimpleQueue()
        self.workers, self.window, self.looked = 0, 0, -math.inf
        self.told: set[str] = set()  # tracebacks of readers that are in the log
        self.damages: list[Damage] = []
        self.unsettled: set[Shard] = set()
        self.failures = Failures(Deaths.on(connection))

    def run(self, shards: Iterable[Shard]) -> None:
        """Finish every shard in each stage.

        Raises
        ------
        LostSchedulerError
            The scheduler disappeared.
        ConfigurationError, PlanMismatchError
            A worker found a fault in the job itself; nothing is retried.
        DamagedError
            Stored data that some shards are made from cannot be read. They are left; all others are done.
        """
        waiting = deque(Chain(shard, list(self.stages)) for shard in shards)
        self.unsettled = {chain.shard for chain in waiting}
        suspects = Suspects(self.failures)
        running = 0
        while waiting or suspects or running:
            self._look()
            if not waiting and not running:
                waiting.extend(filter(self._is_left, suspects.take(self.workers)))
            while waiting and running < self.window:
                self._submit(waiting.popleft())
                running += 1
            for chain, made in self._fetch(self._finished()):
                running -= 1
                left_over = self._settle(chain, made)
                chain.futures.clear()  # now, as each refers to its chain: workers must not keep what is done
                if not left_over:
                    self.unsettled.discard(chain.shard)
                for left in left_over:
                    suspect = self.failures.at_last_try(left.shard, left.stages)
                    (suspects.add if suspect else waiting.appendleft)(left)
            self._check()
            waiting.extend(self._again())
            self.on_tick()
        if self.damages:
            raise DamagedError(self.job.output, self.damages)

    def _look(self) -> None:
        """Check the current size of the cluster."""
        if time.monotonic() - self.looked > SIZE_SECONDS:
            size, self.looked = self.connection.size(), time.monotonic()
            self.tasks.gpu, self.workers = size.gpu, size.workers
            # Workers come and go, so there is work for all requested workers, or for all present ones if they are more.
            # On a GPU only one shard is computed at a time; more shards would only wait in memory.
            self.window = (1 if size.gpu else 2) * size.slots + 2

    def _check(self) -> None:
        """Raise an error if something outside ends the run."""
        self.connection.check()
        if self.nodes is not None:
            self.nodes.check()
        self.elsewhere.check()
        interrupt.check()

    def _again(self) -> list[Chain]:
        """Take back what a node that is left out has decided; return it, to be done again elsewhere.

        A shard of which some stages are still to be done is taken back after that: no two chains may have the same.
        """
        chains = []
        for shard in self.nodes.take_again(self.unsettled) if self.nodes is not None else ():
            self.unsettled.add(shard)
            for name in (stage for stage in self.stages if stage not in self.needed_by):
                counts = count_statuses(read_status(self.job.output, name, shard.rows))
                why = count_reasons(problems_of(self.job.output, name, [shard]))
                mark_pending(self.job.output, name, [shard])
                if Status.PENDING.name.lower() not in counts:  # otherwise it was not reported: its input is damaged
                    self.on_record(Record.taken_back(name, shard, counts, [reason[1:] for reason in why]))
            self.attempts_apart += ATTEMPTS_APART
            chains.append(Chain(shard, list(self.stages), self.attempts_apart))
        return chains

    def _submit(self, chain: Chain) -> None:
        self.tasks.submit(chain)
        self.elsewhere.note(chain)
        chain.futures[-1].add_done_callback(lambda _: self.finished.put(chain))

    def _finished(self) -> list[Chain]:
        """Return the chains that have finished; wait briefly for the first one."""
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
        """Fetch the records of all these chains at once, because each fetch costs a round trip to the workers.

        A record is None where its task raised an error. The last task of a chain is done. An earlier task may be
        running again after a worker died; this method waits for it.
        """
        futures = {(number, index): future for number, c in enumerate(chains) for index, future in enumerate(c.futures)}
        made = self._gather(futures) if futures else {}
        for number, chain in enumerate(chains):
            yield chain, [made[number, index] for index in range(len(chain.futures))]

    def _gather(self, futures: dict[tuple[int, int], Future]) -> Any:
        """Gather results and keep checking: a lost record has to wait for a worker, which may never come."""
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
        """Report what a chain did; return what is left of it to do.

        A block handed on counts only when the whole chain is done, because another attempt makes it again.
        """
        handed_on = []
        for stage, future, record in zip(list(chain.stages), chain.futures, made, strict=True):
            if future.status == "cancelled" and chain.freed:
                return [chain.after()]
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

    def _report(self, record: Record, *, judge: bool = True) -> None:
        log.info("%s %s done", record.stage, record.shard, extra={"event": "shard", "record": record.plain()})
        for traceback in set(record.tracebacks) - self.told:  # one fault can be met in every shard
            self.told.add(traceback)
            extra = {"event": "reader failed", "traceback": traceback}
            log.warning("%s %s: the survey's reader failed", record.stage, record.shard, extra=extra)
        self.on_record(record)
        if self.nodes is not None and judge:
            self.nodes.note(record, fetched=self.stages[record.stage].phase == "ingest")

    def _after_error(self, chain: Chain, stage: str, future: Future) -> Chain:
        error = future.exception()
        node = node_of(error)
        left = chain.after(node)
        if isinstance(error, StrangeNodeError | OSError | DamagedError):
            refuse_if_vanished(self.job.output)
        if self.nodes is not None and isinstance(error, StrangeNodeError):
            self.nodes.leave_out(error.node, error.fault)
            return left
        fault = isinstance(error, ConfigurationError)
        if fault and self.nodes is not None and self.nodes.is_only_here(node, error, chain.shard):
            return left
        ours = isinstance(error, DamagedError) and error.output == self.job.output
        if ours and (damages := confirmed(error)):  # otherwise it is the node's
            self.damages += damages
            log.info("%s %s: %s", stage, chain.shard, error, extra={"event": "damaged", "stage": stage})
            left.stages.clear()
            return left
        elsewhere = bool(self.tasks.others(left))
        reason = self.failures.note(stage, chain.shard, error, future.traceback(), node, elsewhere=elsewhere)
        if self.nodes is not None and not isinstance(error, KilledWorker):
            self.nodes.failed(node, str(error) or type(error).__name__)
        if reason is not None:
            self._give_up(stage, left, reason)
        self._drop_unneeded(left)
        return left

    def _is_left(self, chain: Chain) -> bool:
        """Give up what it has become known of that it has killed too many workers; tell whether something is left."""
        for stage in list(chain.stages):
            if stage in chain.stages and (reason := self.failures.verdict(stage, chain.shard)) is not None:
                self._give_up(stage, chain, reason)
                self._drop_unneeded(chain)
        if not chain.stages:
            self.unsettled.discard(chain.shard)
        return bool(chain.stages)

    def _give_up(self, stage: str, chain: Chain, reason: str) -> None:
        """Set a stage of a shard aside, with those that need it."""
        for name in (part for part in self.needed_by.get(stage, (stage,)) if part in chain.stages):
            told = reason if name == stage else f"{stage}: {reason}"
            record = self.elsewhere.set_aside(self.job, name, chain, told, self.tasks.run_id)
            self._report(record, judge=False)  # whoever sets it aside is not at fault
            chain.stages.remove(name)

    def _drop_unneeded(self, chain: Chain) -> None:
        chain.stages = [name for name in chain.stages if name not in self.needed_by or self.tasks.users(name, chain)]
