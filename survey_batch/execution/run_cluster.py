"""The cluster of a run: one scheduler and one dashboard from the first phase that needs workers to the last."""

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from distributed import Client

from survey_batch.cluster import connect, kind_of
from survey_batch.cluster.base import Connection
from survey_batch.cluster.running import joined
from survey_batch.config.job import ClusterSection, Job
from survey_batch.core.steps import step
from survey_batch.execution.nodes import Nodes, watched_nodes
from survey_batch.monitor import shown
from survey_batch.monitor.progress import LineProgress


class RunCluster:
    """The cluster of a run; it is opened by the first phase, and ends with the `with` block.

    Parameters
    ----------
    job : Job
    progress : LineProgress
        Shows messages, and is shown itself on the scheduler's page.
    client : distributed.Client, optional
        Of the user's own cluster, which stays as it is.
    report : bool
        Keep Dask's performance report.

    Attributes
    ----------
    nodes : Nodes or None
        Leaves bad nodes out, if workers may be on other machines than this process.
    """

    def __init__(self, job: Job, progress: LineProgress, client: Client | None = None, *, report: bool = False) -> None:
        self.job, self.progress, self.client, self.report = job, progress, client, report
        self._opened = ExitStack()
        self._show: Callable[[], None] = lambda: None
        self._connection: Connection | None = None
        self._section: ClusterSection | None = None
        self.nodes: Nodes | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what was started for the run."""
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            step("stopping the workers")  # it takes some seconds
        self._opened.__exit__(kind, error, trace)

    def for_phase(self, phase: str) -> Connection:
        """Return the connection, with the workers that the job's table asks for in a phase."""
        section = self.job.cluster.for_phase(phase)
        if self._connection is None:
            self._connection = self._open(section)
        elif section != self._section and self.client is None:
            self._connection.change(section)
        self._section = section
        return self._connection

    def show(self) -> None:
        """Update what is shown on the scheduler's page; called now and then."""
        self._show()

    def _open(self, section: ClusterSection) -> Connection:
        if self.client is not None:
            connection = joined(self.client)
        else:
            made = connect(section, self.job.output, self.progress.say, self.job.name)
            connection = self._opened.enter_context(made)
        self.progress.say(f"Dask dashboard: {connection.dashboard}")
        self._show = self._opened.enter_context(shown(connection, self.job, self.progress, report=self.report))
        if self.client is not None or kind_of(self.job.cluster).elsewhere:
            watched = watched_nodes(connection, self.job.output, self.job.archive.root, self.progress.say)
            self.nodes = self._opened.enter_context(watched)
        return connection
