"""What runs of several sizes cost, as tables and as a picture."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
from matplotlib.ticker import NullFormatter, StrMethodFormatter

Stages = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Cost:
    """What one run took.

    Attributes
    ----------
    job : str
        What was run.
    objects, workers : int
        How many there were.
    wall, cpu : float
        Seconds from the start of the cluster to the end of the run, and CPU-seconds of all its processes.
    stages : dict
        Rows, CPU-seconds of tasks and seconds of each stage.
    """

    job: str
    objects: int
    workers: int
    wall: float
    cpu: float
    stages: Stages = field(default_factory=dict)

    def said(self) -> str:
        """Say it in a line."""
        return f"{self.job}: {self.objects:,} objects, {self.workers} workers: {self.wall:.1f} s, {self.cpu:.1f} CPU-s"

    def each(self, stage: str) -> float:
        """CPU-milliseconds of a stage for each object."""
        return 1000 * self.stages[stage]["cpu_seconds"] / self.objects


def tables(costs: list[Cost]) -> str:
    """Write a table in Markdown for each job."""
    return "\n\n".join("\n".join(_table([cost for cost in costs if cost.job == job])) for job in _jobs(costs))


def _jobs(costs: list[Cost]) -> Iterable[str]:
    return dict.fromkeys(cost.job for cost in costs)


def _table(costs: list[Cost]) -> Iterable[str]:
    stages = list(costs[0].stages)
    yield f"| {costs[0].job} | workers | seconds | objects a second | CPU-ms an object, all | {' | '.join(stages)} |"
    yield "|" + " --- |" * (5 + len(stages))
    for cost in costs:
        cells = [f"{cost.objects:,}", str(cost.workers), f"{cost.wall:.1f}", f"{cost.objects / cost.wall:,.0f}"]
        cells += [f"{1000 * cost.cpu / cost.objects:.2f}", *(f"{cost.each(stage):.3f}" for stage in stages)]
        yield f"| {' | '.join(cells)} |"


def draw_costs(costs: list[Cost], path: Path) -> None:
    """Draw for each job the seconds of a run, and the CPU time of an object by stage, against the number of objects."""
    jobs = list(_jobs(costs))
    figure, axes = plt.subplots(2, len(jobs), figsize=(5 * len(jobs), 7), layout="constrained", squeeze=False)
    for (above, below), job in zip(axes.T, jobs, strict=True):
        of_job = [cost for cost in costs if cost.job == job]
        for workers in sorted({cost.workers for cost in of_job}):
            runs = [cost for cost in of_job if cost.workers == workers]
            objects = [cost.objects for cost in runs]
            label = f"{workers} worker{'s' * (workers > 1)}"
            above.loglog(objects, [cost.wall for cost in runs], "o-", label=label)
        fewest = min(cost.workers for cost in of_job)
        runs = [cost for cost in of_job if cost.workers == fewest]
        objects = [cost.objects for cost in runs]
        below.loglog(objects, [1000 * cost.cpu / cost.objects for cost in runs], "ko--", label="all processes")
        for stage in runs[0].stages:
            below.loglog(objects, [cost.each(stage) for cost in runs], "o-", label=stage)
        above.set(title=job, ylabel="seconds of a run")
        below.set(xlabel="objects", ylabel=f"CPU-milliseconds an object, {fewest} worker{'s' * (fewest > 1)}")
        for axis in (above, below):
            low, high = axis.get_ylim()
            axis.set_ylim(low, high * (high / low) ** 0.4)  # room for the legend
            axis.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
            axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axis.yaxis.set_minor_formatter(NullFormatter())
            axis.grid(alpha=0.3)
            axis.legend(fontsize=8, loc="upper right", ncols=3)
    figure.savefig(path, dpi=90)
    plt.close(figure)
