"""The nodes of a run: which of them see another world or fail at everything, so that the run goes on without them.

One bad node must never end a run, nor decide an object's status. It finds nothing, or fails at once, and is therefore
always free for the next shard: unless it is left out, it ruins more shards than all good nodes finish.
"""

import logging
import queue
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from uuid import uuid4

from survey_batch.cluster.base import Connection, Say, register
from survey_batch.cluster.world_check import WorldCheck, leave, topic_of
from survey_batch.core.errors import ConfigurationError, SurveyBatchError
from survey_batch.core.paths import files_in, join, remove, write_bytes
from survey_batch.core.world import World, landmarks_in, node_name
from survey_batch.monitor.record import Record
from survey_batch.store.schema import Shard

log = logging.getLogger(__name__)

STRIKES = 3
"""Shards in a row that fail on a node while others succeed elsewhere, before the node is left out."""

GONE_SECONDS = 60.0
"""Time without any worker after which a run ends if nobody replaces the workers that were left out."""

MARKER = ".marker"
"""Ending of the name of the file that all nodes must see."""

USABLE = {"ok", "partial"}

OF_OBJECTS = {"not_found", "outside", "invalid"}
"""Statuses of rows without data for which no node is at fault, even if whole shards have no other."""


class Nodes:
    """The nodes of a run, as their workers report them.

    Parameters
    ----------
    connection : Connection
    world : World
        What each worker must see.
    say : callable
        Called once with each node that is left out, and why.
    """

    def __init__(
        self, connection: Connection, world: World, say: Say, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.connection, self.client, self.world, self.say, self.now = connection, connection.client, world, say, now
        self.left_out: dict[str, str] = {}
        self.reported: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self.strikes: Counter[str] = Counter()
        self.struck: dict[str, float] = {}  # when the first of a node's strikes was
        self.worked: dict[str, float] = {}  # when a node last did a shard with data
        self.refused: dict[str, str] = {}  # what nodes said of the job before any shard was done
        self.refusers: defaultdict[Shard, set[str]] = defaultdict(set)  # which nodes said so at a shard
        self.doubtful: defaultdict[str, list[Shard]] = defaultdict(list)
        self.again: list[Shard] = []
        self.seen = now()

    def begin(self) -> None:
        """Forget the shards of earlier stages: they are no longer in doubt, and say nothing of the next ones."""
        for kept in (self.strikes, self.struck, self.worked, self.refused, self.refusers, self.doubtful, self.again):
            kept.clear()

    def look(self) -> None:
        """Have all workers, and those that join later, compare what they see.

        Raises
        ------
        ConfigurationError
            No worker sees what the client sees.
        """
        register(self.client, WorldCheck(self.world, self.client.id))

    def refuse_if_all_are_strange(self) -> None:
        """Refuse a cluster of which no worker sees what the client sees, before any of them is sent away.

        Raises
        ------
        ConfigurationError
            Says what they do not see.
        """
        found = self.client.run(_look, self.world, on_error="ignore")
        faults = {node: fault for node, fault in found.values() if fault}
        if found and all(fault for _, fault in found.values()):
            told = "; ".join(f"node {node} {fault}" for node, fault in list(faults.items())[:3])
            raise ConfigurationError(
                f"no worker sees what this process sees: {told}. Choose an output and an archive that all nodes see, "
                "with their full paths, or mount them there."
            )

    def report(self, event: tuple[float, dict[str, str]]) -> None:
        """Take a report of a worker that sees another world; called by Dask on another thread."""
        _, told = event
        self.reported.put((told["node"], told["fault"]))

    def note(self, record: Record, *, fetched: bool = True) -> None:
        """Judge a node by a shard that it did, and by what it lacks if it was fetched from the archive there."""
        if not record.rows_done:
            return
        if record.made.keys() & USABLE:
            self.worked[record.node] = self.now()
            self._clear(record.node)
            for node in self.refused.keys() - {record.node}:
                self.leave_out(node, self.refused[node])
            if record.landmark and not self.world.landmarks:
                self._learn(record.landmark)
        elif not fetched:
            return  # the rows may have had no data before
        elif record.node in self.left_out:  # a shard that it had begun, or of a worker that has joined since
            self._do_again([record.shard])
            self._dismiss(record.node)
        else:
            self.doubtful[record.node].append(record.shard)
            if not record.made.keys() <= OF_OBJECTS:
                self._strike(record.node, "fails at each shard, while others succeed")

    def failed(self, node: str, reason: str) -> None:
        """Judge a node by a shard that failed there with an error."""
        if node:
            self._strike(node, f"fails at each shard ({reason}), while others succeed")

    def is_only_here(self, node: str, error: Exception, shard: Shard) -> bool:
        """Tell whether a fault of the job, which would end the run, is to be tried on another node first.

        It is the node's fault if another node has done a shard, and it may be until all nodes have said the same. It is
        not if a second node says so of the same shard, and that node has done other shards.
        """
        if not node:
            return False
        self.refusers[shard].add(node)
        if len(self.refusers[shard]) > 1 and node in self.worked:
            return False
        self.refused[node] = f"refuses the job ({error})"
        if self.worked.keys() - {node}:
            self.leave_out(node, self.refused[node])
            return True
        return bool(set(self._places().values()) - self.refused.keys())

    def others(self, avoid: Collection[str], *, gpu: bool = False) -> list[str]:
        """Return the workers on other nodes than some and than those left out; if asked, only those with a GPU."""
        away = {*avoid, *self.left_out}
        elsewhere = [worker for worker, node in self._places().items() if node not in away]
        if not gpu:
            return elsewhere
        there = self.client.scheduler_info()["workers"]
        return [worker for worker in elsewhere if worker in there and "GPU" in there[worker]["resources"]]

    def _places(self) -> dict[str, str]:
        """Return the node of each worker."""
        return dict(self.client.run(node_name, on_error="ignore"))

    def leave_out(self, node: str, fault: str) -> None:
        """Go on without a node, and do again what it may have decided wrongly."""
        if node in self.left_out:
            return
        self.left_out[node] = fault
        self.say(f"node {node} {fault}: it is left out of this run, and its shards are done elsewhere")
        log.warning("node %s %s: left out", node, fault, extra={"event": "node left out", "node": node})
        self._do_again(self.doubtful.pop(node, []))
        if self.connection.exclude is not None:
            self.connection.exclude(node)
        self._dismiss(node)

    def _dismiss(self, node: str) -> None:
        if there := [worker for worker, name in self._places().items() if name == node]:
            self.client.run(leave, workers=there, on_error="ignore")

    def check(self) -> None:
        """Act on what workers reported; called now and then.

        Raises
        ------
        SurveyBatchError
            No worker is left, and nobody starts others.
        """
        while not self.reported.empty():
            self.leave_out(*self.reported.get())
        if not self.left_out or self.connection.exclude is not None or self.client.scheduler_info()["workers"]:
            self.seen = self.now()
        elif self.now() - self.seen > GONE_SECONDS:
            told = "; ".join(f"node {node} {fault}" for node, fault in self.left_out.items())
            raise SurveyBatchError(
                f"no worker is left: {told}. Mend this, or start workers elsewhere, and run the same command again."
            )

    def take_again(self, unsettled: Collection[Shard] = ()) -> list[Shard]:
        """Return the shards to do again, once; those that are still unsettled come later."""
        self.check()
        again = [shard for shard in self.again if shard not in unsettled]
        self.again = [shard for shard in self.again if shard in unsettled]
        return again

    def _do_again(self, shards: Iterable[Shard]) -> None:
        """Note shards to do again; two stages may have put one in doubt."""
        self.again += [shard for shard in dict.fromkeys(shards) if shard not in self.again]

    def _learn(self, landmark: str) -> None:
        """Have all workers look for a file of the archive that one of them has read."""
        self.world = replace(self.world, landmarks=(landmark,))
        found = self.client.run(_look, self.world, on_error="ignore")
        register(self.client, WorldCheck(self.world, self.client.id))
        for node, fault in found.values():
            if fault:
                self.leave_out(node, fault)

    def _strike(self, node: str, fault: str) -> None:
        self.struck.setdefault(node, self.now())
        self.strikes[node] += 1
        if self.strikes[node] >= STRIKES and any(
            at >= self.struck[node] for other, at in self.worked.items() if other != node
        ):
            self.leave_out(node, fault)

    def _clear(self, node: str) -> None:
        self.strikes.pop(node, None)
        self.struck.pop(node, None)
        self.doubtful.pop(node, None)


def _look(world: World) -> tuple[str, str]:
    """Say, on a worker, where it is and what it does not see."""
    return node_name(), world.fault()


@contextmanager
def watched_nodes(connection: Connection, output: str, root: str, say: Say) -> Iterator[Nodes]:
    """Watch the nodes of a cluster whose workers may be on other machines.

    Parameters
    ----------
    connection
        The connection to the cluster.
    output
        The job's output; a marker lies there meanwhile.
    root
        The archive's.
    say
        Called once with each node that is left out, and why.
    """
    folder, token = join(output, "log"), uuid4().hex
    for left in files_in(folder, MARKER):  # by a run that was killed
        remove(left)
    # A name that is new to every node: a shared file system may show a node for a minute what it saw before.
    marker = join(folder, f"{token[:8]}{MARKER}")
    write_bytes(marker, token.encode())
    nodes = Nodes(connection, World(marker, token, landmarks_in(root), output), say)
    connection.client.subscribe_topic(topic_of(nodes.world), nodes.report)
    try:
        nodes.refuse_if_all_are_strange()
        nodes.look()
        yield nodes
    finally:
        with suppress(Exception):  # the scheduler, or the client, may be gone; that must not hide why
            connection.client.unsubscribe_topic(topic_of(nodes.world))
            connection.client.unregister_worker_plugin(WorldCheck(nodes.world, connection.client.id).name)
        remove(marker)
