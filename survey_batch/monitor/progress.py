"""Progress of a run: live bars on a terminal, plain lines in a log."""

import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from survey_batch.core.pace import Pace, Steps
from survey_batch.core.redaction import redacted
from survey_batch.core.wording import rate
from survey_batch.monitor.record import Record
from survey_batch.store.problems import MOST_REASONS, Reasons

LINE_SECONDS = 10.0

LOST = ("not_found", "unreadable")
"""Statuses of rows that the archive gave nothing for."""
MANY = 1 / 3
"""Share of such rows that is told of while a run goes on, because its user may want to stop it."""
LEAST_ROWS, LEAST_SHARE = 1000, 0.1
"""Rows, or the share of a stage's rows if that is less, after which such a share means something."""


@dataclass
class StageProgress:
    """Progress of one stage."""

    name: str
    total: int
    done: int = 0
    worked: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Reasons = field(default_factory=Reasons)
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None

    def __post_init__(self) -> None:
        self._steps = Steps(self.started)

    def add(self, record: Record, rows: int) -> None:
        """Count a finished shard of `rows` rows."""
        self.done += rows
        self.worked += record.rows_done
        self.counts.update(record.counts)
        self.reasons.add(record.reasons)
        if record.rows_done:
            self._steps.add(time.monotonic(), record.rows_done)
        self.ended = time.monotonic() if self.done >= self.total else None

    @property
    def pace(self) -> Pace:
        """Current pace of the stage; after its end, its mean pace."""
        if self.ended is not None:
            return Pace(self.worked / max(self.ended - self.started, 1e-6))
        return self._steps.pace(time.monotonic())

    @property
    def rate(self) -> float:
        """Rows per second over about the last minute."""
        return self.pace.rate

    @property
    def seconds_left(self) -> float | None:
        """Time left at that rate; None if unknown."""
        return self.pace.seconds_left(self.total - self.done)

    @property
    def left(self) -> str:
        """Text with the time left, or how long nothing has happened."""
        return self.pace.left(self.total - self.done)

    def loss(self) -> str:
        """Say that much of what was tried so far came to nothing, and why; "" if little did, or all rows are done."""
        lost = {name: self.counts[name] for name in LOST if self.counts[name]}
        tried = self.counts.total()  # a field is one row, but each of its frames has a status
        if sum(lost.values()) <= MANY * tried or not self._some_done:
            return ""
        counts = ", ".join(f"{number:,} {name}" for name, number in lost.items())
        why = next((f"; most often: {text}" for name, text, _ in self.reasons.most(MOST_REASONS) if name in LOST), "")
        return f"{self.name}: {counts} of {tried:,} so far{why}"

    @property
    def _some_done(self) -> bool:
        return min(LEAST_ROWS, LEAST_SHARE * self.total) <= self.done < self.total

    def line(self) -> str:
        """Return everything in one line."""
        counts = " ".join(f"{name}={number}" for name, number in sorted(self.counts.items()) if number)
        left = "" if self.left in ("", "?") else f", {self.left}" if self.pace.stalled else f", {self.left} left"
        return f"{self.name}: {self.done}/{self.total} ({counts}) {rate(self.rate)}/s{left}"


class LineProgress:
    """Plain progress lines, now and then and at each stage's end; for logs and pipes."""

    def __init__(self, seconds: float = LINE_SECONDS) -> None:
        self.seconds, self.stages, self.last = seconds, dict[str, StageProgress](), time.monotonic()
        self.noted: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; lines need no cleaning up."""

    def stage(self, name: str, total: int, done: int = 0, counts: Mapping[str, int] | None = None) -> None:
        """Begin a stage of `total` rows; an earlier run did `done` of them."""
        self.stages[name] = StageProgress(name, total, done, counts=Counter(counts or {}))

    def record(self, record: Record) -> None:
        """Count a shard; report the end of the stage after its last shard."""
        stage = self.stages[record.stage]
        stage.add(record, -len(record.shard) if record.again else len(record.shard))
        if "loss" not in self.noted and (loss := stage.loss()):
            self.noted.add("loss")  # later stages lack the same rows
            self.note(f"{loss}. The run goes on; Ctrl-C stops it")
        if stage.done >= stage.total:
            self._say(stage)

    def tick(self) -> None:
        """Report the progress of the unfinished stages."""
        if time.monotonic() - self.last >= self.seconds:
            self.last = time.monotonic()
            for stage in self.stages.values():
                if 0 < stage.done < stage.total:
                    self._say(stage)

    def note(self, text: str) -> None:
        """Show a note; if several runs share this progress, only once."""
        if text not in self.noted:
            self.noted.add(text)
            self.say(f"note: {text}")

    def say(self, text: str) -> None:
        """Show a remark."""
        sys.stderr.write(redacted(text) + "\n")
        sys.stderr.flush()

    def _say(self, stage: StageProgress) -> None:
        self.say(stage.line())


class LiveProgress(LineProgress):
    """A live table on a terminal."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.live = Live(console=console, refresh_per_second=4, get_renderable=self._table)

    def __enter__(self) -> Self:
        self.live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.live.__exit__(kind, error, trace)

    def tick(self) -> None:
        """Do nothing: the table draws itself."""

    def say(self, text: str) -> None:
        """Show a remark above the table."""
        self.live.console.print(Text(redacted(text)), soft_wrap=True)  # no markup: paths may contain brackets

    def _say(self, stage: StageProgress) -> None:
        """Do nothing: the table shows it."""

    def _table(self) -> Table:
        table = Table("stage", "done", "share", "per second", "time left", "statuses", box=None, pad_edge=False)
        for stage in self.stages.values():
            share = f"{stage.done / max(stage.total, 1):.0%}"
            counts = " ".join(f"{name}={number:,}" for name, number in sorted(stage.counts.items()) if number)
            table.add_row(
                Text(stage.name), f"{stage.done:,}/{stage.total:,}", share, rate(stage.rate), stage.left, counts
            )
        return table


def make_progress(console: Console) -> LineProgress:
    """Choose live progress on a terminal, plain lines elsewhere."""
    return LiveProgress(console) if console.is_interactive else LineProgress()
