"""Counts of each shard's failures, and the limits at which it is set aside."""

import logging
from collections import Counter
from collections.abc import Iterable
from types import TracebackType

from distributed import KilledWorker

from survey_batch.core.errors import ConfigurationError, PlanMismatchError, SurveyBatchError
from survey_batch.store.schema import Shard

log = logging.getLogger(__name__)

DEATHS_ALLOWED = 3
"""Worker deaths at which a shard is set aside."""

CAUSES_OF_DEATH = "out of memory, a crash in a library, or the end of its job: cancelled or preempted"

SILENCE = "it sent no heartbeat: it hung, or its machine did"
"""Cause of death of a worker that was given up."""

ERRORS_ALLOWED = 2
"""Errors at which a shard is set aside."""


class Failures:
    """The failures of one group of stages.

    Parameters
    ----------
    deaths_per_report : int
        Workers that must die before the scheduler reports that a task kills workers.
    """

    def __init__(self, deaths_per_report: int) -> None:
        self.deaths_per_report = deaths_per_report
        self.deaths: Counter[tuple[str, int]] = Counter()
        self.errors: Counter[tuple[str, int]] = Counter()

    def note(
        self,
        stage: str,
        shard: Shard,
        error: BaseException,
        traceback: TracebackType | None,
        causes: str = CAUSES_OF_DEATH,
    ) -> str | None:
        """Count a failure of a stage, and log it; return why the shard must be set aside, or None to try again.

        Parameters
        ----------
        causes
            What a worker's death is put down to.

        Raises
        ------
        ConfigurationError, PlanMismatchError
            The job itself is at fault.
        """
        task = (stage, shard.index)
        if isinstance(error, ConfigurationError | PlanMismatchError):
            raise error
        if isinstance(error, KilledWorker):
            self.deaths[task] += self.deaths_per_report
            times = "once" if self.deaths[task] == 1 else f"{self.deaths[task]} times"
            reason = f"its worker died {times} ({causes})"
            give_up = self.deaths[task] >= DEATHS_ALLOWED
        else:
            self.errors[task] += 1
            reason = str(error) if isinstance(error, SurveyBatchError) else f"{type(error).__name__}: {error}"
            give_up = self.errors[task] >= ERRORS_ALLOWED
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
        """Tell whether one more death would set a shard aside, even if another shard of its worker caused it."""
        return any(self.deaths[stage, shard.index] >= DEATHS_ALLOWED - 1 for stage in stages)
