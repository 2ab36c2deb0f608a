"""`survey-batch run`: do a job, from where it is."""

from typing import TYPE_CHECKING, Annotated

import typer

from survey_batch.cli.options import AsJson, JobFile, Overrides, console, error_console, print_json

if TYPE_CHECKING:
    from survey_batch.run import Summary


def run(
    job: JobFile,
    overrides: Overrides = None,
    as_json: AsJson = False,
    break_lock: Annotated[
        bool, typer.Option(help="Take the output over from a run on another machine that you know is dead.")
    ] = False,
) -> None:
    """Do a job. Stop it at any moment; the same command goes on where it was.

    Ends with 0 where every object has its final status, and with 1 where some are unreachable or failed: the
    same command tries these again.

    Example: survey-batch run jobs/lamost-types.toml --set cluster.workers=4
    """
    from survey_batch.jobfile import load_job
    from survey_batch.progress import make_progress
    from survey_batch.run import run as run_job

    summary = run_job(load_job(job, overrides or ()), make_progress(error_console), break_lock=break_lock)
    if as_json:
        print_json({"output": summary.output, "counts": summary.counts, "stages": summary.stages})
    else:
        _show(summary)
    if not summary.complete:
        raise typer.Exit(1)


def _show(summary: "Summary") -> None:
    if not summary.worked:
        console.print("nothing to do: every object has its final status", highlight=False)
    counts = ", ".join(f"{number:,} {name}" for name, number in summary.counts.items())
    console.print(f"{sum(summary.counts.values()):,} objects: {counts}", highlight=False)
    console.print(f"products in {summary.output}", highlight=False, soft_wrap=True)
    if set(summary.counts) - {"ok"}:
        console.print(f"reasons in {summary.output}/problems.parquet (see: survey-batch status)", soft_wrap=True)
