"""Let workers end by themselves before SLURM ends them, so that no unfinished shard is lost at the walltime.

Dask's own `--lifetime` closes a worker in the middle of its task.
"""

import asyncio
import logging
import math
import os
import random
import time
from typing import Any

import dask
from distributed import WorkerPlugin
from distributed.core import Status

from survey_batch.config.job import ClusterSection
from survey_batch.config.sections.slurm_values import EARLIEST, walltime_seconds
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.wording import counted

log = logging.getLogger(__name__)

END = "SURVEY_BATCH_JOB_END"
"""Environment variable of a worker job: when its walltime ends, in seconds since 1970."""
LAST_SECONDS = 5.0
"""Time before the end of the walltime at which a worker closes, unless it has been at one task for very long."""
POLL_SECONDS = 0.2
LONG = 1 / 2
"""Share of the walltime from which on that is so. A task that takes less fits into a new worker; one that has taken
more may fit into none, and was not just begun too late, as tasks like it before would have left less time."""


class Drain(WorkerPlugin):  # type: ignore[misc]
    """Plugin of a worker that stops taking work before the end of its walltime, finishes its tasks, and closes.

    Parameters
    ----------
    margin
        Draining begins at the latest this many seconds before the end, and at the earliest `EARLIEST` times as many.
    walltime
        Seconds that a job has.
    """

    name = "survey-batch drain"

    def __init__(self, margin: float, walltime: float) -> None:
        self.margin, self.walltime = margin, walltime
        self.timer: asyncio.TimerHandle | None = None

    def setup(self, worker: Any) -> None:
        """Set the timer."""
        if END not in os.environ:
            return
        end = float(os.environ[END])
        begin = end - self.margin * random.uniform(1, EARLIEST)  # noqa: S311 - no secret
        loop = asyncio.get_running_loop()
        self.timer = loop.call_later(max(0.0, begin - time.time()), lambda: loop.create_task(self._leave(worker, end)))

    def teardown(self, worker: Any) -> None:  # noqa: ARG002
        """Cancel the timer."""
        if self.timer is not None:
            self.timer.cancel()

    async def _leave(self, worker: Any, end: float) -> None:
        if await finish(worker, end) or not takes_too_long(worker, LONG * self.walltime):
            await close(worker)
            return
        log.warning("a task takes too long for the walltime: SLURM ends this job, so that it is known why")
        await hand_on(worker, remove=False)
        while worker.state.executing_count:
            await asyncio.sleep(POLL_SECONDS)
        await close(worker)


async def drain(worker: Any, end: float) -> None:
    """Let a worker finish its tasks, hand its data on, and close it."""
    await finish(worker, end)
    await close(worker)


async def finish(worker: Any, end: float) -> bool:
    """Let a worker finish its tasks and take no more; tell whether it has until shortly before the end."""
    tasks = counted(worker.state.executing_count, "task")
    log.info("walltime ends in %.0f s: finishing %s", end - time.time(), tasks)
    worker.status = Status.closing_gracefully  # the scheduler gives it no more tasks
    while worker.state.executing_count and time.time() < end - LAST_SECONDS:
        await asyncio.sleep(POLL_SECONDS)
    return not worker.state.executing_count


def takes_too_long(worker: Any, seconds: float) -> bool:
    """Tell whether a worker has been at one task for so long."""
    return any(time.time() - (task.start_time or math.inf) >= seconds for task in worker.state.executing)


async def hand_on(worker: Any, *, remove: bool) -> None:
    """Have a worker's data copied to others, and the worker removed from the scheduler, which blames no task of it."""
    await worker.scheduler.retire_workers(
        workers=[worker.address], close_workers=False, remove=remove, stimulus_id=f"survey-batch-drain-{time.time()}"
    )


async def close(worker: Any) -> None:
    """Hand a worker's data on, and close it."""
    await hand_on(worker, remove=True)
    await worker.close(nanny=True, reason="survey-batch: walltime")


def margin_of(drain_seconds: int | None, walltime: float) -> float:
    """Return seconds before the walltime's end to start draining: as set, or a fifth of it, at most five minutes."""
    return float(drain_seconds) if drain_seconds is not None else min(300.0, walltime / 5)


def walltime_of(section: ClusterSection) -> float:
    """Return a worker job's time limit in seconds: the table's, else the site's, else Dask's own default.

    Raises
    ------
    ConfigurationError
        The site's value is not a time limit.
    """
    try:
        return walltime_seconds(section.walltime or str(dask.config.get("jobqueue.slurm.walltime", None) or "00:30:00"))
    except ValueError as error:
        raise ConfigurationError(
            f"jobqueue.slurm.walltime in Dask's configuration: {error}; or set cluster.walltime"
        ) from error
