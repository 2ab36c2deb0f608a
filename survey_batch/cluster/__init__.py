"""Where the work runs: processes of this machine, SLURM, a scheduler that is already running, or a plug-in's cluster.

This module is light to import: what opens a cluster is imported when one is opened.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from survey_batch.cluster.kind import ClusterKind, kind_of, worker_count
from survey_batch.config.sections.cluster import ClusterSection
from survey_batch.core.steps import step

if TYPE_CHECKING:
    from survey_batch.cluster.base import Connection, Say

__all__ = ["ClusterKind", "connect", "kind_of", "worker_count"]


@contextmanager
def connect(section: ClusterSection, output: str = ".", say: "Say" = lambda _: None) -> Iterator["Connection"]:
    """Open a job's cluster for one phase; everything started for it ends with the `with` block.

    Parameters
    ----------
    section
        The result of `ClusterSection.for_phase`.
    output
        The job's output, which also holds SLURM's logs and scripts.
    say
        Called with messages for the user, for example that SLURM has not started a worker yet.

    Raises
    ------
    ConfigurationError
        The requested cluster is not available.
    """
    kind = kind_of(section)
    kind.check_run(section)
    step(f"starting workers (cluster.kind = {section.kind})")
    try:
        with kind.connect(section, output, say) as connection:
            yield connection
    finally:
        from survey_batch.cluster.leftovers import forget_schedulers

        forget_schedulers()
