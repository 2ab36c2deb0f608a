"""Counts of each shard's failures, and the limits at which it is set aside.

A worker's death counts only if its work may have caused it. On SLURM that may become known a while later, so what is
known of each death is asked for whenever deaths are counted.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from types import TracebackType

from distributed import KilledWorker

from survey_batch.cluster.base import Death
from survey_batch.core.errors import ConfigurationError, PlanMismatchError, SurveyBatchError
from survey_batch.store.schema import Shard

log = logging.getLogger(__name__)

DEATHS_ALLOWED = 3
"""Worker deaths at which a shard is set aside; the ends of jobs at their time limit count like the others."""

CAUSES_OF_DEATH = "out of memory, a crash in a library, or the end of its job: cancelled or preempted"

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

    def __init__(self, death_of: Callable[[str, str], Death], per_report: int = 1) -> None:
        self.death_of, self.per_report = death_of, per_report
        self.dead: defaultdict[Hashable, list[tuple[str, str]]] = defaultdict(list)

    def note(self, task: Hashable, error: KilledWorker) -> str:
        """Note that a task's worker died; say what is known of it, for a person."""
        worker = error.last_worker
        self.dead[task].append((str(worker.name), worker.address) if worker is not None else ("", ""))
        last = self.death_of(*self.dead[task][-1])
        return self.why(task) if last.guilty else f"its worker is gone: {last.told}"

    def why(self, task: Hashable) -> str:
        """Say for a person how often a task's worker died, and of what; only deaths that count."""
        count = self.count(task)
        deaths = [self.death_of(*dead) for dead in self.dead[task]]
        causes = "; ".join(dict.fromkeys(death.told or CAUSES_OF_DEATH for death in deaths if death.guilty))
        advice = "; ".join(dict.fromkeys(death.advice for death in deaths if death.guilty and death.advice))
        return f"its worker died {'once' if count == 1 else f'{count} times'} ({causes})" + (advice and f": {advice}")

    def count(self, task: Hashable, *, unknown: bool = False) -> int:
        """Count a task's deaths; those of which nothing is known yet count only if `unknown`."""
        known = [self.death_of(*dead).guilty for dead in self.dead.get(task, ())]
        return self.per_report * sum(unknown if guilty is None else guilty for guilty in known)


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
            reason = self.deaths.note(task, error)
            give_up = self.deaths.count(task) >= DEATHS_ALLOWED
            reason = self.deaths.why(task) if give_up else reason
        else:
            self.errors[task].append(node)
            reason = str(error) if isinstance(error, SurveyBatchError) else f"{type(error).__name__}: {error}"
            alone = elsewhere and node != "" and set(self.errors[task]) == {node}
            give_up = len(self.errors[task]) >= ERRORS_ALLOWED and not alone
        told = error.traceback if isinstance(error, SurveyBatchError) else ""
        log.warning(
            "%s %s: %s; %s",
            stage,
            shard,
            reason,
            "set aside" if give_up else "trying again",
            exc_info=None if told or isinstance(error, KilledWorker) else (type(error), error, traceback),
            extra={
                "event": "set aside" if give_up else "retry",
                "stage": stage,
                "shard": shard.index,
                **({"traceback": told} if told else {}),
            },
        )
        return reason if give_up else None

    def at_last_try(self, shard: Shard, stages: Iterable[str]) -> bool:
        """Tell whether one more death may set a shard aside, even if another shard of its worker caused it."""
        return any(self.deaths.count((stage, shard.index), unknown=True) >= DEATHS_ALLOWED - 1 for stage in stages)
