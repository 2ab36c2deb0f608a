"""Which stage, survey or cluster reads which table and key of the job file: the one place that says so."""

from collections.abc import Mapping

Entries = tuple[str, ...]
"""Tables and keys, such as `cutouts` or `cutouts.ivar`; a table stands for all that is in it."""

COMPOSITES_OF_CUTOUTS = tuple(
    f"composites.{key}" for key in ("bands", "pair", "scaling", "q", "stretch", "percentiles", "size", "keep")
)
PREDICTIONS = ("predictions", "cluster.gpu")

STAGE_READS: Mapping[str, Mapping[str, Entries]] = {
    "sdss": {
        "frames": ("frames", "cutouts.ivar"),
        "cutouts": ("frames", "cutouts"),
        "composites": COMPOSITES_OF_CUTOUTS,
        "features": ("image_features",),
        "predictions": PREDICTIONS,
    },
    "lamost": {"spectra": ("spectra",), "features": ("features",), "predictions": PREDICTIONS},
    "skyserver": {
        "composites": ("composites.size", "composites.scale", "composites.keep"),
        "predictions": PREDICTIONS,
    },
    "stamps": {"stamps": (), "predictions": PREDICTIONS},
}
"""The stages of each survey in their order, and what of the job file each of them reads; a job may leave out stages
that nothing is made from."""

SURVEY_READS: Mapping[str, Entries] = {
    "sdss": ("archive.release", "catalog.detect"),
    "lamost": ("archive.layout",),
    "skyserver": (),
    "stamps": (),
}
"""What a survey reads, whatever the stages."""

RUNNING = "a running scheduler"
"""A cluster whose `kind` is an address or a scheduler file."""

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
"""What a kind of cluster reads beside what all of them do."""


def archive_keys(survey: str) -> Entries:
    """Keys of `[archive]`, beside the root, that say where a survey's files lie."""
    return tuple(entry.removeprefix("archive.") for entry in SURVEY_READS[survey] if entry.startswith("archive."))


def kind_of_cluster(kind: str) -> str:
    """The kind of cluster that `cluster.kind` names."""
    return kind if kind in CLUSTER_READS else RUNNING
