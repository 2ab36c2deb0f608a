"""Tables and keys of a job file that nothing reads: they are refused, because the user expects an effect."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from survey_batch.config.sections.cluster import SHARED, load_kind
from survey_batch.config.stage_kind import StageKind
from survey_batch.config.survey import Survey, installed_surveys, possible_stages
from survey_batch.config.toml_lines import KeyPath
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.plugins import CLUSTERS, offered

if TYPE_CHECKING:
    from survey_batch.config.job import Job

Entries = tuple[str, ...]
"""Tables and keys, such as `cutouts` or `cutouts.ivar`; a table stands for everything in it."""

VALUES: Sequence[tuple[str, "Callable[[Job], bool]", str]] = (
    ("composites.percentiles", lambda job: job.composites.scaling == "percentile", 'composites.scaling = "percentile"'),
    (
        "spectral_features.smoothing_order",
        lambda job: job.spectral_features.smoothing_window > 1,
        "spectral_features.smoothing_window above 1",
    ),
    (
        "spectral_features.basis",
        lambda job: job.spectral_features.components > 0,
        "spectral_features.components above 0",
    ),
    (
        "catalog.split.cell_degrees",
        lambda job: job.catalog.split is not None and job.catalog.split.group == "sky",
        'catalog.split.group = "sky"',
    ),
    (
        "catalog.duplicates.radius_arcsec",
        lambda job: job.catalog.duplicates is not None and "position" in job.catalog.duplicates.by,
        '"position" in catalog.duplicates.by',
    ),
    (
        "catalog.match.radius_arcsec",
        lambda job: job.catalog.match is not None and job.catalog.match.by == "position",
        'catalog.match.by = "position"',
    ),
    *(
        (f"archive.{key}", lambda job: job.cutouts.ivar, "cutouts.ivar = true")
        for key in ("noise", "noise_path", "noise_hdu")
    ),
    *(
        (
            f"catalog.match.{key}",
            lambda job: job.catalog.match is not None and job.catalog.match.by == "id",
            'catalog.match.by = "id"',
        )
        for key in ("id", "id_in_catalog")
    ),
)
"""Keys that are read only if another key has a certain value: the key, a test for this, and the value needed."""

OF_ALL_JOBS = ("name", "output", "stages", "archive", "catalog", "cluster", "custom", "shards", "tables", "train")
"""Tables and keys that every job reads, except some keys of them."""
OF_SOME_JOBS = ("catalog.detect", "cluster.gpu")
"""These exceptions, besides keys of other surveys in `[archive]`."""


def unread_in_file(
    job: "Job", data: Mapping[str, Any], written: Mapping[str, Any], overridden: Collection[KeyPath]
) -> dict[KeyPath, str]:
    """Find what nothing reads; an entry that is unread only because of an override is not a mistake.

    Parameters
    ----------
    job, data
        The job with its overrides, and the data it was made from.
    written
        The file alone.
    overridden
        Keys that overrides set.
    """
    found = unread(job, data)
    if not found or not overridden:
        return found
    for alone in (written, _laid_over(data, written)):  # the second in case the file needs an override to be valid
        with suppress(ValidationError):
            before = unread(type(job).model_validate(alone), written)
            return {path: reason for path, reason in found.items() if path in before or _touched(path, overridden)}
    return found


def _touched(path: KeyPath, overridden: Collection[KeyPath]) -> bool:
    return any(path[: len(key)] == key[: len(path)] for key in overridden)


def unread(job: "Job", given: Mapping[str, Any]) -> dict[KeyPath, str]:
    """Find the tables and keys of a job file that nothing reads.

    Parameters
    ----------
    job
        The job.
    given
        The content of its file; only what is written there can be a mistake.

    Returns
    -------
    dict
        Each unread table or key, with the reason. If nothing in a table is read, the table is one entry.
    """
    found: dict[KeyPath, str] = {}
    for key in _keys_in({**given, "tables": {}, **given.get("tables", {})}):
        reason = next(filter(None, (reason_of(job, key) for reason_of in REASONS)), None)
        if reason is not None:
            name, why = reason
            found[tuple(name.split("."))] = f"nothing reads it: {why}"
    return found


def _keys_in(table: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Yield the names of all keys with a value, and of empty tables."""
    for name, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _keys_in(value, f"{before}{name}.")
        else:
            yield before + name


def _within(key: str, entries: Iterable[str]) -> bool:
    """Tell whether a key is one of some entries, lies inside one, or is an empty table that could hold one."""
    table = f"{key}." if key not in OF_ALL_JOBS else None
    return any(f"{key}.".startswith(f"{entry}.") or (table and entry.startswith(table)) for entry in entries)


Reason = tuple[str, str]
"""The unread key or table, and why it is not read."""


