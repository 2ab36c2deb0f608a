"""Tables and keys of a job file that nothing reads: they are refused, because the user expects an effect."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from survey_batch.config.sections.cluster import SHARED, load_kind
from survey_batch.config.sections.readers import STAGE_READS, SURVEY_READS
from survey_batch.config.toml_lines import KeyPath
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.plugins import CLUSTERS, offered

if TYPE_CHECKING:
    from survey_batch.config.job import Job

VALUES: Sequence[tuple[str, "Callable[[Job], bool]", str]] = (
    ("composites.percentiles", lambda job: job.composites.scaling == "percentile", 'composites.scaling = "percentile"'),
    ("features.smoothing_order", lambda job: job.features.smoothing_window > 1, "features.smoothing_window above 1"),
    ("features.basis", lambda job: job.features.components > 0, "features.components above 0"),
    ("train.gan_steps", lambda job: getattr(job.train, "gan", True), "train.gan = true"),
    ("train.templates", lambda job: getattr(job.train, "simulated", 1) > 0, "train.simulated above 0"),
    ("train.softening", lambda job: getattr(job.train, "product", "") == "cutouts", 'train.product = "cutouts"'),
    ("train.magnitudes", lambda job: getattr(job.train, "product", "") == "composites", 'train.product = "composites"'),
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
)
"""Keys that are read only if another key has a certain value: the key, a test for this, and the value needed."""

OF_ALL_JOBS = ("archive", "catalog", "cluster")
"""Tables that every job reads, except some of their keys."""


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
    for key in _keys_in(given):
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
    survey, table = job.archive.survey, key.split(".")[0]
    readers = [(name, stage) for name, reads in STAGE_READS.items() for stage in reads if _within(key, reads[stage])]
    surveys = [name for name, entries in SURVEY_READS.items() if _within(key, entries)]
    if survey in surveys or any((survey, stage) in readers for stage in job.stages):
        return None
    if _within(key, ["cluster.gpu"]) and any(job.custom[name].gpu for name in job.stages if name in job.custom):
        return None
    if surveys:
        return key, f"it is for survey {_either(surveys)}, and this one is {survey!r}; leave it out"
    if not readers:
        return None
    used = [entry for stage in job.stages for entry in STAGE_READS[survey].get(stage, ())]
    what = ".".join(key.split(".")[:2]) if table in OF_ALL_JOBS else key if _within(table, used) else table
    if here := [stage for name, stage in readers if name == survey]:
        return what, f"it is for stage {_either(here)}, which is not among stages; add it there, or leave this out"
    why = f"it is for survey {_either(name for name, _ in readers)}, and this one is {survey!r}"
    same = [stage for _, stage in readers if stage in job.stages]
    instead = {entry.split(".")[0] for stage in same for entry in STAGE_READS[survey][stage]} - {table}
    if instead:
        return what, f"{why}, whose stage {_either(same)} reads [{'], ['.join(instead)}]; write that, or leave it out"
    return what, f"{why}; leave it out"


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
    kinds = " or ".join(_kinds_that_read(name))
    return key, f'it is for cluster.kind = {kinds}, and that is "{job.cluster.kind}"; set it, or leave this out'


def _kinds_that_read(name: str) -> Iterator[str]:
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
    return (key, f"it counts only with {needed}; set that, or leave this out") if needed else None


REASONS = (_of_stages, _of_custom, _of_cluster, _of_variant, _of_values)


def _either(names: Iterable[str]) -> str:
    return " or ".join(map(repr, dict.fromkeys(names)))


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two tables, nested tables included; the keys of `above` win."""
    merged = {**below, **above}
    both = (name for name in merged if isinstance(below.get(name), dict) and isinstance(above.get(name), dict))
    return {**merged, **{name: _laid_over(below[name], above[name]) for name in both}}
