"""The tasks of a shard: one for each stage of a phase, or three for a stage that runs in steps.

A stage that would compute on a GPU is one task where workers have none: its worker's other threads go on with other
shards, and steps would cost messages, and carry a shard from one worker to another.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

from distributed import Client, Future

from survey_batch.config.job import Job
from survey_batch.execution import shard_task
from survey_batch.execution.nodes import Nodes
from survey_batch.monitor.record import Record
from survey_batch.preflight.phases import Group
from survey_batch.store.schema import Shard


@dataclass
class Chain:
    """One shard on its way through the stages of a phase."""

    shard: Shard
    stages: list[str]
    attempt: int = 0
    avoid: frozenset[str] = frozenset()
    """Nodes where it failed; it goes to workers of other nodes, where there are any."""
    workers: list[str] = field(default_factory=list)
    """Those workers; empty if any worker may take it."""
    freed: bool = False
    """Whether its tasks were cancelled because those workers have all gone."""
    futures: list[Future] = field(default_factory=list)

    def after(self, node: str = "") -> "Chain":
        """Return what is left to do as another attempt, which avoids the node where this one failed."""
        avoid = self.avoid | {node} if node else self.avoid
        return Chain(self.shard, list(self.stages), self.attempt + 1, avoid)


class ChainTasks:
    """Submits the tasks of chains.

    Parameters
    ----------
    client : distributed.Client
    job : Job
    group : Group
        The stages of the phase.
    nodes : Nodes or None
        Knows which workers are on other nodes than the one where a shard failed.
    """

    def __init__(self, client: Client, job: Job, group: Group, nodes: Nodes | None) -> None:
        self.client, self.job, self.nodes, self.gpu = client, job, nodes, False
        self.stages = {stage.name: stage for stage in group.stages}
        self.needed_by = {stage.name: group.needed_by(stage.name) for stage in group.stages if not stage.stored}
        # On a shared scheduler, tasks of another run could have the same keys.
        self.run_id = uuid4().hex[:8]

    def submit(self, chain: Chain) -> None:
        """Submit the tasks of a chain, and keep the last one of each stage in it."""
        after: Future | None = None
        chain.workers = self.others(chain)
        # The client drops the blocks handed on when this method returns; Dask keeps them for the tasks that need them.
        handed_on: dict[str | None, Future] = {}
        for name in chain.stages:
            stage, submit = self.stages[name], partial(self._task, chain, name)
            what = (self.job, name, chain.shard, handed_on.get(stage.upstream), self.users(name, chain))
            if name in self.needed_by:
                handed_on[name] = block = submit("", _after, after, shard_task.run_shard, *what)
                after = submit("-record", shard_task.record_of, block)
            elif stage.in_steps and (self.gpu or not stage.gpu):
                loaded = submit("-load", _after, after, shard_task.load, *what)
                computed = submit("", shard_task.compute, self.job, name, loaded)
                after = submit("-write", shard_task.write, self.job, name, computed)
            else:
                after = submit("", _after, after, shard_task.run_shard, *what)
            chain.futures.append(after)

    def _task(self, chain: Chain, stage: str, step: str, function: Callable[..., Any], *arguments: Any) -> Future:
        """Submit one task; the step that computes has an empty name."""
        # Dask's dashboard groups and names tasks by the first part of a tuple key.
        key = (f"{stage}{step}", chain.shard.index, chain.attempt, self.run_id)
        resources = {"GPU": 1} if self.gpu and self.stages[stage].gpu and not step else None
        # If other workers were allowed, a free one of the bad node would steal the task again and again.
        place = {"workers": chain.workers} if chain.workers else {}
        return self.client.submit(function, *arguments, key=key, resources=resources, pure=False, **place)

    def others(self, chain: Chain) -> list[str]:
        """Return the workers that can do a shard and are on other nodes than those where it failed."""
        if self.nodes is None or not chain.avoid:
            return []
        return self.nodes.others(chain.avoid, gpu=self.gpu and any(self.stages[name].gpu for name in chain.stages))

    def users(self, stage: str, chain: Chain) -> tuple[str, ...]:
        """Return the stored stages of this shard that still need a product that is not stored."""
        return tuple(name for name in self.needed_by.get(stage, ()) if name in chain.stages)


def _after(_: Record | None, function: Callable[..., Any], *arguments: Any) -> Any:
    """Run one step on a worker, after the step it depends on."""
    return function(*arguments)
