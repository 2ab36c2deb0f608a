"""The last stage of a job, run in this process by the functions that Dask's workers call."""

from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.timing import Work
from survey_batch.config.job import Job
from survey_batch.core.status import Status, count_statuses
from survey_batch.execution.shard_task import run_shard
from survey_batch.planning.plan import Plan, make_plan
from survey_batch.preflight.provenance import provenance_of
from survey_batch.stages import make_stage
from survey_batch.store.products import create_product, read_status


def make_job(
    stages: str | list[str], archive: dict[str, Any], catalog: dict[str, Any], output: Path, **tables: Any
) -> Job:
    """Make a job with one stage, or several, and every default."""
    return Job.model_validate(
        {
            "name": "benchmark",
            "output": str(output),
            "stages": [stages] if isinstance(stages, str) else stages,
            "catalog": catalog,
            "archive": archive,
            **tables,
        }
    )


def lay_out(job: Job) -> Plan:
    """Do what comes before the first shard: plan, store the plan, create the product."""
    plan = make_plan(job)
    plan.store()
    stage = make_stage(job, job.stages[-1])
    create_product(job.output, stage.schema(plan.size(stage.axis)), {"provenance": provenance_of(plan, stage)})
    return plan


def ready(job: Job) -> list[Work]:
    """Lay a job out and return the work that is left, shard by shard, and a check of its end."""
    plan, name = lay_out(job), job.stages[-1]
    shards = plan.shards(make_stage(job, name).axis)
    return [*(partial(run_shard, job, name, shard) for shard in shards), partial(check, job)]


def check(job: Job) -> None:
    """Fail where a row stays pending or ends as `failed`: a benchmark of nothing is none."""
    counts = count_statuses(read_status(job.output, job.stages[-1]))
    if bad := {Status.PENDING.name.lower(), Status.FAILED.name.lower()} & set(counts):
        raise RuntimeError(f"{job.stages[-1]}: {counts}, and nothing should be {bad}")


def run_through(job: Job) -> None:
    """Make the product."""
    for work in ready(job):
        work()


def stored_share(job: Job) -> tuple[int, int]:
    """Bytes on disk of a job's product, and bytes of its arrays."""
    name = job.stages[-1]
    stage = make_stage(job, name)
    files = (Path(job.output) / f"{name}.zarr").rglob("*")
    rows = read_status(job.output, name).shape[0]
    return sum(file.stat().st_size for file in files if file.is_file()), stage.schema(rows).nbytes


def on_disk(job: Job) -> str:
    """Say how much smaller a job's product is on disk than its arrays are."""
    disk, memory = stored_share(job)
    return f"on disk {disk / 1e6:.1f} of {memory / 1e6:.1f} MB ({disk / memory:.2f})"
