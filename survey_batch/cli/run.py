"""`survey-batch run`: do a job, or continue it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from survey_batch.cli.completion import complete_retry
from survey_batch.cli.facts import RunFacts
from survey_batch.cli.frame import command
from survey_batch.cli.options import JobFile, Overrides, open_job
from survey_batch.cli.output import answer, error_console, say
from survey_batch.core import steps
from survey_batch.core.display import objects_in_words
from survey_batch.core.errors import ConfigurationError

if TYPE_CHECKING:
    from survey_batch.config.job import Job
    from survey_batch.config.sections.training import TrainSection
    from survey_batch.execution.accounts import Summary


def run(
    job: JobFile,
    overrides: Overrides = None,
    retry: Annotated[
        str,
        typer.Option(
            metavar="STATUSES",
            help="Try rows with these final statuses again, and what was made from them: not_found,unreadable.",
            show_default=False,
            autocompletion=complete_retry,
        ),
    ] = "",
    break_lock: Annotated[
        bool, typer.Option(help="Take over the output from a run on another machine, if you know it is dead.")
    ] = False,
    train: Annotated[
        bool,
        typer.Option(help="If the classifier of table train does not exist yet, train it before predicting."),
    ] = False,
    performance_report: Annotated[
        bool, typer.Option(help="Keep Dask's report of what the workers did: an HTML file in the output's folder log.")
    ] = False,
) -> None:
    """Do a job. Stop it at any moment; the same command continues it.

    Exit code 0 if every object has its final status, 1 if some are unreachable or failed: the same command tries
    these again.

    Example: survey-batch run jobs/lamost-types.toml --set cluster.workers=4

    Example: survey-batch run jobs/lamost-types.toml --retry not_found,unreadable
    """
    wanted = open_job(job, overrides)
    from survey_batch.cluster.forkserver import begin_early

    begin_early(wanted)  # before the imports that take longest
    from survey_batch.execution.runner import run as run_job
    from survey_batch.monitor.progress import make_progress

    again = retry.split(",") if retry else ()
    progress, before = make_progress(error_console), None
    if train and (first := before_predictions(wanted)):
        before = run_job(first, progress, retry=again, break_lock=break_lock, performance_report=performance_report)
        _train(first)
        again = ()  # what was tried again before the training is final now
    summary = run_job(wanted, progress, retry=again, break_lock=break_lock, performance_report=performance_report)
    summary = summary.after(before) if before else summary
    answer.tell(RunFacts(output=summary.output, counts=summary.counts, stages=summary.stages, retried=summary.retried))
    _show(summary, command("status", job, overrides))
    verbs = ("report", "export") if summary.complete else ("status", "run")
    answer.hint(*(command(verb, job, overrides) for verb in verbs))
    if not summary.complete:
        raise typer.Exit(1)


def before_predictions(job: "Job") -> "Job | None":
    """Return a job without its predictions, to run before training; None if the classifier is trained already.

    Raises
    ------
    ConfigurationError
        The job trains no classifier, predicts with another one, or has no labels.
    """
    from survey_batch.models.awaited import before_training
    from survey_batch.models.loading import family_of
    from survey_batch.models.manifest import MANIFEST
    from survey_batch.training.needs import check_labels, train_table

    wanted = train_table(job, predict=True)
    if (Path(wanted.classifier) / MANIFEST).exists():
        _check_same(wanted)
        say(f"{wanted.classifier} is already trained (to train it again: survey-batch train)")
        return None
    family_of(wanted.kind, wanted.variant).check_environment()
    first = before_training(job)
    check_labels(job)
    return first


def _check_same(section: "TrainSection") -> None:
    from survey_batch.models.artifact import read_manifest
    from survey_batch.models.awaited import other_answers

    there = read_manifest(Path(section.classifier))
    if (there.kind, there.variant) != (section.kind, section.variant):
        raise ConfigurationError(
            f"{section.classifier} holds a classifier of kind {there.kind!r}, variant {there.variant!r}; [train] says "
            f"{section.kind!r}, {section.variant!r}. Train it again with survey-batch train, or name another folder in "
            "train.classifier and predictions.classifier."
        )
    if wrong := other_answers(there, section):
        raise ConfigurationError(
            f"{section.classifier} holds a classifier of {wrong}. Train it again with survey-batch train, or name "
            "another folder in train.classifier and predictions.classifier."
        )


def _train(job: "Job") -> None:
    from survey_batch.models.describe import describe
    from survey_batch.training.train import train

    error_console.print(describe(train(job, progress=say, report=steps.detail)), soft_wrap=True)


def _show(summary: "Summary", status: str) -> None:
    if not summary.worked:
        answer.show("nothing to do: every object has its final status")
    answer.show(objects_in_words(summary.counts), f"products in {summary.output}")
    if set(summary.counts) - {"ok"}:
        answer.show(f"reasons in {summary.output}/problems.parquet (see: {status})")
