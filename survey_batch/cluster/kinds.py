"""The kinds of cluster that come with the package."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, ClassVar

import psutil
from dask.utils import parse_bytes

from survey_batch.cluster.kind import ClusterKind, worker_count
from survey_batch.cluster.launch import Launcher, Sbatch, Srun
from survey_batch.cluster.tables import Table
from survey_batch.config.sections.base import WrongKeyError
from survey_batch.config.sections.cluster import ClusterSection, is_running
from survey_batch.config.sections.slurm_values import check_drain, check_options, walltime_seconds
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.findings import Findings, Site
from survey_batch.core.wording import counted, size

if TYPE_CHECKING:
    from survey_batch.cluster.base import Connection, Say

_OF_JOBS: tuple[str, ...] = (
    *("processes", "cores", "prologue", "python", "interface", "scratch", "maximum_jobs", "directives", "options"),
    *("tls", "poll_seconds", "pending_seconds", "when_pending", "dashboard", "dashboard_open_to_network", "gres"),
)

MOST_ON_A_MACHINE = 1024
"""Most workers of a machine, and threads of a worker: more than any has cores for, and fewer than stop it."""


class LocalKind(ClusterKind):
    """Processes of this machine."""

    reads = ("dashboard", "dashboard_open_to_network", "gres")
    elsewhere = False

    def connect(
        self,
        section: ClusterSection,
        output: str,  # noqa: ARG002
        say: "Say",  # noqa: ARG002
        name: str,  # noqa: ARG002
    ) -> AbstractContextManager["Connection"]:
        """Start workers on this machine."""
        from survey_batch.cluster.local import local_cluster

        return local_cluster(section)

    def check_file(self, section: ClusterSection) -> None:
        """Refuse more workers or threads than any machine has."""
        for name, number in (("workers", section.workers), ("threads", section.threads)):
            if (number or 0) > MOST_ON_A_MACHINE:
                raise WrongKeyError(
                    f"{name} = {number:,} is more than a machine runs: write {MOST_ON_A_MACHINE:,} at most", name
                )

    def findings(self, site: Site, tables: list[Table], folder: str) -> Findings[list[Table]]:  # noqa: ARG002
        """Compare the memory of all workers with the machine's."""
        for table in tables:
            workers, limit = worker_count(table.section), parse_bytes(table.section.memory)
            memory = psutil.virtual_memory().total
            found = f"{counted(workers, 'worker')} of up to {table.section.memory} on a machine with {size(memory)}"
            if limit > memory:
                advice = f"lower {table.name}.memory: the machine would swap, or kill a worker"
                yield site.failed(table.name, found, advice)
            elif workers * limit > memory:
                keys = f"{table.name}.workers or {table.name}.memory"
                yield site.warning(table.name, found, f"lower {keys} if workers come near their limit (see memory)")
            else:
                yield site.ok(table.name, found)
        return tables


class SlurmKind(ClusterKind):
    """Jobs of SLURM, each with one worker or several."""

    reads: ClassVar[tuple[str, ...]] = (*_OF_JOBS, "walltime", "drain_seconds", "partition", "account", "qos")
    queue = "SLURM"
    launcher: ClassVar[type[Launcher]] = Sbatch
    """How worker jobs are started and ended."""

    def connect(
        self, section: ClusterSection, output: str, say: "Say", name: str
    ) -> AbstractContextManager["Connection"]:
        """Start a scheduler here and workers in SLURM."""
        from survey_batch.cluster.slurm import slurm_cluster

        return slurm_cluster(section, self.launcher, output, say, name)

    def check_file(self, section: ClusterSection) -> None:
        """Refuse options that would replace ours, and workers that would never work."""
        try:
            check_options(section.options)
        except ValueError as error:
            raise WrongKeyError(f"options: {error}", "options") from error
        if self.launcher.batch and section.walltime is not None and section.drain_seconds is not None:
            check_drain(section.drain_seconds, walltime_seconds(section.walltime))

    def check_run(self, section: ClusterSection) -> None:
        """Refuse a table that does not say how many workers SLURM must start."""
        if section.workers is None:
            raise ConfigurationError(
                "cluster.workers is not set: set the number of worker processes that SLURM must start"
            )

    def findings(self, site: Site, tables: list[Table], folder: str) -> Findings[list[Table]]:
        """Ask SLURM about every table."""
        from survey_batch.cluster.slurm_checks import slurm_takes_jobs

        return (yield from slurm_takes_jobs(site, tables, folder, self.launcher))


class SrunKind(SlurmKind):
    """Steps of the SLURM allocation that this process is in."""

    reads = _OF_JOBS
    queue = ""
    launcher = Srun


class RunningKind(ClusterKind):
    """A scheduler that is already running; an address or a scheduler file stands for it."""

    reads = ("tls_files", "gres")
    named = "a running scheduler"

    def connect(
        self,
        section: ClusterSection,
        output: str,  # noqa: ARG002
        say: "Say",  # noqa: ARG002
        name: str,  # noqa: ARG002
    ) -> AbstractContextManager["Connection"]:
        """Join the scheduler."""
        from survey_batch.cluster.running import running_cluster

        return running_cluster(section)

    def check_file(self, section: ClusterSection) -> None:
        """Refuse the name of this kind instead of an address."""
        if not is_running(section.kind):
            raise WrongKeyError(
                f'kind = "{section.kind}" does not say which scheduler: write its address, such as '
                '"tcp://host:8786", or its scheduler file (….json)',
                "kind",
            )

    def findings(self, site: Site, tables: list[Table], folder: str) -> Findings[list[Table]]:
        """Join the scheduler, and count its workers."""
        section = tables[0].section
        with self.connect(section, folder, lambda _: None, "") as connection:
            count = len(connection.client.scheduler_info(n_workers=-1)["workers"])
            threads = connection.size().slots
        yield site.ok(
            "cluster",
            f"{section.kind} answers: {counted(count, 'worker')}, {counted(threads, 'thread')}; versions agree",
        )
        return tables
