"""The order of the checks: the job, its archive and output, its cluster tables, and a worker of each."""

from collections.abc import Iterator

from survey_batch.cluster import kind_of
from survey_batch.cluster.base import Say
from survey_batch.cluster.tables import Table, tables_of
from survey_batch.config.job import Job
from survey_batch.core.findings import Finding, Findings, Site
from survey_batch.doctor.archive import archive_answers
from survey_batch.doctor.inputs import catalogue_is_readable, classifier_fits, stages_fit
from survey_batch.doctor.output import output_can_be_used, room_is_enough
from survey_batch.doctor.visit import doctor_folder
from survey_batch.doctor.workers import worker_works
from survey_batch.models.awaited import without_predictions
from survey_batch.planning.plan import Plan
from survey_batch.planning.stored import Rows
from survey_batch.preflight.estimate import Estimate
from survey_batch.preflight.trial import sample_rows

HERE = Site("this machine")

TABLE_ADVICE = "check the table [cluster]"


def diagnose(job: Job, *, workers: bool = True, say: Say = lambda _: None) -> Iterator[Finding]:
    """Check early everything that a run needs; findings come as they are made.

    Nothing is computed, and trial files are removed. SLURM's logs of the workers stay in `<output>/log/doctor`.

    Parameters
    ----------
    job : Job
    workers : bool
        Whether to ask the job's cluster for one worker of each table, and to repeat the checks there.
    say : callable
        Called with a message before a slow check.

    Yields
    ------
    Finding
        A failed check does not stop later ones.
    """
    plan = yield from HERE.look(
        "catalogue",
        "correct the table [catalog]; survey-batch catalog shows what it selects",
        catalogue_is_readable(HERE, job),
    )
    cost = yield from _job(job, plan)
    rows = sample_rows(plan) if plan else []
    yield from HERE.look("archive", "check the table [archive]", archive_answers(HERE, job, rows))
    writable = yield from _output(job, plan, cost)
    tables = tables_of(job)
    checks = kind_of(job.cluster).findings(HERE, tables, doctor_folder(job))
    usable = yield from HERE.look("cluster", TABLE_ADVICE, checks)
    if workers:
        yield from _workers(job, tables, usable or [], rows, writable=writable, say=say)


def _job(job: Job, plan: Plan | None) -> Findings[Estimate | None]:
    """Check the classifier, the stages and their workers' memory; return what the plan will cost."""
    fits = True
    if "predictions" in job.stages:
        advice = "make the products with the settings it was trained with, choose another classifier, or train again"
        fits = bool((yield from HERE.look("classifier", advice, classifier_fits(HERE, job))))
    known = job if fits else without_predictions(job)
    if not known.stages:
        yield HERE.skipped("stages", "the job has no stage other than predictions")
        return None
    later = [name for name in job.stages if name not in known.stages]
    return (yield from HERE.look("stages", "correct the job file", stages_fit(HERE, known, plan, later)))


def _output(job: Job, plan: Plan | None, cost: Estimate | None) -> Findings[bool]:
    """Check that the output can be written, and has room."""
    advice = "choose an output that this user can write to"
    writable = yield from HERE.look("output", advice, output_can_be_used(HERE, job))
    if plan and cost:
        yield from HERE.look("room", "choose another output", room_is_enough(HERE, job, plan, cost))
    else:
        yield HERE.skipped("room", "it is not known how much room the job needs")
    return bool(writable)


def _workers(
    job: Job, tables: list[Table], usable: list[Table], rows: list[Rows], *, writable: bool, say: Say
) -> Findings[None]:
    for table in tables:
        site = Site(table.where)
        if table in usable:
            steps = worker_works(site, job, table, rows, writable=writable, say=say)
            yield from site.look("worker", TABLE_ADVICE, steps)
        else:
            yield site.skipped("worker", "no worker was requested, see above")
