"""The accounts of a run: what it did, and whether its counts add up."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from survey_batch.core.display import html_table, in_words, objects_in_words
from survey_batch.core.errors import SurveyBatchError
from survey_batch.core.redaction import redacted
from survey_batch.core.status import count_statuses, final_status
from survey_batch.core.steps import step
from survey_batch.core.wording import counted
from survey_batch.execution.checkpoint import Checkpoint
from survey_batch.execution.runfile import damaged_accounts, last_counts, write_run
from survey_batch.monitor.record import Record
from survey_batch.planning.plan import Plan
from survey_batch.stages import Stage
from survey_batch.store.disk import has_vanished, refuse_if_vanished
from survey_batch.store.notes import collect_problems
from survey_batch.store.products import product_exists, read_status
from survey_batch.store.schema import Array, Axis

log = logging.getLogger(__name__)


@dataclass
class Summary:
    """Result of a run.

    Attributes
    ----------
    counts : dict
        Objects per final status, which is the worst status in all products; the counts add up to the catalogue.
    stages : dict
        Per stage: rows per status (none if the product is not stored), rows done in this run, wall and CPU seconds.
    worked : bool
        False if everything was already finished.
    retried : dict
        Per stage: rows with a final status that this run tried again because it was told so.
    """

    output: str
    counts: dict[str, int] = field(default_factory=dict)
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    worked: bool = False
    retried: dict[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Summary of {redacted(self.output)}: {objects_in_words(self.counts)}>"

    def _repr_html_(self) -> str:
        return html_table(repr(self)[1:-1], {name: in_words(stage["counts"]) for name, stage in self.stages.items()})

    @property
    def complete(self) -> bool:
        """Whether nothing is left for another run to retry."""
        return not {"pending", "unreachable", "failed"} & set(self.counts)

    def after(self, before: "Summary") -> "Summary":
        """Prepend the stages of an earlier part of the run."""
        return replace(
            self,
            stages={**before.stages, **self.stages},
            worked=before.worked or self.worked,
            retried={**before.retried, **self.retried},
        )


class Accounts:
    """Keeps a run's counts and times, and writes them at its end.

    Parameters
    ----------
    plan
        What the run works on.
    stages
        Its stages, in order.
    """

    def __init__(self, plan: Plan, stages: Sequence[Stage]) -> None:
        self.plan, self.output = plan, plan.job.output
        self.names = [stage.name for stage in stages]
        self.axes: dict[str, Axis] = {stage.name: stage.axis for stage in stages}
        self.stages = [stage for stage in stages if stage.stored]
        self.started = time.time()
        self.summary = Summary(self.output)
        self.timing: dict[str, dict[str, float]] = {}
        self.checkpoint = Checkpoint(self.output)

    def record(self, record: Record) -> None:
        """Add up what a finished shard took."""
        self.checkpoint.note(record.mark)
        timing = self.timing.setdefault(record.stage, {})
        for key in ("rows_done", "cpu_seconds", "nbytes"):
            timing[key] = timing.get(key, 0) + getattr(record, key)

    @contextmanager
    def timed(self, stages: Sequence[Stage]) -> Iterator[None]:
        """Add up how long a group of stages takes, also if it ends in an error: damaged data makes it begin again."""
        begun = time.monotonic()
        try:
            yield
        finally:
            for timing in (self.timing.setdefault(stage.name, {}) for stage in stages):
                timing["wall_seconds"] = round(timing.get("wall_seconds", 0) + time.monotonic() - begun, 3)

    def account(self, log_path: str) -> Summary:
        """Count, check that the counts add up, and write `problems.parquet` and `run.json`.

        A run that has nothing to do writes them if the one before was killed when it had only this left to do.
        """
        refuse_if_vanished(self.output)
        step("counting")
        self._count()
        if self.summary.worked or damaged_accounts(self.output) or not self._accounted_for():
            self._write(log_path, "complete" if self.summary.complete else "incomplete")
        self._check()
        log.info("run ended", extra={"event": "ended", "counts": self.summary.counts})
        return self.summary

    def account_for(self, error: Exception, log_path: str) -> None:
        """Write the accounts of a run that ends in an error; a failure here must not hide that error.

        Where the output has gone, nothing is written: it would make another one in its place.
        """
        if has_vanished(self.output):
            return
        try:
            self._count()
            self._write(log_path, "error", str(error) or type(error).__name__)
        except OSError as failure:  # such as a full disk, which may be the error itself
            log.warning("problems.parquet or run.json could not be written: %s", failure)
        except Exception:
            log.warning("problems.parquet or run.json could not be written", exc_info=True)

    def _count(self) -> None:
        """Count rows by status in each product; a product that was not begun is pending."""
        statuses = {stage.name: self._status(stage) for stage in self.stages}
        for name in (name for name in self.names if name in statuses or name in self.timing):
            counts = count_statuses(statuses[name]) if name in statuses else {}
            self.summary.stages[name] = {"counts": counts, **self.timing.get(name, {})}
        objects = [statuses[stage.name] for stage in self.stages if stage.axis == "object"]
        self.summary.counts = count_statuses(final_status(objects or list(statuses.values())))
        self.checkpoint.end()

    def _accounted_for(self) -> bool:
        """Tell whether `run.json` has these counts already."""
        written = last_counts(self.output)
        return all(written.get(name) == stage["counts"] for name, stage in self.summary.stages.items())

    def _status(self, stage: Stage) -> Array:
        if product_exists(self.output, stage.name):
            return read_status(self.output, stage.name)
        return np.zeros(self.plan.size(stage.axis), np.uint8)

    def _write(self, log_path: str, ended: str, error: str = "") -> None:
        collect_problems(self.output, {name: self.plan.shards(axis) for name, axis in self.axes.items()})
        write_run(self.plan, self.summary.counts, self.summary.stages, self.started, log_path, ended, error)

    def _check(self) -> None:
        if pending := [name for name, stage in self.summary.stages.items() if "pending" in stage["counts"]]:
            raise SurveyBatchError(
                f"{self.output}: rows of {', '.join(pending)} are still pending after the run. Run the same "
                "command again; if this happens again, it is a defect: please report it."
            )
        total, expected = sum(self.summary.counts.values()), self.plan.size("object")
        if total != expected and any(stage.axis == "object" for stage in self.stages):
            raise SurveyBatchError(
                f"{self.output}: {counted(total, 'status', 'statuses')} for {counted(expected, 'object')}: this is a "
                "defect, please report it"
            )
