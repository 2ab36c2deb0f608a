"""The plugin of the scheduler that keeps the figures of runs, and shows them on a page and to Prometheus."""

from typing import Any

from distributed import SchedulerPlugin

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
        from survey_batch.monitor.page import add_page  # Bokeh takes a second to import; only the scheduler needs it
        from survey_batch.monitor.prometheus import add_collector

        add_page(scheduler, self)
        self.collector = add_collector(self)

    async def close(self) -> None:
        """Remove the figures from this process's registry."""
        if self.collector is not None:
            self.collector.remove()
