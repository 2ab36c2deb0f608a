"""On the scheduler: what is known of the runs that work there.

The process that drives a run tells how far its stages are; workers tell what they downloaded; the scheduler itself
knows who is connected to an archive. The page and Prometheus read it here.
"""

import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from distributed import SchedulerPlugin

from survey_batch.archive.limits import SEMAPHORE_PREFIX
from survey_batch.core.pace import RATE_SECONDS
from survey_batch.monitor.traffic_metrics import METRIC

PAGE = "/survey-batch"
RPC = "survey_batch_progress"
HISTORY = 3600
"""Moments that are kept: an hour of them, one a second."""
StageFigures = Mapping[str, Any]


@dataclass(frozen=True)
class Moment:
    """What was known at one time.

    Attributes
    ----------
    time : float
        Seconds since 1970.
    worked : dict
        Rows that each stage has worked on in this run.
    nbytes : float
        Downloaded so far, by all workers there ever were.
    """

    time: float
    worked: Mapping[str, int]
    nbytes: float


@dataclass
class RunFigures:
    """How far one run is."""

    job: str
    output: str
    started: float = field(default_factory=time.time)
    stages: Sequence[StageFigures] = ()
    history: deque[Moment] = field(default_factory=lambda: deque(maxlen=HISTORY))


class Monitor(SchedulerPlugin):  # type: ignore[misc]
    """Holds the figures of all runs on this scheduler."""

    name = "survey-batch monitor"
    idempotent = True

    def __init__(self) -> None:
        self.runs: dict[str, RunFigures] = {}
        self.traffic: dict[str, Mapping[str, float]] = {}
        """By worker, those that have gone included."""
        self.scheduler: Any = None
        self.collector: Any = None

    async def start(self, scheduler: Any) -> None:
        """Be called once, on the scheduler."""
        self.scheduler = scheduler
        scheduler.handlers[RPC] = self.progress
        from survey_batch.monitor.page import add_page  # Bokeh takes a second to import: on the scheduler alone
        from survey_batch.monitor.prometheus import add_collector

        add_page(scheduler, self)
        self.collector = add_collector(self)

    async def close(self) -> None:
        """Take the figures out of this process' registry."""
        if self.collector is not None:
            self.collector.remove()

    def progress(self, job: str, output: str, stages: Sequence[StageFigures]) -> None:
        """Take note of what the driver of a run says."""
        run = self.runs.pop(output, None) or RunFigures(job, output)
        self.runs[output] = run  # the one that was heard of last comes last
        run.job, run.stages = job, stages
        worked = {stage["name"]: stage["worked"] for stage in stages}
        run.history.append(Moment(time.time(), worked, self.downloaded["bytes"]))

    @property
    def downloaded(self) -> Counter[str]:
        """Counts of `Traffic`, added up over all workers there ever were, as of their last heartbeats."""
        for worker in self.scheduler.workers.values():
            if METRIC in worker.metrics:
                self.traffic[worker.server_id] = worker.metrics[METRIC]
        total: Counter[str] = Counter()
        for counts in self.traffic.values():
            total.update(counts)
        return total

    @property
    def connections(self) -> tuple[int, int]:
        """Requests to archives that are under way, and how many may be."""
        semaphores = self.scheduler.extensions["semaphores"]
        names = [name for name in semaphores.max_leases if str(name).startswith(SEMAPHORE_PREFIX)]
        return sum(len(semaphores.leases[name]) for name in names), sum(semaphores.max_leases[name] for name in names)

    @property
    def gpus(self) -> dict[str, float]:
        """Utilisation of each worker's GPU, 0 to 1, as NVIDIA's library tells Dask."""
        metrics = {str(worker.name): worker.metrics for worker in self.scheduler.workers.values()}
        return {name: found["gpu_utilization"] / 100 for name, found in metrics.items() if "gpu_utilization" in found}


def rates(history: Sequence[Moment], value: str, stage: str = "") -> list[float]:
    """How fast a count grew, at each moment, over the `RATE_SECONDS` before it; 0 at the first.

    Parameters
    ----------
    value
        `worked`, of which `stage` is meant, or `nbytes`.
    """
    counts = [moment.worked.get(stage, 0) if value == "worked" else moment.nbytes for moment in history]
    found, first = [], 0
    for last, moment in enumerate(history):
        while moment.time - history[first].time > RATE_SECONDS:
            first += 1
        seconds = moment.time - history[first].time
        found.append((counts[last] - counts[first]) / seconds if seconds else 0.0)
    return found


def with_pending(stage: StageFigures) -> dict[str, int]:
    """Statuses of a stage, those of rows that are not done yet as `pending`; a frame has one for each band."""
    counts = {name: int(number) for name, number in stage["counts"].items() if name != "pending"}
    each = max(1, round(sum(counts.values()) / stage["done"])) if stage["done"] else 1
    left = (stage["total"] - stage["done"]) * each
    return {**counts, "pending": left} if left else counts
