"""`survey-batch status`: how far a job is, read from its products alone."""

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from survey_batch.cli.frame import command
from survey_batch.cli.options import JobFile, Overrides, open_job
from survey_batch.cli.output import answer, console
from survey_batch.core.errors import ConfigurationError

if TYPE_CHECKING:
    from survey_batch.report.summary import RunStatus

MOST_OF_THE_TIME = 10
"""Reading 10^8 statuses takes a while; the pause between two looks is at least this many times as long."""

REASONS = 2
"""Number of reasons in a line, the commonest ones."""

WAITING = "waiting for a run to begin (Ctrl-C to stop)"


def status(
    job: JobFile,
    overrides: Overrides = None,
    follow: Annotated[bool, typer.Option(help="Wait for a run to begin, and repeat until it has ended.")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two reports, with --follow.")] = 5.0,
) -> None:
    """Say how far a job is: counts, rates, what is left, and problems by reason.

    Works from another terminal or node while the job runs.

    Example: survey-batch status jobs/lamost-types.toml --follow
    """
    output = open_job(job, overrides).output
    from survey_batch.report.summary import summarize
    from survey_batch.report.terminal import render

    if follow:
        _follow(output, every)
        return
    found = summarize(output)
    answer.tell(found.as_dict())
    answer.show(render(found))
    if not (found.complete or found.running):
        answer.hint(command("run", job, overrides))


def _follow(output: str, every: float) -> None:
    """Redraw on a terminal; elsewhere, and with `--json`, print a line for each look."""
    from survey_batch.report.terminal import render

    answer.clear()
    if answer.as_json or not console.is_interactive:
        for summary in looks(output, every):
            typer.echo(_line(summary, answer.as_json))  # echo does not hold lines back in a pipe
        return
    with Live(console=console, auto_refresh=False) as live:
        for summary in looks(output, every):
            waits = summary is None or not (summary.running or summary.complete)
            parts = [*([render(summary)] if summary else []), *([Text(WAITING, "italic")] if waits else [])]
            live.update(Group(*parts), refresh=True)


def looks(output: str, seconds: float) -> Iterator["RunStatus | None"]:
    """Look at a job repeatedly, until the current run has ended or nothing is left to do.

    Yields
    ------
    RunStatus or None
        None until a run has made a plan.
    """
    from survey_batch.report.summary import summarize

    seen_running = False
    while True:
        begun = time.monotonic()
        try:
            summary = summarize(output)
        except ConfigurationError:
            summary = None
        yield summary
        if summary is not None and not summary.running and (seen_running or summary.complete):
            return
        seen_running |= summary is not None and summary.running
        time.sleep(max(seconds, MOST_OF_THE_TIME * (time.monotonic() - begun)))


def _line(summary: "RunStatus | None", as_json: bool) -> str:
    if as_json:
        return json.dumps(summary.as_dict() if summary else None, default=str)
    if summary is None:
        return WAITING
    stages = "; ".join(
        f"{stage.name} {stage.rows - stage.pending:,}/{stage.rows:,} ({stage.said})" for stage in summary.stages
    )
    reasons = "".join(
        f"; {count:,} {stage} {status}: {reason}" for stage, status, reason, count in summary.problems[:REASONS]
    )
    return f"{time.strftime('%H:%M:%S')} {stages}; {summary.state}{reasons}"
