"""Progress reports from the process that drives a run to its scheduler, about once a second."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from distributed import Client

from survey_batch.cluster.base import register
from survey_batch.config.job import Job
from survey_batch.monitor.plugin import RPC, Monitor
from survey_batch.monitor.progress import StageProgress
from survey_batch.monitor.run_figures import PAGE
from survey_batch.monitor.traffic_metrics import TrafficMetrics

log = logging.getLogger(__name__)

SECONDS = 1.0
"""Time between two messages."""


class ProgressReporter:
    """Reporter of progress to a scheduler's `Monitor`.

    A scheduler that cannot show progress, as the page's libraries are not installed there, still does the work, and the
    run's log says why nothing is shown.
    """

    def __init__(self, client: Client, job: Job, dashboard: str) -> None:
        self.client, self.job, self.last = client, job, 0.0
        self.dashboard = dashboard.partition(" ")[0]
        self.heard = _answered(self._install)

    @property
    def page(self) -> str:
        """Address of the page; "" if there is none."""
        link = self.dashboard
        return link.removesuffix("status") + PAGE.lstrip("/") if self.heard and link.endswith("/status") else ""

    def tell(self, stages: Mapping[str, StageProgress], *, at_once: bool = False) -> None:
        """Report the progress of the stages, unless the last report was a moment ago."""
        if not self.heard or (not at_once and time.monotonic() - self.last < SECONDS):
            return
        self.last = time.monotonic()
        call = getattr(self.client.scheduler, RPC)
        told = {"job": self.job.name, "output": self.job.output, "stages": [_plain(s) for s in stages.values()]}
        self.heard = _answered(lambda: self.client.sync(call, **told))

    def _install(self) -> None:
        register(self.client, Monitor())
        register(self.client, TrafficMetrics())


def _answered(ask: Callable[[], object]) -> bool:
    """Ask the scheduler; if it cannot answer, say so in the log."""
    try:
        ask()
    except OSError:
        raise  # the scheduler is gone, which is handled elsewhere
    except Exception as error:  # noqa: BLE001 - a scheduler that we did not start may fail in any way
        log.warning("the scheduler cannot show this run's page: %s: %s", type(error).__name__, error)
        return False
    return True


def _plain(stage: StageProgress) -> dict[str, Any]:
    return {
        "name": stage.name,
        "total": stage.total,
        "done": stage.done,
        "worked": stage.worked,
        "counts": dict(stage.counts),
        "rate": stage.rate,
        "seconds_left": stage.seconds_left,
        "left": stage.left,
        "reasons": stage.reasons.most(),
    }
