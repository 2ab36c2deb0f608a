"""The plugin of the scheduler that keeps the figures of runs, and shows them on a page and to Prometheus."""

from typing import Any

from distributed import SchedulerPlugin

from survey_batch.cluster.dashboard import when_loaded
from survey_batch.monitor.run_figures import MonitorFigures

RPC = "survey_batch_progress"


class Monitor(MonitorFigures, SchedulerPlugin):  # type: ignore[misc]
    """Figures of all runs on this scheduler."""

    name = "survey-batch monitor"
    idempotent = True

    def __init__(self) -> None:
        super().__init__()
        self.collector: Any = None

    async def start(self, scheduler: Any) -> None:
        """Start; called once, on the scheduler."""
        self.scheduler = scheduler
        scheduler.handlers[RPC] = self.progress
        from survey_batch.monitor.prometheus import add_collector  # only the scheduler needs its library

        when_loaded(scheduler, self._add_page)
        self.collector = add_collector(self)

    def _add_page(self) -> None:
        from survey_batch.monitor.page import add_page  # Bokeh takes a second to import; only a page needs it

        add_page(self.scheduler, self)

    async def close(self) -> None:
        """Remove the figures from this process's registry."""
        if self.collector is not None:
            self.collector.remove()
