"""`survey-batch doctor`: find what would fail late, before a long run."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from survey_batch.cli.options import AsJson, JobFile, Overrides, console, print_json, say

if TYPE_CHECKING:
    from survey_batch.doctor import Finding

COLOURS = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}

Workers = Annotated[
    bool, typer.Option("--workers/--no-workers", help="Ask the cluster for a worker, and check from there too.")
]


def doctor(job: JobFile, overrides: Overrides = None, workers: Workers = True, as_json: AsJson = False) -> None:
    """Check before a long run what would fail late: catalogue, archive, output, classifier, cluster, one worker.

    Exit code 0 if nothing failed, otherwise 1. Nothing is computed or kept.

    Example: survey-batch doctor jobs/lamost-types.toml --set cluster.kind=slurm
    """
    from survey_batch.config.jobfile import load_job
    from survey_batch.doctor import diagnose

    loaded = load_job(job, overrides or ())
    findings = diagnose(loaded, workers=workers, say=say)
    found = list(findings) if as_json else list(_shown(findings))
    failed = any(finding.state == "failed" for finding in found)
    if as_json:
        print_json({"output": loaded.output, "ok": not failed, "findings": [finding.as_dict() for finding in found]})
    else:
        _sum_up(found)
    if failed:
        raise typer.Exit(1)


def _shown(findings: "Iterable[Finding]") -> "Iterable[Finding]":
    """Print each finding as it comes."""
    where = ""
    for finding in findings:
        if finding.where != where:
            where = finding.where
            console.print(f"\n{where}", style="bold")
        console.print(_render(finding))
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


def _sum_up(found: "list[Finding]") -> None:
    counts = Counter(str(finding.state) for finding in found)
    told = [Text(f"{counts[state]} {state}", colour) for state, colour in COLOURS.items() if counts[state]]
    console.print("\n", Text(", ").join(told), sep="")
