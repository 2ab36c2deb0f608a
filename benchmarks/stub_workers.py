"""Workers that compute nothing: many in one process, each with its own connections, as a scheduler sees real ones.

A stub registers, takes tasks, holds what they made, answers for it and sends heartbeats, in the words of a Dask
worker. Its task is a timer that takes no CPU, so that a thousand of them fit beside the scheduler that is measured.
"""

import asyncio
import heapq
import pickle
import time
from typing import Any

from distributed import versions
from distributed.batched import BatchedSend
from distributed.comm import Comm, CommClosedError, connect, listen
from distributed.core import ConnectionPool
from distributed.protocol import to_serialize
from tornado.ioloop import IOLoop

from survey_batch.execution.shard_task import Passed
from survey_batch.monitor.record import Record
from survey_batch.store.schema import Shard

LOOPBACK = "tcp://127.0.0.1:0"
METRICS = {
    "bandwidth": {"total": 1e8, "workers": {}, "types": {}},
    "digests_total_since_heartbeat": {},
    "managed_bytes": 0,
    "spilled_bytes": {"memory": 0, "disk": 0},
    "transfer": {"incoming_bytes": 0, "incoming_count": 0, "outgoing_bytes": 0, "outgoing_count": 0},
    "event_loop_interval": 0.02,
    "cpu": 100.0,
    "memory": 480_000_000,
    "time": 0.0,
    "num_fds": 40,
}
"""What a worker tells of itself, with the figures of no particular one."""


class Stub:
    """One worker of one thread.

    Parameters
    ----------
    number : int
        Its name.
    scheduler : str
    seconds : float
        What each task takes.
    answer_seconds : float
        How long it takes to answer for a result, as a worker does whose interpreter is held by a kernel.
    """

    def __init__(
        self, number: int, scheduler: str, seconds: float, answer_seconds: float, pool: ConnectionPool
    ) -> None:
        self.number, self.scheduler, self.pool = number, scheduler, pool
        self.seconds, self.answer_seconds = seconds, answer_seconds
        self.peers: dict[str, Stub] = {}
        self.loop = asyncio.get_running_loop()
        self.order: list[tuple[Any, int, Any]] = []
        self.waiting: dict[Any, dict[str, Any]] = {}
        self.data: dict[Any, Any] = {}
        self.executing: Any = None
        self.begun = 0.0
        self.taken = self.finished = 0
        self.busy = 0.0
        self.first: float | None = None

    async def start(self) -> None:
        """Listen for who wants data, and register."""
        self.listener = await listen(LOOPBACK, self._serve)
        self.address = self.listener.contact_address
        comm = await connect(self.scheduler)
        now = time.time()
        await comm.write(
            {
                "op": "register-worker", "reply": False, "address": self.address, "status": "running", "nthreads": 1,
                "name": f"stub-{self.number}", "now": now, "resources": {}, "memory_limit": 4_000_000_000,
                "local_directory": "", "services": {}, "nanny": None, "pid": 0, "versions": versions.get_versions(),
                "metrics": METRICS, "extra": {}, "stimulus_id": f"worker-connect-{now}",
                "server_id": f"Worker-stub-{self.number}",
            },
            serializers=["msgpack"],
        )  # fmt: skip
        answer = await comm.read(deserializers=["msgpack"])
        if answer["status"] != "OK":
            raise RuntimeError(f"the scheduler refuses stub {self.number}: {answer}")
        self.stream = BatchedSend(interval="2ms", loop=IOLoop.current())
        self.stream.start(comm)
        self.tasks = [asyncio.create_task(self._listen(comm)), asyncio.create_task(self._heartbeat(answer))]

    async def _listen(self, comm: Comm) -> None:
        try:
            while True:
                for message in await comm.read():
                    handler = getattr(self, f"_on_{message.pop('op').replace('-', '_')}", None)
                    if handler is not None:
                        handler(**message)
        except (CommClosedError, OSError):
            self.tasks[1].cancel()

    async def _heartbeat(self, answer: dict[str, Any]) -> None:
        while True:
            await asyncio.sleep(answer["heartbeat-interval"])
            executing = {} if self.executing is None else {self.executing: 0.0}
            answer = await self.pool(self.scheduler).heartbeat_worker(
                address=self.address, now=time.time(), metrics=METRICS, executing=executing, extensions={}
            )

    async def _serve(self, comm: Comm) -> None:
        try:
            while True:
                asked = await comm.read()
                if asked["op"] != "get_data":
                    await comm.write({"status": "OK"})
                    continue
                await asyncio.sleep(self.answer_seconds)
                held = {key: to_serialize(self.data[key]) for key in asked["keys"] if key in self.data}
                await comm.write({"status": "OK", "data": held})
                await comm.read()
        except (CommClosedError, OSError):
            return

    def _on_compute_task(self, **task: Any) -> None:
        copied = {key: holders[0] for key, holders in task["who_has"].items() if key not in self.data}
        if copied:  # a real worker would fetch them over the network; they are small
            self.data.update({key: self.peers[address].data[key] for key, address in copied.items()})
            self._send(op="add-keys", keys=list(copied))
        self.taken += 1
        self.waiting[task["key"]] = task
        heapq.heappush(self.order, (task["priority"], self.taken, task["key"]))
        self._begin()

    def _begin(self) -> None:
        while self.executing is None and self.order:
            task = self.waiting.pop(heapq.heappop(self.order)[-1], None)
            if task is None:  # freed or stolen while it waited
                continue
            self.executing, self.begun = task["key"], time.time()
            if self.seconds:
                self.loop.call_later(self.seconds, self._end, task)
            else:
                self._end(task)

    def _end(self, task: dict[str, Any]) -> None:
        key, now = task["key"], time.time()
        self.data[key] = made = result_of(task["run_spec"].args)
        self.executing, self.finished, self.busy = None, self.finished + 1, self.busy + now - self.begun
        self.first = self.first or now
        self._send(
            op="task-finished", status="OK", key=key, run_id=task["run_id"], nbytes=600, type=pickle.dumps(type(made)),
            typename="survey_batch.monitor.record.Record", metadata={}, thread=1,
            startstops=[{"action": "compute", "start": self.begun, "stop": now}], stimulus_id=task["stimulus_id"],
        )  # fmt: skip
        self.loop.call_soon(self._begin)

    @property
    def worked(self) -> float:
        """Seconds spent on tasks until now, the present one included."""
        return self.busy + (time.time() - self.begun if self.executing is not None else 0.0)

    def _on_free_keys(self, keys: list[Any], **_: Any) -> None:
        for key in keys:
            self.data.pop(key, None)
            self.waiting.pop(key, None)

    _on_remove_replicas = _on_free_keys

    def _on_steal_request(self, key: Any, stimulus_id: str) -> None:
        state = "executing" if key == self.executing else "memory" if key in self.data else None
        if self.waiting.pop(key, None) is not None:
            state = "ready"
        self._send(op="steal-response", key=key, state=state, stimulus_id=stimulus_id)

    def _send(self, **message: Any) -> None:
        self.stream.send({"stimulus_id": f"stub-{time.time()}", **message})


def result_of(arguments: tuple[Any, ...]) -> Record | Passed | None:
    """What the engine's task would have made of a shard, had it worked on it."""
    values = [getattr(argument, "value", argument) for argument in arguments]
    shard = next(value for value in values if isinstance(value, Shard))
    stage = values[values.index(shard) - 1]
    return Record(stage, shard, {"ok": len(shard)}, len(shard), 1.0, 1.0, 0)
