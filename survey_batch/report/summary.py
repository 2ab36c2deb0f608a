"""How far a run is, read from an output's products and small files alone.

The run's process is not asked, so this works from another terminal or node, during a run and after one was killed.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from pydantic import ValidationError

from survey_batch.config.job import Job
from survey_batch.core import wording
from survey_batch.core.arrays import Statuses
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.pace import Pace
from survey_batch.core.status import Status, count_statuses, final_status, unfinished
from survey_batch.report.reading import (
    jobs_of_products,
    planned_rows,
    problems_so_far,
    read_group,
    shard_rows,
)
from survey_batch.report.runs import Rate, paces, rates, read_holder, read_newest_log, read_run_file, utc_now
from survey_batch.report.stage_status import StageStatus
from survey_batch.store.marks import read_marks
from survey_batch.store.problems import ProblemCount, count_reasons
from survey_batch.store.root import known_products
from survey_batch.store.schema import PRODUCTS_OF_FRAMES

COMPUTED = ("running", "complete", "seconds_left", "idle_seconds")
"""What `--json` adds to a status, computed from its parts."""


class _Known(dict[str, Any]):
    """A mapping in which a missing value shows as a question mark."""

    def __missing__(self, key: str) -> str:
        return "?"


@dataclass(frozen=True, repr=False)
class RunStatus:
    """How far a job is.

    Attributes
    ----------
    output : str
        Folder or URL of the output.
    job : dict
        The job, with all its keys.
    objects : int
        Rows of the catalogue.
    counts : dict
        Objects per final status, the worst of their statuses in all stages; frames if there are no objects.
    stages : tuple of StageStatus
        The stages, in their order.
    holder : dict
        Who runs it now; empty if nobody does.
    problems : tuple of ProblemCount
        What went wrong, most frequent first.
    problems_current : bool
        False during a long run: the problems are then those of the last run that ended.
    runs : tuple of dict
        The runs that ended, from `run.json`.
    notes : tuple of str
        What the last run that ended told of the catalogue.
    versions : dict
        Versions of the packages that the last run worked with.
    """

    output: str
    job: Mapping[str, Any]
    objects: int
    counts: Mapping[str, int]
    stages: tuple[StageStatus, ...]
    holder: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[ProblemCount, ...] = ()
    problems_current: bool = True
    runs: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether a run holds the output's lock (or died on another machine without releasing it)."""
        return bool(self.holder)

    @property
    def ended(self) -> bool:
        """Whether the last run came to its end."""
        return _ended(self.holder, self.stages)

    @property
    def complete(self) -> bool:
        """Whether nothing is left that another run would work on."""
        return not any(stage.pending or stage.retryable or not stage.created for stage in self.stages)

    @property
    def idle_seconds(self) -> float | None:
        """Seconds since a shard finished in the current run, if that is so long that it stands still."""
        paces = [stage.pace for stage in self.stages if stage.pace]
        stalled = self.running and paces and all(pace.stalled for pace in paces)
        return min(pace.idle for pace in paces) if stalled else None

    @property
    def seconds_left(self) -> float | None:
        """Time left of the current run; None if there is no run or it cannot be told yet.

        Stages work one after the other, so their times add up.
        """
        parts = [stage.seconds_left for stage in self.stages]
        return sum(part for part in parts if part is not None) if self.running and None not in parts else None

    @property
    def state(self) -> str:
        """Say whether a run is under way, whose, and how long it will take."""
        if not self.running:
            return "complete" if self.complete else "not complete: run it again to continue"
        left, idle = self.seconds_left, self.idle_seconds
        who = "run under way: process {pid} of {user} on {host}, since {since}".format_map(_Known(self.holder))
        if idle is not None:
            return f"{who}; last shard finished {wording.duration(idle)} ago"
        return f"{who}; {'time left not known yet' if left is None else f'about {wording.duration(left)} left'}"

    def __repr__(self) -> str:
        width = max((len(stage.name) for stage in self.stages), default=0)
        stages = [f"  {stage.name:{width}}  {stage.rows:,} {stage.axis}s: {stage.said}" for stage in self.stages]
        return "\n".join([f"{self.job['name']}: {self.state}", *stages])

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values, for JSON."""
        problems = [row._asdict() for row in self.problems]
        stages = [{**asdict(stage), "seconds_left": stage.seconds_left} for stage in self.stages]
        computed = {name: getattr(self, name) for name in COMPUTED}
        return {**asdict(self), "stages": stages, "problems": problems, **computed}


def summarize(output: str) -> RunStatus:
    """Read how far the job of an output is.

    Parameters
    ----------
    output : str
        A job's output, a path or an fsspec URL.

    Raises
    ------
    ConfigurationError
        No run has started there.
    """
    run, log, holder = read_run_file(output), read_newest_log(output), read_holder(output)
    job = (log.job if log else None) or run.get("job") or next(jobs_of_products(output), None)
    if not job:
        raise ConfigurationError(
            f"{output}: no run has planned its work here yet. Check the key 'output' of the job file, or start "
            "the job with: survey-batch run JOB.toml"
        )
    speed, now = rates(run.get("runs", ()), log), paces(log, utc_now()) if holder else {}
    names = _stage_names(output, job)
    groups = {name: group for name in names if (group := read_group(output, name)) is not None}
    marks = {name: read_marks(output, name, group).astype(np.uint8, copy=False) for name, group in groups.items()}
    stages = tuple(_stage(output, name, job, marks.get(name), speed.get(name), now.get(name)) for name in names)
    objects = next((stage.rows for stage in stages if stage.axis == "object"), run.get("objects", 0))
    problems, current = problems_so_far(output, ended=_ended(holder, stages))
    return RunStatus(
        output=output,
        job=job,
        objects=objects,
        counts=_final_counts(stages, marks),
        stages=stages,
        holder=holder,
        problems=tuple(count_reasons(problems)),
        problems_current=current,
        runs=tuple(run.get("runs", ())),
        notes=tuple(run.get("notes", ())),
        versions=run.get("versions", {}),
    )


def _stage_names(output: str, job: Mapping[str, Any]) -> list[str]:
    """List the job's stages that have a product, and those that have one from an earlier run of the output."""
    try:
        # Without the cluster: its kind may be a plug-in's that is not installed where the report is made.
        model = Job.model_validate({name: value for name, value in job.items() if name != "cluster"})
    except ValidationError:  # so may be its survey or a stage
        return [name for name in job["stages"] if read_group(output, name) is not None]
    known = dict.fromkeys((*model.stages, *model.kinds))
    others = [name for name in known if name not in model.stages and read_group(output, name) is not None]
    search = ["detections"] if model.catalog.detect is not None else []
    return [*search, *others, *(name for name in model.stages if model.keeps(name))]


