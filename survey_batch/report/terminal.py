"""A job's status laid out for a terminal."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from survey_batch.core import wording
from survey_batch.core.display import in_words
from survey_batch.report.summary import RunStatus


def render(status: RunStatus) -> RenderableType:
    """Lay a job's status out for a terminal."""
    parts: list[RenderableType] = [Text.assemble((str(status.job["name"]), "bold"), f"  {status.state}")]
    parts.append(_stage_table(status))
    parts.append(Text(f"objects: {in_words(status.counts)}"))
    if status.problems:
        parts.append(_problem_table(status))
    return Group(*parts)


def _stage_table(status: RunStatus) -> Table:
    table = Table("stage", "rows", "shards", "statuses", "rows/s", "left", "time left", box=None, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"  # a narrow terminal breaks words rather than hide statuses
    for stage in status.stages:
        left = f"{stage.pending:,}" + (f" + {stage.retryable:,} to try again" if stage.retryable else "")
        table.add_row(
            Text(stage.name),
            wording.counted(stage.rows, stage.axis),
            f"{stage.shards_done:,}/{stage.shards:,}",
            stage.said,
            wording.rate(stage.rate) if stage.rate else "",
            left if stage.pending or stage.retryable else "nothing",
            stage.left,
        )
    return table


def _problem_table(status: RunStatus) -> Table:
    title = "problems" + ("" if status.problems_current else " (as of the last run that ended)")
    table = Table("how many", "stage", "status", "reason, one of them", box=None, pad_edge=False, title=title)
    table.title_justify = "left"
    for stage, name, reason, count in status.problems:
        table.add_row(f"{count:,}", stage, name, Text(reason, overflow="fold"))
    return table
