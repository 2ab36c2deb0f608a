"""The cost of a plan (bytes, memory, time), and whether it fits."""

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dask.utils import parse_bytes

from survey_batch.cluster import worker_count
from survey_batch.config.job import Job
from survey_batch.config.sections.cluster import GPU_PHASE
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import is_url
from survey_batch.core.status import Status
from survey_batch.core.wording import size
from survey_batch.planning.plan import Plan
from survey_batch.preflight.cost_notes import few_objects, long_shards
from survey_batch.preflight.downloads import download_seconds
from survey_batch.preflight.footprint import OTHER_FILES, Footprint, product_footprint
from survey_batch.preflight.less_room import less_room
from survey_batch.preflight.phases import Group, make_groups
from survey_batch.preflight.stage_estimate import StageEstimate
from survey_batch.stages import Stage, make_stages
from survey_batch.stages.base import Cost
from survey_batch.store.products import product_exists, read_status
from survey_batch.store.schema import PRODUCTS_OF_FRAMES

WORKER_BASE_BYTES = 300_000_000
"""Memory of a Dask worker with astropy, xarray and zarr imported and no data (measured on Linux: 270 MB)."""

CLUSTER_START_SECONDS = 5.0
"""Time to start a local cluster and import the package on its workers."""

STORED_SHARE = {"frames": 0.44, "cutouts": 0.43, "spectra": 0.5}
"""Ratio of stored to uncompressed bytes for 24 SDSS frames, 4,276 cutouts of 64 pixels and 312 LAMOST spectra,
measured by `python -m benchmarks`."""

STORED_SHARE_OTHERWISE = 0.95
"""The same ratio for the other products, an estimate."""


@dataclass(frozen=True)
class Estimate:
    """The cost of a plan; all bytes are uncompressed except `stored_bytes`."""

    objects: int
    """Rows of the catalogue."""
    invalid: int
    """Rows among them that cannot be used."""
    fields: int
    """Fields whose frames are needed; 0 for spectra."""
    workers: int
    """Threads of all workers together."""
    stages: tuple[StageEstimate, ...]
    """One for each stage, in order."""
    worker_bytes: int
    """Peak memory of one worker process, in the phase that needs the most."""
    notes: tuple[str, ...]
    """What a person should know before the run."""

    @property
    def stored_bytes(self) -> int:
        """Approximate disk space for all products."""
        return sum(stage.stored_bytes for stage in self.stages)

    @property
    def fetch_bytes(self) -> int:
        """Bytes fetched from the archive."""
        return sum(stage.fetch_bytes for stage in self.stages)

    @property
    def cpu_seconds(self) -> float:
        """CPU time, shared by all workers."""
        return sum(stage.cpu_seconds for stage in self.stages)

    @property
    def download_seconds(self) -> float:
        """Time to download the archive's files; 0 from a folder."""
        return sum(stage.download_seconds for stage in self.stages)

    @property
    def work_seconds(self) -> float:
        """Approximate wall time if the archive is faster than the workers."""
        return self._start_seconds + sum(self._work_seconds(stage) for stage in self.stages)

    @property
    def seconds(self) -> float:
        """Approximate wall time: for each stage the longer of work and downloads, because both run together."""
        longer = (max(self._work_seconds(stage), stage.download_seconds) for stage in self.stages)
        return self._start_seconds + sum(longer)

    @property
    def files_written(self) -> int:
        """Approximate number of files of the products and of the run, without notes of problems."""
        return OTHER_FILES + sum(stage.written.files for stage in self.stages)

    @property
    def most_problem_notes(self) -> int:
        """Maximum number of problem files: one for each shard with problems."""
        return sum(stage.shards for stage in self.stages)

    @property
    def _start_seconds(self) -> float:
        return CLUSTER_START_SECONDS + sum(stage.start_seconds for stage in self.stages)

    def _work_seconds(self, stage: StageEstimate) -> float:
        return stage.cpu_seconds / min(self.workers, stage.shards or 1)

    def as_dict(self) -> dict[str, Any]:
        """Everything, for `--json`."""
        return {**asdict(self), **{name: getattr(self, name) for name in totals()}}


def totals() -> list[str]:
    """Name what is computed from the parts of an estimate, and told beside them."""
    return [name for name, value in vars(Estimate).items() if isinstance(value, property) and name[0] != "_"]


def estimate(plan: Plan) -> Estimate:
    """Estimate a plan's cost without touching the output; of an archive in a folder, some files' sizes are read."""
    stages, most = make_stages(plan.job), plan.job.cluster.for_phase("ingest")
    slots = worker_count(most) * most.threads
    needs = {stage.name: stage.cost(plan) for stage in stages}
    costs = {stage.name: _stage(plan, stage, needs[stage.name], slots) for stage in stages}
    unknown = [
        f"{name}: it is not known {need.unknown}, and not counted" for name, need in needs.items() if need.unknown
    ]
    return Estimate(
        objects=plan.size("object"),
        invalid=plan.invalid,
        fields=plan.size("frame"),
        workers=slots,
        stages=tuple(costs.values()),
        worker_bytes=max(_worker_bytes(plan.job, group, costs) for group in make_groups(stages)),
        notes=(*plan.notes, *few_objects(plan, costs), *long_shards(plan, costs), *unknown),
    )


