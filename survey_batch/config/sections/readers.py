"""The single list of which kind of cluster reads which key of the job file."""

from collections.abc import Mapping

Entries = tuple[str, ...]
"""Tables and keys, such as `cutouts` or `cutouts.ivar`; a table stands for everything in it."""

RUNNING = "a running scheduler"
"""Name for a cluster whose `kind` is an address or a scheduler file."""

_OF_JOBS = (
    "processes cores prologue python interface scratch maximum_jobs directives options tls poll_seconds "
    "pending_seconds when_pending dashboard gres"
)
_OF_BATCH_JOBS = f"{_OF_JOBS} walltime drain_seconds partition account qos"
CLUSTER_READS: Mapping[str, Entries] = {
    kind: tuple(f"{table}.{key}" for key in keys.split() for table in ("cluster", "cluster.gpu"))
    for kind, keys in {
        "local": "dashboard gres",
        "slurm": _OF_BATCH_JOBS,
        "srun": _OF_JOBS,
        RUNNING: "tls_files gres",
    }.items()
}
"""Keys that a kind of cluster reads in addition to those that all kinds read."""


def kind_of_cluster(kind: str) -> str:
    """Return the kind of cluster that `cluster.kind` names."""
    return kind if kind in CLUSTER_READS else RUNNING
