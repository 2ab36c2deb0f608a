"""Jobs that `plan` and `run` refuse before they start: those that would overwrite their input or fail late."""

from collections.abc import Iterator

from survey_batch.archive.sources import folder_of
from survey_batch.config.job import Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import is_url, same_or_within
from survey_batch.core.status import unfinished
from survey_batch.planning.plan import Plan
from survey_batch.preflight.estimate import Estimate, nearest_folder, refuse_what_cannot_fit
from survey_batch.preflight.phases import Group, make_groups
from survey_batch.stages import make_stages
from survey_batch.store.products import product_exists, read_status


def refuse_overlaps(job: Job) -> None:
    """Refuse an output that is a file, or that overlaps with the job's inputs or its classifier's folder.

    All of these may lie inside the output or beside it. The output may also lie inside the archive, whose root may be
    the working folder: products have names of their own.

    Raises
    ------
    ConfigurationError
        Names both keys and paths.
    """
    output = job.output
    if not is_url(output) and not (there := nearest_folder(output)).is_dir():
        raise ConfigurationError(f"output {output}: {there} is a file, and the products need a folder: name another")
    for key, path in _used_paths(job):
        if same_or_within(output, path) and (key != "archive.root" or same_or_within(path, output)):
            how = "is also" if same_or_within(path, output) else f"lies within {path}, which is"
            raise ConfigurationError(f"output {output} {how} {key}: products would be written into it; name another")


def _used_paths(job: Job) -> Iterator[tuple[str, str]]:
    yield "catalog.path", job.catalog.path
    if job.catalog.match is not None:
        yield "catalog.match.path", job.catalog.match.path
    yield "archive.root", job.archive.root
    if job.archive.cache is not None:
        yield "archive.cache", job.archive.cache
    if job.predictions is not None:
        yield "predictions.classifier", job.predictions.classifier
    if job.train is not None:
        yield "train.classifier", job.train.classifier


def refuse_what_cannot_work(plan: Plan, cost: Estimate, *, elsewhere: bool) -> None:
    """Refuse a plan that would fail only after its workers have started, or after hours.

    Parameters
    ----------
    plan, cost
        The plan and its estimated cost.
    elsewhere
        Whether workers may run on other machines, which may have folders that this one lacks.

    Raises
    ------
    ConfigurationError
        The machine has too little space, a stage cannot work on these objects, or the archive's folder is missing.
    """
    for stage in make_stages(plan.job):
        stage.check_plan(plan)
    missing = missing_archive(plan)
    if missing and not elsewhere:
        raise ConfigurationError(f"{missing}: correct it, or mount its file system")
    refuse_what_cannot_fit(plan, cost)


def missing_archive(plan: Plan) -> str:
    """Say that the archive's folder is not on this machine if files are still to be read from it; "" otherwise.

    Raises
    ------
    ConfigurationError
        The root is not an address.
    """
    folder = folder_of(plan.job.archive.root)
    groups = make_groups(make_stages(plan.job))
    if folder is None or folder.is_dir() or not any(_is_left(plan, group) for group in groups):
        return ""
    return f"archive.root {folder} is not a folder here"


def _is_left(plan: Plan, group: Group) -> bool:
    """Tell whether stages still read from the archive for unfinished rows."""
    return any(stage.phase == "ingest" for stage in group.stages) and any(
        not product_exists(plan.job.output, stage.name)
        or len(status := read_status(plan.job.output, stage.name)) < plan.size(stage.axis)
        or unfinished(status).any()
        for stage in group.stored
    )
