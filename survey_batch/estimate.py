"""What a plan will cost, and whether it fits: bytes, memory, time."""

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dask.utils import parse_bytes

from survey_batch.cluster import worker_count
from survey_batch.errors import ConfigurationError
from survey_batch.job import Job
from survey_batch.paths import is_url
from survey_batch.phases import Group, make_groups
from survey_batch.plan import Plan
from survey_batch.products import product_exists, read_status
from survey_batch.sections.cluster import GPU_PHASE
from survey_batch.stages import Stage, make_stages
from survey_batch.stages.base import Cost
from survey_batch.status import Status

WORKER_BASE_BYTES = 300_000_000
"""A Dask worker with astropy, xarray and zarr imported and no data (measured on Linux: 270 MB)."""

CLUSTER_START_SECONDS = 5.0
"""Starting a local cluster and importing the package on its workers."""

STORED_SHARE = {"frames": 0.44, "cutouts": 0.43, "spectra": 0.5}
"""Stored bytes by uncompressed bytes: of 24 SDSS frames, 4,276 cutouts of 64 pixels and 312 LAMOST spectra, measured
by `python -m benchmarks`."""

STORED_SHARE_OTHERWISE = 0.95
"""Of the other products, an estimate."""


@dataclass(frozen=True)
class StageEstimate:
    """One stage's share of an estimate."""

    stage: str
    shards: int
    files: int
    fetch_bytes: int
    product_bytes: int
    stored_bytes: int
    process_bytes: int
    worker_bytes: int
    cpu_seconds: float
    start_seconds: float


@dataclass(frozen=True)
class Estimate:
    """What a plan will cost; all bytes uncompressed but `stored_bytes`."""

    objects: int
    invalid: int
    fields: int
    workers: int
    stages: tuple[StageEstimate, ...]
    worker_bytes: int
    """Peak memory of one worker process, in the phase that needs most."""
    notes: tuple[str, ...]

    @property
    def stored_bytes(self) -> int:
        """Space on disk for all products, about."""
        return sum(stage.stored_bytes for stage in self.stages)

    @property
    def seconds(self) -> float:
        """Wall time, about, where the archive answers faster than the workers work."""
        work = sum(stage.cpu_seconds / min(self.workers, stage.shards or 1) for stage in self.stages)
        return CLUSTER_START_SECONDS + sum(stage.start_seconds for stage in self.stages) + work

    def as_dict(self) -> dict[str, Any]:
        """Everything, for `--json`."""
        totals = {name: getattr(self, name) for name in ("stored_bytes", "seconds")}
        return {**asdict(self), **totals}


def estimate(plan: Plan) -> Estimate:
    """Estimate a plan's cost without touching the archive or the output."""
    stages, most = make_stages(plan.job), plan.job.cluster.for_phase("ingest")
    costs = {stage.name: _stage(plan, stage) for stage in stages}
    return Estimate(
        objects=plan.size("object"),
        invalid=plan.invalid,
        fields=plan.size("frame"),
        workers=worker_count(most) * most.threads,
        stages=tuple(costs.values()),
        worker_bytes=max(_worker_bytes(plan.job, group, costs) for group in make_groups(stages)),
        notes=plan.notes,
    )


def refuse_what_cannot_fit(plan: Plan, cost: Estimate) -> None:
    """Refuse a job that needs more memory per worker or more disk than there is.

    Raises
    ------
    ConfigurationError
        Says what is needed, what there is, and what to change.
    """
    refuse_small_workers(plan, cost)
    if not is_url(plan.job.output):
        _refuse_full_disk(plan.job.output, cost)


def refuse_small_workers(plan: Plan, cost: Estimate) -> None:
    """Refuse a job that needs more memory per worker than its tables allow, as `refuse_what_cannot_fit` does."""
    costs = {stage.stage: stage for stage in cost.stages}
    for group in make_groups(make_stages(plan.job)):
        _refuse_small_workers(plan.job, group, costs)


def missing_bytes(output: str, cost: Estimate) -> int:
    """Space that products need of which nothing, or not all, is there yet, about."""
    return sum(round(stage.stored_bytes * share_left(output, stage.stage)) for stage in cost.stages)


def share_left(output: str, product: str) -> float:
    """Share of a product's rows that are not there yet."""
    if not product_exists(output, product):
        return 1.0
    return float((read_status(output, product) == Status.PENDING).mean())


def nearest_folder(path: str) -> Path:
    """The folder itself, or the nearest one above it that is there: both are on the same disk."""
    return next(parent for parent in (Path(path).absolute(), *Path(path).absolute().parents) if parent.exists())


def _refuse_small_workers(job: Job, group: Group, costs: Mapping[str, StageEstimate]) -> None:
    section, needed = job.cluster.for_phase(group.kept[0].phase), _worker_bytes(job, group, costs)
    if needed <= parse_bytes(section.memory):
        return
    largest = max((costs[stage.name] for stage in group.stages), key=lambda stage: stage.worker_bytes)
    table = "cluster.gpu" if group.kept[0].phase == GPU_PHASE and job.cluster.gpu else "cluster"
    raise ConfigurationError(
        f"stage {largest.stage!r} needs about {needed / 1e9:.1f} GB per worker, and {table}.memory is "
        f"{section.memory}: lower shards.objects (now {job.shards.objects}) or {table}.threads (now "
        f"{section.threads}), or raise {table}.memory"
    )


def _refuse_full_disk(output: str, cost: Estimate) -> None:
    missing, folder = missing_bytes(output, cost), nearest_folder(output)
    free = shutil.disk_usage(folder).free
    if missing > free:
        raise ConfigurationError(
            f"the products need about {missing / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB free: "
            "choose another output, fewer objects, a smaller cutouts.size, or frames.keep = false"
        )


def _worker_bytes(job: Job, group: Group, costs: Mapping[str, StageEstimate]) -> int:
    """Memory of a worker: in each thread a group's largest stage, with the blocks that are handed on beside it."""
    threads = job.cluster.for_phase(group.kept[0].phase).threads
    handed_on = sum(costs[stage.name].worker_bytes for stage in group.stages if not stage.kept)
    shard = handed_on + max(costs[stage.name].worker_bytes for stage in group.kept)
    return WORKER_BASE_BYTES + max(costs[stage.name].process_bytes for stage in group.stages) + threads * shard


def _stage(plan: Plan, stage: Stage) -> StageEstimate:
    cost: Cost = stage.cost(plan)
    nbytes = stage.schema(plan.size(stage.axis)).nbytes if stage.kept else 0
    return StageEstimate(
        stage.name,
        len(plan.shards(stage.axis)),
        cost.files,
        cost.fetch_bytes,
        nbytes,
        int(nbytes * STORED_SHARE.get(stage.name, STORED_SHARE_OTHERWISE)),
        cost.process_bytes,
        cost.worker_bytes,
        cost.cpu_seconds,
        cost.start_seconds,
    )
