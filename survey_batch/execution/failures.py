"""Counts of each shard's failures, and the limits at which it is set aside.

A worker's death counts only if its work may have caused it. On SLURM that may become known a while later, so what is
known of each death is asked for whenever deaths are counted.
"""

import logging
import math
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from types import TracebackType
from typing import Any, Self

from distributed import KilledWorker

from survey_batch.cluster.base import MEMORY_FIRST, Connection, Death
from survey_batch.core.errors import ConfigurationError, PlanMismatchError, SurveyBatchError
from survey_batch.store.schema import Shard

log = logging.getLogger(__name__)

DEATHS_ALLOWED = 3
"""Worker deaths at which a shard is set aside; the ends of jobs at their time limit count like the others."""

DOUBT_SECONDS = 300.0
"""Time after a worker's death for which its shard waits, at its last try, to know whether the death counts. SLURM tells
at the next look at its queue, unless it clears up after the job for minutes or does not answer."""

CAUSES_OF_DEATH = "out of memory, a crash in a library, or the end of its job: cancelled or preempted"

ADVICE = MEMORY_FIRST.format(logs="the log of the run (log/ in the output) or of the worker")
"""What to do about a death of which the cluster knows no more."""

ERRORS_ALLOWED = 2
"""Errors at which a shard is set aside, if they were not all on one node of several."""


class Deaths:
    """The deaths of workers that each task may be at fault for.

    Parameters
    ----------
    death_of : callable
        Returns what is known of a worker's death, by its name and address.
    per_report : int
        Workers that must die before the scheduler reports that a task kills workers.
    """

    def __init__(
        self,
        death_of: Callable[[str, str], Death],
        per_report: int = 1,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.death_of, self.per_report, self.now = death_of, per_report, now
        self.dead: defaultdict[Hashable, list[tuple[str, str]]] = defaultdict(list)
        self.last: dict[Hashable, float] = {}  # when a worker last died of a task

    @classmethod
    def on(cls, connection: Connection) -> Self:
        """Begin to count on a cluster; a scheduler that we did not start tries a task several times by itself."""
        return cls(connection.why_died, 1 + int(connection.client.run_on_scheduler(_allowed_failures)))

    def note(self, task: Hashable, error: KilledWorker) -> str:
        """Note that a task's worker died; say what is known of it, for a person."""
        worker, self.last[task] = error.last_worker, self.now()
        self.dead[task].append((str(worker.name), worker.address) if worker is not None else ("", ""))
        last = self.death_of(*self.dead[task][-1])
        return self._told(task, self._guilty(task)) if last.guilty else f"its worker is gone: {last.told}"

    def verdict(self, task: Hashable) -> str | None:
        """Say why a task is not tried again, and what to do, by what is known now of its workers' deaths; else None."""
        if self.count(task) < DEATHS_ALLOWED:
            return None
        guilty = self._guilty(task)
        advice = "; ".join(dict.fromkeys(death.advice or ADVICE for death in guilty))
        return f"{self._told(task, guilty)}: {advice}"

    def _guilty(self, task: Hashable) -> list[Death]:
        return [death for dead in self.dead[task] if (death := self.death_of(*dead)).guilty]

    def _told(self, task: Hashable, guilty: Iterable[Death]) -> str:
        """Say how often a task's worker died, and of what; only deaths that count."""
        count = self.count(task)
        causes = "; ".join(dict.fromkeys(death.told or CAUSES_OF_DEATH for death in guilty))
        return f"its worker died {'once' if count == 1 else f'{count} times'} ({causes})"

    def count(self, task: Hashable, *, unknown: bool = False) -> int:
        """Count a task's deaths; those of which nothing is known yet count only if `unknown`."""
        known = [self.death_of(*dead).guilty for dead in self.dead.get(task, ())]
        return self.per_report * sum(unknown if guilty is None else guilty for guilty in known)

    def in_doubt(self, task: Hashable) -> bool:
        """Tell whether deaths of which nothing is known yet decide about a task; not for ever."""
        recent = self.now() - self.last.get(task, -math.inf) < DOUBT_SECONDS
        return recent and self.count(task) < DEATHS_ALLOWED <= self.count(task, unknown=True)


class Failures:
    """The failures of one group of stages.

    Parameters
    ----------
    deaths : Deaths
        Those of its tasks, each named by its stage and shard.
    """

    def __init__(self, deaths: Deaths) -> None:
        self.deaths = deaths
        self.errors: defaultdict[tuple[str, int], list[str]] = defaultdict(list)  # the node of each; "" if not known

    def note(
        self,
        stage: str,
        shard: Shard,
        error: BaseException,
        traceback: TracebackType | None,
        node: str = "",
        *,
        elsewhere: bool = False,
    ) -> str | None:
        """Count a failure of a stage, and log it; return why the shard must be set aside, or None to try again.

        Parameters
        ----------
        stage, shard
            What failed.
        error, traceback
            How.
        node
            Where; "" if that is not known.
        elsewhere
            Whether the shard can be tried on another node: no node decides alone that a shard cannot be done.

        Raises
        ------
        ConfigurationError, PlanMismatchError
            The job itself is at fault.
        """
        task = (stage, shard.index)
        if isinstance(error, ConfigurationError | PlanMismatchError):
            raise error
        if isinstance(error, KilledWorker):
            reason, died = self.deaths.note(task, error), self.verdict(stage, shard)
            if died is None:
                _tell(stage, shard, reason, give_up=False)
            return died
        self.errors[task].append(node)
        reason = str(error) if isinstance(error, SurveyBatchError) else f"{type(error).__name__}: {error}"
        alone = elsewhere and node != "" and set(self.errors[task]) == {node}
        give_up = len(self.errors[task]) >= ERRORS_ALLOWED and not alone
        if isinstance(error, SurveyBatchError) and error.traceback:
            _tell(stage, shard, reason, give_up=give_up, traceback=error.traceback)
        else:
            _tell(stage, shard, reason, give_up=give_up, error=(type(error), error, traceback))
        return reason if give_up else None

    def verdict(self, stage: str, shard: Shard) -> str | None:
        """Return why a shard must be set aside by what is known now of its workers' deaths, and log it; else None."""
        reason = self.deaths.verdict((stage, shard.index))
        if reason is not None:
            _tell(stage, shard, reason, give_up=True)
        return reason

    def in_doubt(self, shard: Shard, stages: Iterable[str]) -> bool:
        """Tell whether deaths of which nothing is known yet decide whether a shard is set aside."""
        return any(self.deaths.in_doubt((stage, shard.index)) for stage in stages)

    def at_last_try(self, shard: Shard, stages: Iterable[str]) -> bool:
        """Tell whether one more death may set a shard aside, even if another shard of its worker caused it."""
        return any(self.deaths.count((stage, shard.index), unknown=True) >= DEATHS_ALLOWED - 1 for stage in stages)


def _allowed_failures(dask_scheduler: Any) -> int:
    return int(dask_scheduler.allowed_failures)


def _tell(
    stage: str,
    shard: Shard,
    reason: str,
    *,
    give_up: bool,
    error: tuple[type[BaseException], BaseException, TracebackType | None] | None = None,
    traceback: str = "",
) -> None:
    what = {"event": "set aside" if give_up else "retry", "stage": stage, "shard": shard.index}
    extra = {**what, **({"traceback": traceback} if traceback else {})}
    then = "set aside" if give_up else "trying again"
    log.warning("%s %s: %s; %s", stage, shard, reason, then, exc_info=error, extra=extra)
