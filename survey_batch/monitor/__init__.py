"""Monitoring of a run: a page in Dask's dashboard, figures for Prometheus, and Dask's own report."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime

from distributed import performance_report

from survey_batch.cluster.base import Connection
from survey_batch.config.job import Job
from survey_batch.core.paths import join
from survey_batch.monitor.progress import LineProgress
from survey_batch.monitor.reporter import ProgressReporter

__all__ = ["shown"]


@contextmanager
def shown(
    connection: Connection, job: Job, progress: LineProgress, *, report: bool = False
) -> Iterator[Callable[[], None]]:
    """Show a run on its scheduler.

    Parameters
    ----------
    connection
        The connection to the scheduler.
    progress
        The progress to show.
    report
        Store Dask's performance report of the run as `<output>/log/performance-<time>.html`, a single file that can
        be viewed without a network.

    Yields
    ------
    callable
        Call it now and then to update what is shown.
    """
    teller = ProgressReporter(connection.client, job, connection.dashboard)
    if teller.page:
        progress.say(f"page of this run: {teller.page}")
    path = join(job.output, "log", f"performance-{datetime.now(UTC):%Y%m%dT%H%M%S}.html")
    kept = performance_report(filename=path, mode="inline") if report else nullcontext()
    with connection.client.as_current(), kept:
        yield lambda: teller.tell(progress.stages)
        teller.tell(progress.stages, at_once=True)
    if report:
        progress.say(f"Dask's performance report: {path}")
