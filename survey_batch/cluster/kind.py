"""What the package asks of a kind of cluster, and the kind that a table `[cluster]` names.

This module and those of the kinds are light to import, as every job file is checked with them. What needs Dask's
`distributed` is imported when a cluster is opened.
"""

import os
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, ClassVar

from survey_batch.cluster.tables import Table
from survey_batch.config.sections.cluster import ClusterSection, load_kind
from survey_batch.core.findings import Findings, Site

if TYPE_CHECKING:
    from survey_batch.cluster.base import Connection, Say


class ClusterKind(ABC):
    """A kind of cluster, which a package offers by an entry point of the group `survey_batch.clusters`.

    Attributes
    ----------
    reads : tuple of str
        Keys of `[cluster]` that it reads, beside those that all kinds read (`SHARED`). A job file with another key is
        refused.
    elsewhere : bool
        Whether its workers may be on other machines.
    queue : str
        Who may keep workers waiting, for example SLURM; empty if they start at once.
    named : str
        How messages name it; empty if by its name in quotes.
    """

    reads: ClassVar[tuple[str, ...]] = ()
    elsewhere: ClassVar[bool] = True
    queue: ClassVar[str] = ""
    named: ClassVar[str] = ""

    @abstractmethod
    def connect(
        self, section: ClusterSection, output: str, say: "Say", name: str
    ) -> AbstractContextManager["Connection"]:
        """Open the cluster with the workers of one phase; everything started for it ends with the `with` block.

        Parameters
        ----------
        section
            The result of `ClusterSection.for_phase`.
        output
            The job's output, for logs and scripts.
        say
            Called with messages for the user.
        name
            The job's name.

        Raises
        ------
        ConfigurationError
            The cluster is not available.
        """

    def check_file(self, section: ClusterSection) -> None:  # noqa: B027 - most kinds have nothing to check
        """Check a table of a job file, for each phase.

        Raises
        ------
        WrongKeyError
            A key of the table makes no sense: `WrongKeyError("options: …", "options")`.
        """

    def check_run(self, section: ClusterSection) -> None:  # noqa: B027
        """Check before any work what only a run needs, for example that `workers` is set.

        Raises
        ------
        ConfigurationError
            Something is missing.
        """

    def findings(self, site: Site, tables: list[Table], folder: str) -> Findings[list[Table]]:  # noqa: ARG002
        """Check for `survey-batch doctor`, on this machine, whether the cluster can be used.

        Parameters
        ----------
        site
            Makes the findings.
        tables
            The tables that a run would ask for workers.
        folder
            For scripts and logs.

        Returns
        -------
        list of Table
            The tables that can be asked for a worker.
        """
        name, package = tables[0].section.kind, type(self).__module__.partition(".")[0]
        yield site.ok("cluster", f'"{name}", by {package}; it has no checks of its own before a worker is requested')
        return tables


def kind_of(section: ClusterSection) -> ClusterKind:
    """Return the kind of cluster that a table names."""
    kind: ClusterKind = load_kind(section.kind)
    return kind


def worker_count(section: ClusterSection) -> int:
    """Return the number of workers: as set, or one for the GPU, or one per core that this process may use."""
    return section.workers or (1 if section.wants_gpu else len(os.sched_getaffinity(0)))
