"""`survey-batch plan`: what a job will do and cost, without touching the archive."""

from dataclasses import replace
from typing import TYPE_CHECKING

from rich.table import Table

from survey_batch.cli.options import AsJson, JobFile, Overrides, console, print_json

if TYPE_CHECKING:
    from survey_batch.estimate import Estimate
    from survey_batch.job import Job


def plan(job: JobFile, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Say what a job will do: objects, files, bytes, memory and time. The archive is not touched.

    Example: survey-batch plan jobs/sdss-cutouts.toml
    """
    from survey_batch.classifiers.awaited import before_training, is_awaited
    from survey_batch.estimate import estimate, refuse_what_cannot_fit
    from survey_batch.jobfile import load_job
    from survey_batch.plan import make_plan

    wanted = load_job(job, overrides or ())
    awaited = is_awaited(wanted)
    made = make_plan(before_training(wanted) if awaited else wanted)
    cost = estimate(made)
    if awaited:
        cost = replace(cost, notes=(*cost.notes, _trained_first(wanted)))
    if as_json:
        print_json(cost.as_dict())
    else:
        _show(cost)
    refuse_what_cannot_fit(made, cost)


def _trained_first(job: "Job") -> str:
    folder = job.train.classifier if job.train else ""
    return (
        f"there is no classifier in {folder} yet: survey-batch run --train trains it, as [train] says, before it "
        "predicts; training and predictions are not counted here"
    )


def _show(cost: "Estimate") -> None:
    from survey_batch.progress import clock

    for note in cost.notes:
        console.print(f"[yellow]note[/] {note}", highlight=False)
    fields = f", in {cost.fields:,} fields" if cost.fields else ""
    console.print(f"{cost.objects:,} objects ({cost.invalid:,} invalid rows){fields}", highlight=False)
    table = Table("stage", "shards", "files", "to fetch", "product", "on disk, about", "memory per thread", box=None)
    for stage in cost.stages:
        sizes = (stage.fetch_bytes, stage.product_bytes, stage.stored_bytes, stage.process_bytes + stage.worker_bytes)
        table.add_row(stage.stage, f"{stage.shards:,}", f"{stage.files:,}", *(_size(size) for size in sizes))
    console.print(table)
    console.print(
        f"peak memory {_size(cost.worker_bytes)} per worker, {_size(cost.stored_bytes)} on disk, "
        f"about {clock(cost.seconds)} on {cost.workers} workers where the archive keeps up",
        highlight=False,
    )


def _size(nbytes: float) -> str:
    from dask.utils import format_bytes

    return str(format_bytes(int(nbytes))) if nbytes else "-"
