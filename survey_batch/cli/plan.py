"""`survey-batch plan`: what a job will do and cost, without touching the archive."""

from dataclasses import replace
from typing import TYPE_CHECKING

from rich.table import Table

from survey_batch.cli.frame import command
from survey_batch.cli.options import JobFile, Overrides, open_job
from survey_batch.cli.output import answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from survey_batch.config.job import ArchiveSection, Job
    from survey_batch.preflight.estimate import Estimate

NEXT = ("doctor", "run")
"""Verbs that come next."""


def plan(job: JobFile, overrides: Overrides = None) -> None:
    """Say what a job will do: objects, files, bytes, memory and time. No file of the archive is read.

    Refuses whatever a run would refuse at its start, such as products of another job (exit code 3).

    Example: survey-batch plan jobs/sdss-cutouts.toml
    """
    wanted = open_job(job, overrides)
    from survey_batch.cluster import kind_of
    from survey_batch.models.awaited import before_training, is_awaited
    from survey_batch.planning.plan import make_plan
    from survey_batch.preflight.estimate import estimate
    from survey_batch.preflight.growth import find_growth
    from survey_batch.preflight.phases import make_groups
    from survey_batch.preflight.provenance import made_already
    from survey_batch.preflight.refusals import missing_archive, refuse_overlaps, refuse_what_cannot_work
    from survey_batch.preflight.relabel import find_relabelling
    from survey_batch.stages import make_stages
    from survey_batch.training.needs import refused_training

    refuse_overlaps(wanted)
    awaited = is_awaited(wanted)
    planned = before_training(wanted) if awaited else wanted
    make_groups(make_stages(planned))  # before the catalogue is read, refuses stages that do not fit together
    made = make_plan(planned)
    stages = make_stages(made.job)
    groups = make_groups(stages)
    kind = kind_of(wanted.cluster)
    cost, elsewhere = estimate(made), kind.elsewhere
    if growth := find_growth(made, stages):
        cost = replace(cost, notes=(*cost.notes, f"{growth}; the figures below are of all rows"))
    if relabelling := find_relabelling(made, stages):
        cost = replace(cost, notes=(*cost.notes, str(relabelling)))
    if elsewhere and (missing := missing_archive(made)):
        cost = replace(cost, notes=(*cost.notes, f"{missing}; it must be one on the machines of the workers"))
    trained_first = [_trained_first(wanted)] if awaited else []
    cost = replace(cost, notes=(*cost.notes, *refused_training(wanted), *trained_first))
    answer.tell(cost.as_dict())
    _show(cost, made.job.archive)
    # Objects that are still to be found have no list yet, so products cannot be compared with it.
    made_already(made, [stage for stage in stages if stage.from_fields or made.size("object")])
    for group in groups:
        kind.check_run(wanted.cluster.for_phase(group.stored[0].phase))
    refuse_what_cannot_work(made, cost, elsewhere=elsewhere)
    answer.hint(*(command(verb, job, overrides, *(["--train"] if awaited and verb == "run" else [])) for verb in NEXT))


def _trained_first(job: "Job") -> str:
    from survey_batch.store.products import product_exists

    folder = job.train.classifier if job.train else ""
    old = ""
    if product_exists(job.output, "predictions"):
        old = "; predictions.zarr is of an earlier classifier: delete it first, or a run may refuse it"
    return (
        f"there is no classifier in {folder} yet: survey-batch run --train trains it as [train] says, then "
        f"predicts; training and predictions are not counted here{old}"
    )


def _show(cost: "Estimate", archive: "ArchiveSection") -> None:
    answer.note(cost.notes)
    from survey_batch.core.wording import counted

    fields = f", in {counted(cost.fields, 'field')}" if cost.fields else ""
    rows = f"{counted(cost.objects, 'object')} ({counted(cost.invalid, 'unusable row')}){fields}"
    answer.show(rows, _table(cost))
    answer.show(*_totals(cost, archive))


def _table(cost: "Estimate") -> Table:
    table = Table("stage", box=None)
    for column in ("shards", "to fetch", "to write, about", "uncompressed", "memory"):
        table.add_column(column, justify="right")
    for stage in cost.stages:
        fetched, written = _files(stage.files, stage.fetch_bytes), _files(stage.written.files, stage.stored_bytes)
        sizes = (_size(stage.product_bytes), _size(stage.process_bytes + stage.worker_bytes))
        table.add_row(stage.stage, f"{stage.shards:,}", fetched, written, *sizes)
    return table


def _totals(cost: "Estimate", archive: "ArchiveSection") -> "Iterator[str]":
    from survey_batch.core.wording import counted, duration, size
    from survey_batch.preflight.downloads import BYTES_PER_SECOND, REQUEST_SECONDS

    yield f"memory: up to {size(cost.worker_bytes)} per worker (in the table: of one thread)"
    notes = f", and up to {cost.most_problem_notes:,} more where objects have problems"
    yield f"disk: {size(cost.stored_bytes)} in about {counted(cost.files_written, 'file')}{notes}"
    if usable := cost.objects - cost.invalid:
        each = f"{cost.cpu_seconds / usable:.2g} s of a core, {_size(cost.stored_bytes / usable)} on disk"
        yield f"an object: {size(cost.fetch_bytes / usable)} to fetch, {each}"
    yield f"work: about {duration(cost.work_seconds)} on {counted(cost.workers, 'worker')}"
    if cost.download_seconds:
        rest = f" and {archive.pause:g} s of pause" if archive.pause else ""
        assumed = f"if a request takes {REQUEST_SECONDS:g} s{rest} and the line carries {size(BYTES_PER_SECOND)}/s"
        line = f"with {counted(archive.connections, 'connection')}, {assumed}"
        yield f"downloading: about {duration(cost.download_seconds)} {line}"
        yield f"in all: about {duration(cost.seconds)}, as workers work while files arrive"


def _files(number: int, nbytes: int) -> str:
    from survey_batch.core.wording import counted

    return f"{counted(number, 'file')}, {_size(nbytes)}" if number else "-"


def _size(nbytes: float) -> str:
    from survey_batch.core.wording import size

    return size(nbytes) if nbytes else "-"