def _of_stages(job: "Job", key: str) -> Reason | None:
    survey, table = job.survey, key.split(".")[0]
    general = table in OF_ALL_JOBS and not _within(key, OF_SOME_JOBS)
    if (general and key not in _foreign_keys(survey)) or _is_read(job, key):
        return None
    if surveys := surveys_reading(key):
        return key, f"it is for survey {_either(surveys)}, and this one is {survey.name!r}; leave it out"
    readers = stages_reading(key)
    used = [entry for stage in job.stages if stage in job.kinds for entry in _reads_of(stage, job.kinds[stage])]
    what = ".".join(key.split(".")[:2]) if table in OF_ALL_JOBS else key if _within(table, used) else table
    if here := [stage for name, stage in readers if name == survey.name]:
        return what, f"it is for stage {_either(here)}, which is not among stages; add it there, or leave this out"
    why = f"it is for survey {_either(name for name, _ in readers)}, and this one is {survey.name!r}"
    same = [stage for _, stage in readers if stage in job.stages]
    instead = {entry.split(".")[0] for stage in same for entry in _reads_of(stage, job.kinds[stage])} - {table}
    if instead:
        return what, f"{why}, whose stage {_either(same)} reads [{'], ['.join(instead)}]; write that, or leave it out"
    return what, f"{why}; leave it out"


def surveys_reading(key: str) -> list[str]:
    """Return the surveys that read a key themselves, not by one of their stages."""
    return [survey.name for survey in installed_surveys() if _within(key, _reads(survey))]


def stages_reading(key: str) -> list[tuple[str, str]]:
    """Return each survey and stage of it that reads a key."""
    return [
        (survey.name, stage)
        for survey in installed_surveys()
        for stage, kind in possible_stages(survey.name).items()
        if _within(key, _reads_of(stage, kind))
    ]


def _is_read(job: "Job", key: str) -> bool:
    """Tell whether the survey or one of the stages reads a key."""
    stages = [(stage, job.kinds[stage]) for stage in job.stages if stage in job.kinds]
    if _within(key, _reads(job.survey)) or any(_within(key, _reads_of(stage, kind)) for stage, kind in stages):
        return True
    return _within(key, ["cluster.gpu"]) and any(job.custom[name].gpu for name in job.stages if name in job.custom)


def _reads(survey: Survey) -> Entries:
    return (*survey.reads, *(f"archive.{key}" for key in survey.archive_keys()))


def _reads_of(stage: str, kind: StageKind) -> Entries:
    return (*kind.reads, *((stage,) if kind.section else ()))


def _foreign_keys(survey: Survey) -> set[str]:
    """Return the keys of `[archive]` that other surveys have."""
    theirs = {f"archive.{key}" for other in installed_surveys() for key in other.archive_keys()}
    return theirs - {f"archive.{key}" for key in survey.archive_keys()}


def _of_custom(job: "Job", key: str) -> Reason | None:
    table, _, rest = key.partition(".")
    name = rest.split(".")[0]
    if table != "custom" or not name or name in job.stages:
        return None
    return f"custom.{name}", f"{name!r} is not among stages; add it there, or leave this out"


def _of_cluster(job: "Job", key: str) -> Reason | None:
    table, _, rest = key.partition(".")
    name = rest.removeprefix("gpu.").partition(".")[0]
    if table != "cluster" or name in ("", *SHARED, *load_kind(job.cluster.kind).reads):
        return None
    kinds = " or ".join(clusters_reading(name))
    return key, f'it is for cluster.kind = {kinds}, and that is "{job.cluster.kind}"; set it, or leave this out'


def clusters_reading(name: str) -> Iterator[str]:
    """Yield the kinds of cluster that read a key of `[cluster]`, as messages name them."""
    for kind in offered(CLUSTERS):
        with suppress(ConfigurationError):  # a package that this job does not need cannot be loaded
            found = load_kind(kind)
            if name in found.reads:
                yield found.named or f'"{kind}"'


def _of_variant(job: "Job", key: str) -> Reason | None:
    table, _, name = key.partition(".")
    if table != "train" or job.train is None:
        return None
    readers = job.train.read_by.get(name, (job.train.variant,))
    if job.train.variant in readers:
        return None
    return key, f"it is for variant {_either(readers)}, and this one is {job.train.variant!r}; leave it out"


def _of_values(job: "Job", key: str) -> Reason | None:
    needed = next((words for name, is_read, words in VALUES if name == key and not is_read(job)), None)
    if key.startswith("train.") and job.train is not None:
        is_read, words = job.train.counts_with.get(key.removeprefix("train."), (None, ""))
        needed = words if is_read and not is_read(job.train) else None
    return (key, f"it counts only with {needed}; set that, or leave this out") if needed else None


REASONS = (_of_stages, _of_custom, _of_cluster, _of_variant, _of_values)


def _either(names: Iterable[str]) -> str:
    return " or ".join(map(repr, dict.fromkeys(names)))


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two tables, nested tables included; the keys of `above` win."""
    merged = {**below, **above}
    both = (name for name in merged if isinstance(below.get(name), dict) and isinstance(above.get(name), dict))
    return {**merged, **{name: _laid_over(below[name], above[name]) for name in both}}
