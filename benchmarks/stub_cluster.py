"""A cluster of stubs: a scheduler in a process of its own, and all workers in another."""

import asyncio
import logging
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe

import dask
import psutil
from distributed import Client, LocalCluster, Scheduler
from distributed.core import ConnectionPool

from benchmarks.stub_workers import Stub
from survey_batch.cluster.base import SCHEDULER_SETTINGS


@dataclass(frozen=True)
class Account:
    """What the stubs of a process did until now."""

    time: float
    tasks: int
    worked: float
    first: float | None
    """When the first task was done."""


def serve(scheduler: str, workers: int, seconds: float, answer_seconds: float, pipe: Pipe) -> None:
    """Be the process of many stubs; answer each message on the pipe with an account, until it is None."""
    prepare_process()
    asyncio.run(_serve(scheduler, workers, (seconds, answer_seconds), pipe))


async def _serve(scheduler: str, workers: int, seconds: tuple[float, float], pipe: Pipe) -> None:
    pool = await ConnectionPool(limit=64)
    stubs = [Stub(number, scheduler, *seconds, pool) for number in range(workers)]
    peers: dict[str, Stub] = {}
    for stub in stubs:
        await stub.start()
        stub.peers = peers
        peers[stub.address] = stub
    pipe.send("ready")
    while await asyncio.to_thread(pipe.recv) is not None:
        firsts = [stub.first for stub in stubs if stub.first]
        pipe.send(
            Account(
                time.time(),
                sum(stub.finished for stub in stubs),
                sum(stub.worked for stub in stubs),
                min(firsts, default=None),
            )
        )


def prepare_process() -> None:
    """Silence Dask, and raise the limit of open files to what it may be: each worker takes up to three sockets."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Ask:
    """Asks the process of the stubs for its accounts."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe = pipe

    def __call__(self) -> Account:
        """Ask."""
        self.pipe.send("account")
        return self.pipe.recv()


@contextmanager
def stub_cluster(
    workers: int, seconds: float, answer_seconds: float, inside: bool
) -> Iterator[tuple[Client, int, Ask]]:
    """A client, the process of its scheduler, and what tells of the stubs.

    Parameters
    ----------
    workers, seconds, answer_seconds
        How many stubs, and as for `Stub`.
    inside
        Whether the scheduler is in this process.
    """
    context = get_context("spawn")
    (here, there), (ours, theirs) = context.Pipe(), context.Pipe()
    with dask.config.set(SCHEDULER_SETTINGS):
        if inside:
            cluster = LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50)
            address, pid = cluster.scheduler_address, psutil.Process().pid
        else:
            process = context.Process(target=schedule, args=(theirs,), daemon=True)
            process.start()
            address, pid = ours.recv(), process.pid or 0
    stubs = context.Process(target=serve, args=(address, workers, seconds, answer_seconds, there), daemon=True)
    stubs.start()
    here.recv()
    with Client(address, set_as_default=False) as client, client.as_current():
        yield client, pid, Ask(here)
    here.send(None)
    stubs.join(10)
    if inside:
        cluster.close()
    else:
        process.terminate()


def schedule(pipe: Pipe) -> None:
    """Be a scheduler; tell its address."""
    prepare_process()
    asyncio.run(_schedule(pipe))


async def _schedule(pipe: Pipe) -> None:
    with dask.config.set(SCHEDULER_SETTINGS):
        async with Scheduler(host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0") as scheduler:
            pipe.send(scheduler.address)
            await scheduler.finished()
