"""`survey-batch doctor`: find what would fail late, before a long run."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from survey_batch.cli.facts import DoctorFacts
from survey_batch.cli.frame import command
from survey_batch.cli.options import JobFile, Overrides, open_job
from survey_batch.cli.output import answer, say

if TYPE_CHECKING:
    from survey_batch.doctor import Finding

COLOURS = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}

Workers = Annotated[
    bool, typer.Option("--workers/--no-workers", help="Ask the cluster for a worker, and check from there too.")
]


def doctor(job: JobFile, overrides: Overrides = None, workers: Workers = True) -> None:
    """Check before a long run what would fail late: catalogue, archive, output, classifier, cluster, one worker.

    Exit code 0 if nothing failed, otherwise 1. Nothing is computed or kept.

    Example: survey-batch doctor jobs/lamost-types.toml --set cluster.kind=slurm
    """
    loaded = open_job(job, overrides)
    if workers:
        from survey_batch.cluster.forkserver import begin_early

        begin_early(loaded)
    from survey_batch.doctor import diagnose

    found = list(_shown(diagnose(loaded, workers=workers, say=say)))
    failed = any(finding.state == "failed" for finding in found)
    findings = [finding.as_dict() for finding in found]
    answer.tell(DoctorFacts(output=loaded.output, ok=not failed, findings=findings))
    answer.show(_sum_up(found))
    if failed:
        raise typer.Exit(1)
    from survey_batch.models.awaited import is_awaited

    answer.hint(command("run", job, overrides, *["--train"] * is_awaited(loaded)))


def _shown(findings: "Iterable[Finding]") -> "Iterable[Finding]":
    """Print each finding as it comes."""
    where = ""
    for finding in findings:
        if finding.where != where:
            where = finding.where
            answer.show(Text(f"\n{where}", style="bold"))
        answer.show(_render(finding))
        yield finding


def _render(finding: "Finding") -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(width=7)
    grid.add_column(width=12)
    grid.add_column(overflow="fold")
    told = Text(finding.found)
    if finding.advice:
        told.append(f"\n→ {finding.advice}", style="cyan")
    grid.add_row(Text(finding.state, style=COLOURS[finding.state]), Text(finding.check), told)
    return grid


def _sum_up(found: "list[Finding]") -> Text:
    counts = Counter(str(finding.state) for finding in found)
    told = [Text(f"{counts[state]} {state}", colour) for state, colour in COLOURS.items() if counts[state]]
    return Text("\n").append(Text(", ").join(told))
