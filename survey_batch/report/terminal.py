"""A job's status laid out for a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from survey_batch.core import wording
from survey_batch.report.summary import RunStatus


def render(status: RunStatus) -> RenderableType:
    """Lay a job's status out for a terminal."""
    parts: list[RenderableType] = [Text.assemble((str(status.job["name"]), "bold"), f"  {state(status)}")]
    parts.append(_stage_table(status))
    parts.append(Text(f"objects: {words(status.counts)}"))
    if status.problems:
        parts.append(_problem_table(status))
    return Group(*parts)


def state(status: RunStatus) -> str:
    """Say whether a run is under way, who started it, and how long it will take."""
    if status.running:
        left, idle = status.seconds_left, status.idle_seconds
        who = "run under way: process {pid} of {user} on {host}, since {since}".format_map(_Known(status.holder))
        if idle is not None:
            return f"{who}; last shard finished {wording.duration(idle)} ago"
        return f"{who}; {'time left not known yet' if left is None else f'about {wording.duration(left)} left'}"
    return "complete" if status.complete else "not complete: run it again to continue"


class _Known(dict[str, Any]):
    """A mapping in which a missing value shows as a question mark."""

    def __missing__(self, key: str) -> str:
        return "?"


def _stage_table(status: RunStatus) -> Table:
    table = Table("stage", "rows", "shards", "statuses", "rows/s", "left", "time left", box=None, pad_edge=False)
    for stage in status.stages:
        left = f"{stage.pending:,}" + (f" + {stage.retryable:,} to try again" if stage.retryable else "")
        table.add_row(
            Text(stage.name),
            f"{stage.rows:,} {stage.axis}s",
            f"{stage.shards_done:,}/{stage.shards:,}",
            words(stage.counts) if stage.created else "not started",
            wording.rate(stage.rate) if stage.rate else "",
            left if stage.pending or stage.retryable else "nothing",
            stage.left,
        )
    return table


def _problem_table(status: RunStatus) -> Table:
    title = "problems" + ("" if status.problems_current else " (as of the last run that ended)")
    table = Table("how many", "stage", "status", "reason, with one example", box=None, pad_edge=False, title=title)
    table.title_justify = "left"
    for stage, name, reason, count in status.problems:
        table.add_row(f"{count:,}", stage, name, Text(reason, overflow="fold"))
    return table


def words(counts: Mapping[str, int]) -> str:
    """Write counts by status in one line."""
    return ", ".join(f"{number:,} {name}" for name, number in counts.items())