def _stage(
    output: str, name: str, job: Mapping[str, Any], status: Statuses | None, rate: Rate | None, pace: Pace | None
) -> StageStatus:
    axis = "frame" if name in PRODUCTS_OF_FRAMES else "object"
    group = read_group(output, name)
    if group is None or status is None:
        return _not_created(output, name, axis, job)
    by_row = status.reshape(len(status), -1)
    waiting = (by_row == Status.PENDING).any(axis=1)
    starts = np.arange(0, len(status), shard_rows(group))
    return StageStatus(
        name,
        axis,
        rows=len(status),
        counts=count_statuses(status),
        pending=int(waiting.sum()),
        retryable=int((unfinished(by_row).any(axis=1) & ~waiting).sum()),
        shards=len(starts),
        shards_done=int((~np.logical_or.reduceat(waiting, starts)).sum()) if len(starts) else 0,
        rate=pace.rate if pace and waiting.any() else rate.rows_per_second if rate else None,
        pace=pace if waiting.any() else None,
    )


def _not_created(output: str, name: str, axis: str, job: Mapping[str, Any]) -> StageStatus:
    rows = planned_rows(output, axis)
    shards = -(-rows // (job["shards"]["objects"] if axis == "object" else 1))
    counts, deleted = {"pending": rows} if rows else {}, name in known_products(output)
    return StageStatus(name, axis, rows, counts, rows, 0, shards, 0, created=False, deleted=deleted)


def _ended(holder: Mapping[str, Any], stages: tuple[StageStatus, ...]) -> bool:
    return not holder and not any(stage.pending or not stage.created for stage in stages)


def _final_counts(stages: tuple[StageStatus, ...], marks: Mapping[str, Statuses]) -> Mapping[str, int]:
    """Count objects by the worst of their statuses; count frames if there are no objects."""
    made = [stage for stage in stages if stage.axis == "object"] or list(stages)
    if any(stage.name not in marks for stage in made):  # nothing is final yet
        return made[-1].counts
    return count_statuses(final_status([marks[stage.name] for stage in made]))
