"""Check what lies beside the products: metadata, the plan, accounts of runs, notes of problems, classifiers."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from survey_batch.config.job import Job
from survey_batch.core.display import in_words
from survey_batch.core.errors import ConfigurationError, PlanMismatchError
from survey_batch.core.paths import exists, join, write_json
from survey_batch.core.status import UNFINISHED
from survey_batch.integrity.faults import Fault, Kind
from survey_batch.models.artifact import check_folder
from survey_batch.models.manifest import MANIFEST
from survey_batch.planning.plan import BESIDE, Plan
from survey_batch.preflight.provenance import check_product, fingerprint, provenance_of
from survey_batch.stages import Stage
from survey_batch.store.damage import LOST, Damage, DamagedError, read_attribute
from survey_batch.store.lock import LOCK, holder_of
from survey_batch.store.marks import PROGRESS, SCHEMA
from survey_batch.store.notes import damaged_notes, note_paths, problems_path
from survey_batch.store.problems import ALL, PROBLEM_SCHEMA
from survey_batch.store.products import PROVENANCE, open_group
from survey_batch.store.root import METADATA, DamagedMetadata
from survey_batch.store.schema import Shard
from survey_batch.store.small_files import DamagedFileError, read_mapping, read_run_file, read_table

UNFINISHED_NAMES = {status.name.lower() for status in UNFINISHED}


def check_metadata(found: DamagedMetadata) -> Iterator[Fault]:
    """Tell what was found wrong with the metadata below the output."""
    for node in found.copies:
        yield Fault(Kind.METADATA, f"{node}/{METADATA}", "it is not what was written; its copy is whole")
    for node in found.lost:
        product, _, array = node.partition("/")
        yield Fault.of(Damage(product.removesuffix(".zarr"), array and f"{array}/{METADATA}", None, what=LOST))
    if found.group:
        yield Fault(Kind.METADATA, METADATA, "it is not what was written; it is made again from the products'")


def check_settings(plan: Plan, stage: Stage) -> Iterator[Fault]:
    """Compare what a product depends on with the job and its plan."""
    file = f"{stage.name}.zarr"
    try:
        check_product(plan.job.output, stage.name, provenance_of(plan, stage), plan)
    except PlanMismatchError as error:
        yield Fault(Kind.SETTINGS, file, str(error))
        return
    except (ConfigurationError, DamagedError):  # of the classifier or another product, which is told by itself
        return
    group = open_group(plan.job.output, stage.name)
    if group.attrs.get("fingerprint") != fingerprint(read_attribute(group, PROVENANCE)):
        yield Fault(Kind.SETTINGS, file, "its attribute fingerprint is not that of its provenance")


def check_plan(plan: Plan, held: Collection[int] = ()) -> Iterator[Fault]:
    """Compare the stored plan with the one that the catalogue gives.

    Parameters
    ----------
    plan
        The current plan.
    held
        Of how many of its rows products were made that lack some: the stored plan may have no more either.
    """
    wrong = [plan.not_stored(), *(plan.first(rows).not_stored(leave_out=BESIDE) for rows in held)]
    for path in min(wrong, key=len):
        what = "it is not the plan of the catalogue, or cannot be read" if exists(path) else "it is missing"
        yield Fault(Kind.PLAN, _below(plan.job.output, path), what)
    marks = join(plan.job.output, "plan", "labels.json")
    if (error := _broken(read_mapping, marks)) is not None:
        yield Fault(Kind.PLAN, "plan/labels.json", error.why)


def check_accounts(output: str, counts: Mapping[str, Mapping[str, int]], *, running: bool) -> Iterator[Fault]:
    """Check the files about runs, and compare the counts of the last run with the statuses.

    Parameters
    ----------
    output
        Folder or URL of the products.
    counts
        Rows by status in each product, as they are now.
    running
        Whether a run is changing them.
    """
    for name, read in (("run.json", read_run_file), (ALL, _read_notes), (PROGRESS, _read_marks)):
        if (error := _broken(read, join(output, name))) is not None:
            yield Fault(Kind.ACCOUNTS, name, f"it cannot be read ({error.why})")
    if exists(join(output, LOCK)) and holder_of(output) is None:
        yield Fault(Kind.ACCOUNTS, LOCK, "it does not say who holds the output; the next run takes it over")
    last = {} if running else _last_counts(output)
    for product, then in last.items():
        now = counts.get(product, {})
        grown = sum(now.values()) > sum(then.values())
        if now and now != then and not grown:
            what = f"{in_words(now)}, and the last run counted {in_words(then)}"
            lost = ": the next run makes again what is pending" if "pending" in now else ""
            yield Fault(Kind.ACCOUNTS, f"{product}.zarr", f"there are {what}{lost}")


def _last_counts(output: str) -> dict[str, dict[str, int]]:
    """Return the counts of each product at the end of the last run, where it left nothing for another run to change."""
    try:
        runs = read_run_file(join(output, "run.json")).get("runs", [])
    except (FileNotFoundError, DamagedFileError):
        return {}
    stages = runs[-1]["stages"] if runs else {}
    told = {name: stage.get("counts") for name, stage in stages.items() if isinstance(stage, dict)}
    return {name: counts for name, counts in told.items() if counts and not UNFINISHED_NAMES & set(counts)}


def correct_counts(output: str, counts: Mapping[str, Mapping[str, int]]) -> None:
    """Write into `run.json` what the statuses of products say now, where nothing in these is pending."""
    path = join(output, "run.json")
    wrong = [name for name, then in _last_counts(output).items() if counts.get(name, then) != then]
    whole = [name for name in wrong if "pending" not in counts[name]]
    if whole:
        found = read_run_file(path)
        for name in whole:
            found["runs"][-1]["stages"][name]["counts"] = dict(counts[name])
        write_json(path, found)


def check_notes(output: str, shards: Mapping[str, list[Shard]]) -> Iterator[tuple[Fault, str, Shard]]:
    """Find damaged notes of problems; yield each with the stage and the shard that it is about."""
    known = {problems_path(output, stage, shard): (stage, shard) for stage, own in shards.items() for shard in own}
    for error in damaged_notes([path for path in note_paths(output) if path in known]):
        yield Fault(Kind.ACCOUNTS, _below(output, error.path), f"it cannot be read ({error.why})"), *known[error.path]


def check_classifiers(job: Job) -> Iterator[Fault]:
    """Compare the files of the job's classifiers with their manifests."""
    for folder in dict.fromkeys(section.classifier for section in (job.predictions, job.train) if section):
        if (Path(folder) / MANIFEST).exists() or (job.predictions and folder == job.predictions.classifier):
            try:
                check_folder(folder)
            except ConfigurationError as error:
                yield Fault(Kind.CLASSIFIER, folder, str(error))


def _read_notes(path: str) -> object:
    return read_table(path, PROBLEM_SCHEMA)


def _read_marks(path: str) -> object:
    return read_table(path, SCHEMA)


def _broken(read: object, path: str) -> DamagedFileError | None:
    try:
        read(path)  # type: ignore[operator]
    except FileNotFoundError:
        return None
    except DamagedFileError as error:
        return error
    return None


def _below(output: str, path: str) -> str:
    return path.removeprefix(output.rstrip("/") + "/")
