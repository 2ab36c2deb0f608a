"""Figures of the runs on a scheduler, which the page and Prometheus show."""

import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from survey_batch.archive.limits import SEMAPHORE_PREFIX
from survey_batch.core.pace import RATE_SECONDS
from survey_batch.monitor.traffic_metrics import METRIC

PAGE = "/survey-batch"
HISTORY = 3600
"""Number of moments to keep: one hour, one per second."""
StageFigures = Mapping[str, Any]


@dataclass(frozen=True)
class Moment:
    """Figures at one time.

    Attributes
    ----------
    time : float
        Seconds since 1970.
    worked : dict
        Rows that each stage has worked on in this run.
    nbytes : float
        Bytes downloaded so far by all workers, including those that have left.
    """

    time: float
    worked: Mapping[str, int]
    nbytes: float


@dataclass
class RunFigures:
    """Progress of one run."""

    job: str
    output: str
    started: float = field(default_factory=time.time)
    stages: Sequence[StageFigures] = ()
    history: deque[Moment] = field(default_factory=lambda: deque(maxlen=HISTORY))


class MonitorFigures:
    """Figures of all runs on a scheduler.

    The process that drives a run reports the progress of its stages. Workers report what they downloaded. The scheduler
    itself knows who is connected to an archive.
    """

    def __init__(self) -> None:
        self.runs: dict[str, RunFigures] = {}
        self.traffic: dict[str, Mapping[str, float]] = {}
        """Traffic by worker, including workers that have left."""
        self.scheduler: Any = None

    def progress(self, job: str, output: str, stages: Sequence[StageFigures]) -> None:
        """Store the progress that the driver of a run reports."""
        run = self.runs.pop(output, None) or RunFigures(job, output)
        self.runs[output] = run  # the most recently updated run comes last
        run.job, run.stages = job, stages
        worked = {stage["name"]: stage["worked"] for stage in stages}
        run.history.append(Moment(time.time(), worked, self.downloaded["bytes"]))

    @property
    def downloaded(self) -> Counter[str]:
        """Counts of `Traffic`, summed over all workers so far, as of their last heartbeats."""
        for worker in self.scheduler.workers.values():
            if METRIC in worker.metrics:
                self.traffic[worker.server_id] = worker.metrics[METRIC]
        total: Counter[str] = Counter()
        for counts in self.traffic.values():
            total.update(counts)
        return total

    @property
    def connections(self) -> tuple[int, int]:
        """Current requests to archives, and the maximum."""
        semaphores = self.scheduler.extensions["semaphores"]
        names = [name for name in semaphores.max_leases if str(name).startswith(SEMAPHORE_PREFIX)]
        return sum(len(semaphores.leases[name]) for name in names), sum(semaphores.max_leases[name] for name in names)

    @property
    def gpus(self) -> dict[str, float]:
        """Utilisation of each worker's GPU, 0 to 1, as Dask gets it from NVIDIA's library."""
        metrics = {str(worker.name): worker.metrics for worker in self.scheduler.workers.values()}
        return {name: found["gpu_utilization"] / 100 for name, found in metrics.items() if "gpu_utilization" in found}


def rates(history: Sequence[Moment], value: str, stage: str = "") -> list[float]:
    """Return the growth rate of a count at each moment, over the `RATE_SECONDS` before it; 0 at the first.

    Parameters
    ----------
    value
        `worked` (of the stage `stage`) or `nbytes`.
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
    """Return the status counts of a stage, with unfinished rows as `pending`; a frame has one status per band."""
    counts = {name: int(number) for name, number in stage["counts"].items() if name != "pending"}
    each = max(1, round(sum(counts.values()) / stage["done"])) if stage["done"] else 1
    left = (stage["total"] - stage["done"]) * each
    return {**counts, "pending": left} if left else counts
