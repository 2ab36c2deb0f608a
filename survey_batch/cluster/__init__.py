"""Where the work runs: processes of this machine, SLURM, a scheduler that is already running, or a plug-in's cluster.

This module is light to import: what opens a cluster is imported when one is opened.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from survey_batch.cluster.kind import ClusterKind, kind_of, worker_count
from survey_batch.config.sections.cluster import ClusterSection
from survey_batch.core.steps import step

if TYPE_CHECKING:
    from survey_batch.cluster.base import Connection, Say

__all__ = ["ClusterKind", "connect", "kind_of", "worker_count"]


@contextmanager
def connect(
    section: ClusterSection, output: str = ".", say: "Say" = lambda _: None, name: str = "survey-batch"
) -> Iterator["Connection"]:
    """Open a job's cluster with the workers of one phase; everything started for it ends with the `with` block.

    The scheduler and its dashboard stay the same until then; `Connection.change` changes the workers.

    Parameters
    ----------
    section
        The result of `ClusterSection.for_phase`.
    output
        The job's output, which also holds SLURM's logs and scripts.
    say
        Called with messages for the user, for example that SLURM has not started a worker yet.
    name
        The job's name, for the names of worker jobs.

    Raises
    ------
    ConfigurationError
        The requested cluster is not available.
    """
    kind = kind_of(section)
    kind.check_run(section)
    step(f"starting workers (cluster.kind = {section.kind})")
    warnings.filterwarnings("ignore", r"Port \d+ is already in use")  # Dask's words; ours name the key
    try:
        with kind.connect(section, output, say, name) as connection:
            if moved := _dashboard_moved(section.dashboard, connection.dashboard):
                say(moved)
            yield connection
    finally:
        from survey_batch.cluster.leftovers import forget_schedulers

        forget_schedulers()


def _dashboard_moved(asked: str, given: str) -> str:
    """Say that the dashboard is not at the port that the table asks for; "" if it is, or if any port will do."""
    wanted = asked.rpartition(":")[2]
    has = urlsplit(given.partition(" ")[0]).port
    if not wanted.isdigit() or int(wanted) in (0, has) or has is None:
        return ""
    return f"port {wanted} of cluster.dashboard is taken on this machine, so the dashboard is at port {has}"
