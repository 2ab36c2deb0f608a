"""Hosts that asked to be left alone for some time (Retry-After), in the whole run.

An archive sees one visitor, however many workers there are: what it told one of them holds for all. Inside a Dask
worker the time is kept by the scheduler, so that it outlives the worker that was told, and those that come later keep
it, too. Elsewhere it is kept in this process. It is the time of day, as processes have no other clock in common.
"""

import time
from contextlib import suppress
from typing import Any

from survey_batch.archive.limits import current_worker

LONGEST_HOLD = 86400.0
"""Seconds; a header that asks for more is taken for this."""

KEY = "survey-batch hosts on hold"
"""Where the scheduler keeps them among its metadata: host to time."""

_until: dict[str, float] = {}


def hold(host: str, seconds: float) -> None:
    """Let no request to a host begin for some seconds, in the whole run; a longer time that it asked for stays."""
    until = time.time() + min(seconds, LONGEST_HOLD)
    if until > time.time() + held(host):
        _until[host] = until
        _ask_scheduler("set_metadata", keys=[KEY, host], value=until)


def held(host: str) -> float:
    """Return for how many seconds no request to a host may begin; 0 if it asked for nothing."""
    until = _ask_scheduler("get_metadata", keys=[KEY, host], default=0.0)
    return max(0.0, max(until or 0.0, _until.get(host, 0.0)) - time.time())


def forget() -> None:
    """Forget what hosts told this process."""
    _until.clear()


def _ask_scheduler(what: str, **arguments: Any) -> Any:
    """Call a handler of this worker's scheduler; return None without a worker, or if the scheduler is gone."""
    worker = current_worker()
    if worker is None:
        return None
    from distributed.utils import sync

    with suppress(OSError):
        return sync(worker.loop, getattr(worker.scheduler, what), **arguments)
    return None
