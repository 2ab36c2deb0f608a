"""Where the work runs: processes of this machine, SLURM, or a scheduler that is already running."""

from collections.abc import Iterator
from contextlib import contextmanager

from survey_batch.cluster.base import SCHEDULER_SETTINGS, Connection, Say
from survey_batch.cluster.local import local_cluster, worker_count
from survey_batch.cluster.running import joined, running_cluster
from survey_batch.config.job import ClusterSection
from survey_batch.core.errors import ConfigurationError

__all__ = ["SCHEDULER_SETTINGS", "Connection", "connect", "joined", "refuse_unknown_size", "worker_count"]


@contextmanager
def connect(section: ClusterSection, output: str = ".", say: Say = lambda _: None) -> Iterator[Connection]:
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
    refuse_unknown_size(section)
    if section.kind == "local":
        found = local_cluster(section)
    elif section.kind in ("slurm", "srun"):
        from survey_batch.cluster.slurm import slurm_cluster

        found = slurm_cluster(section, output, say)
    else:
        found = running_cluster(section)
    with found as connection:
        yield connection


def refuse_unknown_size(section: ClusterSection) -> None:
    """Refuse a table that does not say how many workers SLURM must start.

    Raises
    ------
    ConfigurationError
        Names the key.
    """
    if section.kind in ("slurm", "srun") and section.workers is None:
        raise ConfigurationError("cluster.workers is not set: say how many worker processes SLURM shall start")
