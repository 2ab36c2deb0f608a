"""The parts of the page made of words, numbers and bars: head, statuses, timing, settings."""

import json
from collections.abc import Iterator
from datetime import datetime

from survey_batch.core import wording
from survey_batch.report.page import Html, Measure, badge, bar, markup, section, table, tag
from survey_batch.report.runs import rates, read_newest_log, totals
from survey_batch.report.stage_status import StageStatus
from survey_batch.report.style import INK, STATUS_COLORS
from survey_batch.report.summary import RunStatus
from survey_batch.store.schema import PRODUCTS_OF_FRAMES

CPU_COLOR = "#8fa3b8"


def head(status: RunStatus) -> Html:
    """Make what stands above the sections: name, main numbers, date, duration, and notes on the catalogue."""
    cards = [_card(status.objects, "objects", INK)]
    cards += [_card(count, name.replace("_", " "), STATUS_COLORS[name]) for name, count in status.counts.items()]
    notes = [tag("p", note, class_="note") for note in status.notes]
    parts = (
        tag("h1", status.job["name"]),
        tag("p", " · ".join(_facts(status)), class_="subtitle"),
        *_banner(status),
        tag("div", *cards, class_="cards"),
        *([tag("p", tag("b", "Noticed in the catalogue:")), *notes] if notes else []),
    )
    return markup(parts)


def _card(number: int, name: str, color: str) -> Html:
    return tag("div", tag("b", f"{number:,}"), tag("span", name), class_="card", style=f"border-color:{color}")


def _facts(status: RunStatus) -> Iterator[str]:
    yield f"{status.job['archive']['survey'].upper()}: {' → '.join(stage.name for stage in status.stages)}"
    if status.runs:
        yield f"last run {_when(status.runs[-1]['started'])}, {wording.duration(status.runs[-1]['seconds'])}"
    if len(status.runs) > 1:
        yield f"{len(status.runs)} runs, {wording.duration(sum(run['seconds'] for run in status.runs))} together"
    if version := status.versions.get("survey-batch"):
        yield f"survey_batch {version}"


def _banner(status: RunStatus) -> Iterator[Html]:
    if status.running:
        yield tag("p", "A run is under way: this page shows what was finished when it was written.", class_="banner")
    elif not status.complete:
        yield tag("p", "Not complete: run the same command again to continue.", class_="banner")


def _when(time: str) -> str:
    return datetime.fromisoformat(time).strftime("%Y-%m-%d %H:%M UTC")


def stage_section(status: RunStatus) -> Html:
    """Make the section with the statuses of each stage."""
    rows = [
        (tag("b", stage.name), _size(stage), f"{stage.shards_done:,} / {stage.shards:,}", _legend(stage), _bar(stage))
        for stage in status.stages
    ]
    return section(
        "Status of the objects",
        table(
            ("stage", "rows", "shards done", "statuses", ""),
            rows,
            numeric=(1, 2),
            label="Stages, and the statuses of their rows",
            class_="bars stacked",
        ),
        note="A stage passes on the status of an object that it could not use; the worst of all is the final one.",
    )


def _size(stage: StageStatus) -> str:
    cells = sum(stage.counts.values())
    bands = f" × {wording.counted(cells // stage.rows, 'band')}" if stage.rows and cells > stage.rows else ""
    return f"{wording.counted(stage.rows, stage.axis)}{bands}"


def _bar(stage: StageStatus) -> Html:
    total = max(sum(stage.counts.values()), 1)
    return bar((f"{name}: {count:,}", count / total, STATUS_COLORS[name]) for name, count in stage.counts.items())


def _legend(stage: StageStatus) -> list[Html | str]:
    return [badge(f"{count:,} {name}", STATUS_COLORS[name]) for name, count in stage.counts.items()]


def timing_section(status: RunStatus) -> Html:
    """Make the section with each stage's wall and CPU time over all runs; its last rate if no run has ended yet."""
    spent = totals(status.runs) or rates((), read_newest_log(status.output))
    longest = max((max(t.wall_seconds, t.cpu_seconds) for t in spent.values()), default=1)
    rows = []
    for name, t in spent.items():
        bars = [
            bar([(f"wall time {t.wall_seconds:,.1f} s", 1, INK)], 100 * t.wall_seconds / longest),
            bar([(f"CPU time {t.cpu_seconds:,.1f} s", 1, CPU_COLOR)], 100 * t.cpu_seconds / longest),
        ]
        unit = "frames" if name in PRODUCTS_OF_FRAMES else "objects"
        rate = f"{wording.rate(t.rows_per_second)} {unit}/s" if t.rows_per_second else ""
        size = Measure(wording.size(t.nbytes), t.nbytes)
        rows.append((tag("b", name), f"{t.wall_seconds:,.1f} s", f"{t.cpu_seconds:,.1f} s", rate, size, bars))
    return section(
        "Time",
        table(
            ("stage", badge("wall", INK), badge("CPU", CPU_COLOR), "rate", "written", ""),
            rows,
            numeric=(1, 2, 3, 4),
            label="Time that each stage took",
            class_="bars",
        ),
        note="All runs; CPU time of all workers. Stages of one phase share their wall time. Sizes are uncompressed.",
    )


def settings_section(status: RunStatus) -> Html:
    """Make the section with the job and the versions it was run with."""
    versions = [(name, version) for name, version in status.versions.items()]
    listed = table(("package", "version"), versions, label="Versions")
    return section(
        "How it was made",
        tag("details", tag("summary", "The job"), tag("pre", json.dumps(status.job, indent=2), class_="job")),
        *([tag("details", tag("summary", "Versions"), listed)] if versions else []),
    )
