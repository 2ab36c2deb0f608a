"""One stage of a job, run in this process by the functions that Dask's workers call."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from survey_batch.config.job import Job
from survey_batch.core.status import Status, count_statuses
from survey_batch.execution.shard_task import run_shard
from survey_batch.planning.plan import Plan, make_plan
from survey_batch.preflight.provenance import provenance_of
from survey_batch.stages import make_stage
from survey_batch.store.products import create_product, read_status
from survey_batch.store.schema import Shard


def make_job(stage: str, archive: dict[str, Any], catalog: dict[str, Any], output: Path, **tables: Any) -> Job:
    """Make a job with one stage and every default."""
    return Job.model_validate(
        {
            "name": "benchmark",
            "output": str(output),
            "stages": [stage],
            "catalog": catalog,
            "archive": archive,
            **tables,
        }
    )


def lay_out(job: Job) -> Plan:
    """Do what comes before the first shard: plan, store the plan, create the product."""
    plan = make_plan(job)
    plan.store()
    stage = make_stage(job, job.stages[0])
    create_product(job.output, stage.schema(plan.size(stage.axis)), {"provenance": provenance_of(plan, stage)})
    return plan


def ready(job: Job) -> list[Callable[[], None]]:
    """Lay a job out and return the work that is left, shard by shard, and a check of its end."""
    plan, name = lay_out(job), job.stages[0]
    shards = plan.shards(make_stage(job, name).axis)
    work: list[Callable[[], None]] = [partial(_run, job, name, shard) for shard in shards]
    return [*work, partial(check, job)]


def _run(job: Job, name: str, shard: Shard) -> None:
    run_shard(job, name, shard)


def check(job: Job) -> None:
    """Fail where a row stays pending or ends as `failed`: a benchmark of nothing is none."""
    counts = count_statuses(read_status(job.output, job.stages[0]))
    if bad := {Status.PENDING.name.lower(), Status.FAILED.name.lower()} & set(counts):
        raise RuntimeError(f"{job.stages[0]}: {counts}, and nothing should be {bad}")


def stored_share(job: Job) -> tuple[int, int]:
    """Bytes on disk of a job's product, and bytes of its arrays."""
    name = job.stages[0]
    stage = make_stage(job, name)
    files = (Path(job.output) / f"{name}.zarr").rglob("*")
    rows = read_status(job.output, name).shape[0]
    return sum(file.stat().st_size for file in files if file.is_file()), stage.schema(rows).nbytes
