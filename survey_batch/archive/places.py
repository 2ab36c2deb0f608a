"""Dask's semaphore, with leases that name the worker that holds them."""

from typing import Any
from uuid import uuid4

from distributed import Semaphore
from distributed.utils_comm import retry_operation

MARK = "#"
"""Character between the owner's address and the rest of a lease's name."""


class Places(Semaphore):  # type: ignore[misc]
    """The places for requests of a run, as one worker asks for them.

    Parameters
    ----------
    worker : distributed.Worker
        Asks for places and holds them.
    name : str
        What is limited; the same on all workers.
    places : int
        How many there are in the whole run.
    """

    def __init__(self, worker: Any, name: str, places: int) -> None:
        super().__init__(max_leases=places, name=name, scheduler_rpc=worker.scheduler, loop=worker.loop)
        self.owner = str(worker.address)

    async def _acquire(self, timeout: float | None = None) -> bool:
        """Ask for a place. Dask's own method gives the lease a random name that says nothing of its owner."""
        await self
        lease = f"{self.owner}{MARK}{uuid4().hex}"
        ask = self.scheduler.semaphore_acquire
        given = await retry_operation(ask, name=self.name, timeout=timeout, lease_id=lease)
        if given:
            self._leases.append(lease)
        return bool(given)


def owner_of(lease: str) -> str:
    """Return the address of the worker that holds a lease; empty if the lease names none."""
    return lease.rpartition(MARK)[0]