def refuse_what_cannot_fit(plan: Plan, cost: Estimate) -> None:
    """Refuse a job that needs more memory per worker or more disk space than there is.

    Raises
    ------
    ConfigurationError
        Says what is needed, what is available, and what to change.
    """
    refuse_small_workers(plan, cost)
    if not is_url(plan.job.output):
        _refuse_full_disk(plan.job, cost)


def refuse_small_workers(plan: Plan, cost: Estimate) -> None:
    """Refuse a job that needs more memory per worker than its tables allow, as `refuse_what_cannot_fit` does."""
    costs = {stage.stage: stage for stage in cost.stages}
    for group in make_groups(make_stages(plan.job)):
        _refuse_small_workers(plan.job, group, costs)


def missing_bytes(output: str, cost: Estimate) -> int:
    """Estimate the space needed by products that do not exist yet or are incomplete."""
    return sum(round(stage.stored_bytes * share_left(output, stage.stage, cost)) for stage in cost.stages)


def share_left(output: str, product: str, cost: Estimate) -> float:
    """Return the share of a product's rows that are not there yet; the catalogue may have grown since it was made."""
    if not product_exists(output, product):
        return 1.0
    status = read_status(output, product)
    rows = max(cost.fields if product in PRODUCTS_OF_FRAMES else cost.objects, len(status), 1)
    done = (status != Status.PENDING).reshape(len(status), -1).mean(axis=1)
    return 1.0 - float(done.sum()) / rows


def nearest_folder(path: str) -> Path:
    """Return the folder, or its nearest parent that exists: both are on the same disk."""
    return next(parent for parent in (Path(path).absolute(), *Path(path).absolute().parents) if parent.exists())


def _refuse_small_workers(job: Job, group: Group, costs: Mapping[str, StageEstimate]) -> None:
    section, needed = job.cluster.for_phase(group.stored[0].phase), _worker_bytes(job, group, costs)
    if needed <= parse_bytes(section.memory):
        return
    fixed = _fixed_bytes(group, costs)
    largest = max(group.stages, key=lambda stage: costs[stage.name].worker_bytes)
    table = "cluster.gpu" if group.stored[0].phase == GPU_PHASE and job.cluster.gpu else "cluster"
    ways = [largest.less_memory] if largest.less_memory else []
    ways += [f"{table}.threads (now {section.threads})"] if section.threads > 1 else []
    lower = f"lower {' or '.join(ways)}, or raise" if ways else "raise"
    if fixed > parse_bytes(section.memory):  # fewer objects or threads would not help
        lower = f"{size(fixed)} of that are needed before any data; raise"
    raise ConfigurationError(
        f"stage {largest.name!r} needs about {size(needed)} per worker, and {table}.memory is {section.memory}: "
        f"{lower} {table}.memory"
    )


def _refuse_full_disk(job: Job, cost: Estimate) -> None:
    missing, folder = missing_bytes(job.output, cost), nearest_folder(job.output)
    free = shutil.disk_usage(folder).free
    if missing > free:
        raise ConfigurationError(
            f"the products need about {size(missing)} and {folder} has {size(free)} free: {less_room(job)}"
        )


def _worker_bytes(job: Job, group: Group, costs: Mapping[str, StageEstimate]) -> int:
    """Estimate a worker's memory: per thread, the group's largest stage plus the blocks handed on beside it."""
    threads = job.cluster.for_phase(group.stored[0].phase).threads
    handed_on = sum(costs[stage.name].worker_bytes for stage in group.stages if not stage.stored)
    shard = handed_on + max(costs[stage.name].worker_bytes for stage in group.stored)
    return _fixed_bytes(group, costs) + threads * shard


def _fixed_bytes(group: Group, costs: Mapping[str, StageEstimate]) -> int:
    """Estimate a worker's memory without data."""
    return WORKER_BASE_BYTES + max(costs[stage.name].process_bytes for stage in group.stages)


def _stage(plan: Plan, stage: Stage, cost: Cost, slots: int) -> StageEstimate:
    shards = len(plan.shards(stage.axis))
    at_once = cost.at_once * min(slots, shards)
    nbytes = stage.schema(plan.size(stage.axis)).nbytes if stage.stored else 0
    return StageEstimate(
        stage.name,
        shards,
        cost.files,
        cost.fetch_bytes,
        nbytes,
        int(nbytes * STORED_SHARE.get(stage.name, STORED_SHARE_OTHERWISE)),
        cost.process_bytes,
        cost.worker_bytes,
        cost.cpu_seconds,
        cost.start_seconds,
        download_seconds(plan.job.archive, cost.files * cost.requests, cost.fetch_bytes, at_once),
        product_footprint(stage, plan) if stage.stored else Footprint(0, 0),
    )
