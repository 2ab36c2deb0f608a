"""A limit on simultaneous requests for the whole run, however many workers it has.

A hundred workers look like one visitor to an archive. Inside a Dask worker the limit is a `distributed.Semaphore`,
kept by the scheduler; elsewhere (a notebook, a test) it is a semaphore of this process.
"""

import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

Limiter = Callable[[], AbstractContextManager[Any]]
"""Called once per request; the request runs inside the context that it returns."""

SEMAPHORE_PREFIX = "survey-batch "
"""Prefix of the names of semaphores on the scheduler."""

_GONE = ("closing", "closed", "failed")
"""Names of the states in which a worker has no scheduler to ask; a paused worker still has one."""

_lock = threading.Lock()
_limits: dict[tuple[str | None, str, int], AbstractContextManager[Any]] = {}


def run_wide_limiter(name: str, connections: int) -> Limiter:
    """Return a factory of contexts; at most `connections` of them are open at one time in the whole run.

    All threads of a process share one semaphore. A worker renews its leases while it lives. When it goes, the
    scheduler's plugin `Departures` frees them at once. On a scheduler without the plugin they are freed after Dask's
    `distributed.scheduler.locks.lease-timeout` (30 s) and the next `lease-validation-interval` (10 s).

    Parameters
    ----------
    name
        What is limited (an archive's host); the same on all workers.
    connections
        Contexts open at one time. Another number makes a separate limit, so that a scheduler that outlives a run
        accepts the next run's number.

    Returns
    -------
    Limiter
        Usable from any thread, and on any worker after pickling.
    """
    return partial(_limit, name, connections)


def _limit(name: str, connections: int) -> AbstractContextManager[Any]:
    """Return the single semaphore for a name and number, of this process' worker or of this process."""
    worker = current_worker()
    key = (None if worker is None else str(worker.id), name, connections)
    with _lock:
        if key not in _limits:
            _limits[key] = _new_limit(worker, name, connections)
        return _limits[key]


def _new_limit(worker: Any, name: str, connections: int) -> AbstractContextManager[Any]:
    if worker is None:
        return threading.BoundedSemaphore(connections)
    from survey_batch.archive.places import Places

    return Places(worker, f"{SEMAPHORE_PREFIX}{name} {connections}", connections)


def current_worker() -> Any:
    """Find the Dask worker that this thread works for, or None; a process that never loaded Dask has none."""
    if "distributed.worker" not in sys.modules:
        return None
    from distributed import get_worker
    from distributed.worker import Worker

    try:
        return get_worker()
    except ValueError:
        # Threads started by a task do not carry its context; they belong to their process' worker.
        alive = (worker for worker in Worker._instances if worker.status.name not in _GONE)  # noqa: SLF001
        return next(alive, None)
