"""The single list of which stage or survey reads which table and key of the job file."""

from collections.abc import Mapping

Entries = tuple[str, ...]
"""Tables and keys, such as `cutouts` or `cutouts.ivar`; a table stands for everything in it."""

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
"""The stages of each survey in order, and the parts of the job file that each reads; a job may leave out stages that
no other stage needs."""

SURVEY_READS: Mapping[str, Entries] = {
    "sdss": ("archive.release", "catalog.detect"),
    "lamost": ("archive.layout",),
    "skyserver": (),
    "stamps": (),
}
"""Tables and keys that a survey reads, whatever the stages."""


def archive_keys(survey: str) -> Entries:
    """Return the keys of `[archive]`, besides the root, that decide where a survey's files are."""
    return tuple(entry.removeprefix("archive.") for entry in SURVEY_READS[survey] if entry.startswith("archive."))
