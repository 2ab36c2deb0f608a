"""The tables of the job file that say how the work is done, on which no result depends but for the shards' size."""

from pydantic import PositiveInt

from survey_batch.sections.base import Section


class ShardsSection(Section):
    """The unit of work, of retry and of resume."""

    objects: PositiveInt = 1024
    """Objects per shard."""


class ClusterSection(Section):
    """Where the work runs; no result depends on it."""

    kind: str = "local"
    """`local`, or the address of a running scheduler (`tcp://…`, `tls://…`)."""
    workers: PositiveInt | None = None
    """Worker processes; one per core where this is not set."""
    threads: PositiveInt = 1
    memory: str = "4 GB"
    """Memory limit per worker."""
    dashboard: str = "127.0.0.1:0"
