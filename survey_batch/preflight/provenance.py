"""A product's provenance, everything it depends on: stored with it, and compared with the job before any work."""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from survey_batch.config.job import Job
from survey_batch.core.errors import ConfigurationError, PlanMismatchError
from survey_batch.core.status import Status
from survey_batch.core.wording import counted
from survey_batch.planning.growth import generations_in
from survey_batch.planning.plan import Plan, make_plan, plan_fields
from survey_batch.preflight.differences import CATALOG, COLUMNS, catalog_differences, differences, rows_made_from
from survey_batch.preflight.relabel import refuse_old_labels
from survey_batch.stages import Stage, make_stage
from survey_batch.store.damage import DamagedError, read_attribute
from survey_batch.store.products import PROVENANCE, earlier_version, open_group, product_exists, read_status
from survey_batch.store.schema import Axis

VARIABLES = "variables"
"""Key for the names of the product's variables; they follow from the settings and from the version."""

log = logging.getLogger(__name__)


def provenance_of(plan: Plan, stage: Stage) -> dict[str, Any]:
    """Return everything a stage's product depends on, as JSON types, for comparison with the stored provenance."""
    shards = {"shards.objects": plan.job.shards.objects} if stage.axis == "object" else {}
    axis: Axis = "frame" if stage.from_fields else "object"
    columns = plan.columns_behind(axis, stage.columns_read())
    catalog = {COLUMNS: columns, CATALOG: plan.hash_behind(axis, columns)}
    own = {VARIABLES: [variable.name for variable in stage.variables()], **catalog}
    learnt = plan
    if stage.requires_fit and stage.name in (made := generations_in(plan.job.output)):
        learnt = plan.first(made[stage.name][0])  # what it learnt, it learnt from these
    provenance: dict[str, Any] = json.loads(json.dumps({**stage.settings_for(learnt), **shards, **own}))
    return provenance


def check_product(output: str, product: str, provenance: Mapping[str, Any], plan: Plan | None = None) -> bool:
    """Tell whether a product exists; refuse a product made with another plan.

    It may have the first rows of the plan alone: then the catalogue has grown.

    Parameters
    ----------
    output, product
        Where the product is.
    provenance
        What the product would depend on now.
    plan
        The current plan, so that changes in the catalogue can be listed row by row.

    Raises
    ------
    PlanMismatchError
        Lists each difference.
    """
    if not product_exists(output, product):
        return False
    group = open_group(output, product)
    before = read_attribute(group, PROVENANCE)
    if CATALOG in before and COLUMNS not in before:
        raise earlier_version(f"{product}.zarr in {output}")
    changed, differ = differences(before, provenance), _differing(before, provenance)
    if plan is not None and rows_made_from(plan, product, before):
        differ.discard(CATALOG)
    if differ == {VARIABLES}:  # the same job, so another version made it
        lacks = [name for name in provenance[VARIABLES] if name not in before.get(VARIABLES, ())]
        raise earlier_version(f"{product}.zarr in {output}", lacks)
    if CATALOG in differ:
        axis: Axis = "object" if "object_id" in provenance[COLUMNS] else "frame"
        rows = generations_in(output)[product][-1] if axis == "object" else None
        changed += catalog_differences(plan, axis, before, read_attribute(group, "job"), rows)
    if changed:
        raise PlanMismatchError(
            f"{product}.zarr in {output} was made by another job:\n"
            + "".join(f"  {line}\n" for line in changed)
            + (
                f"It holds nothing yet: delete {product}.zarr, then give the same command again."
                if _holds_nothing(output, product)
                else f"Choose another output, undo the change, or delete {product}.zarr (and what was made from it)."
            )
        )
    return True


def _holds_nothing(output: str, product: str) -> bool:
    with suppress(DamagedError):
        return not (read_status(output, product) != Status.PENDING).any()
    return False


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> set[str]:
    return {key for key in {*before, *now} if before.get(key) != now.get(key)}


def made_already(plan: Plan, stages: Iterable[Stage]) -> list[Stage]:
    """Find the stages whose product exists, as a run does before anything else.

    Raises
    ------
    PlanMismatchError
        A product was made with another plan; lists each difference.
    """
    stored = [stage for stage in stages if stage.stored]
    return [stage for stage in stored if check_product(plan.job.output, stage.name, provenance_of(plan, stage), plan)]


def check_made_by(job: Job, product: str) -> None:
    """Refuse a stored product that another job made, or that still has the labels of an older catalogue.

    If the job's catalogue no longer exists, nothing can be compared; the log says so.

    Raises
    ------
    PlanMismatchError
        Lists each difference.
    """
    if not product_exists(job.output, product):
        return
    stage = make_stage(job, product)
    try:
        plan = plan_fields(job) if stage.from_fields else make_plan(job)
    except ConfigurationError as error:
        log.warning("%s.zarr in %s was not compared with the job: %s", product, job.output, error)
        return
    check_product(job.output, product, provenance_of(plan, stage), plan)
    refuse_shorter(plan, product)
    if stage.axis == "object":
        refuse_old_labels(plan)


def changed_settings(job: Job, product: str) -> list[str]:
    """Say which settings of a stored product differ from the job's, in words; the catalogue is not read for it.

    None where the job can no longer make the product, for example without the classifier that predicted, or where the
    product does not say how it was made.
    """
    try:
        now = make_stage(job, product).settings()
    except (ConfigurationError, FileNotFoundError):
        return []
    before = read_attribute(open_group(job.output, product), PROVENANCE)
    of_the_plan = {CATALOG, COLUMNS, VARIABLES, "shards.objects", "spectral_features.sample"}
    kept = {key: value for key, value in before.items() if key not in of_the_plan}
    return differences(kept, json.loads(json.dumps(now))) if kept else []


def refuse_shorter(plan: Plan, product: str) -> None:
    """Refuse a product that lacks the rows by which the catalogue has grown.

    Raises
    ------
    PlanMismatchError
        Says how many there are.
    """
    rows = generations_in(plan.job.output).get(product, (plan.size("object"),))[-1]
    if plan.size("object") > rows:
        raise PlanMismatchError(
            f"the catalogue of {plan.job.name} has {counted(plan.size('object') - rows, 'row')} that {product}.zarr in "
            f"{plan.job.output} lacks: survey-batch run adds them; then train"
        )


def fingerprint(provenance: Mapping[str, Any]) -> str:
    """Hash a product's provenance."""
    text = "\n".join(f"{key}={provenance[key]!r}" for key in sorted(provenance))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
