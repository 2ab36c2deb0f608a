"""Rows whose status is final, tried again because the user says so: `run --retry not_found,unreadable`."""

import logging
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from survey_batch.core.arrays import Flags
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import RETRIABLE, Status
from survey_batch.images.reader import Field
from survey_batch.planning.plan import Plan
from survey_batch.planning.stored import to_numpy
from survey_batch.stages import Stage
from survey_batch.store.products import mark_rows_pending, read_status
from survey_batch.store.schema import Array

log = logging.getLogger(__name__)

NEVER_BELONG = (Status.OK, Status.INVALID)
"""Statuses of rows that do not change with what they are made from: complete, or never looked for."""


def statuses_to_retry(names: str | Status | Iterable[str | Status]) -> frozenset[Status]:
    """Read names of statuses: several, or one text with commas.

    Raises
    ------
    ConfigurationError
        Lists the names that there are.
    """
    given = names.split(",") if isinstance(names, str) else [names] if isinstance(names, Status) else names
    if not isinstance(given, Iterable):
        given = [given]
    words = [name.name.lower() if isinstance(name, Status) else str(name).strip() for name in given]
    right = {status.name.lower(): status for status in RETRIABLE}
    if wrong := [word for word in words if word not in right]:
        raise ConfigurationError(
            f"retry: no row with the status {' or '.join(map(repr, wrong))} can be tried again: name one or more of "
            f"{', '.join(right)}, with commas"
        )
    return frozenset(right[word] for word in words)


def rows_to_retry(
    plan: Plan, stages: Sequence[Stage], existing: Sequence[Stage], wanted: frozenset[Status]
) -> dict[str, Array]:
    """Find the rows with the wanted statuses, and the rows of later products that were made from them.

    Parameters
    ----------
    plan
        The job's plan.
    stages
        Its stages in order, also those whose product is not stored.
    existing
        The stages whose product exists.
    wanted
        From `statuses_to_retry`.

    Returns
    -------
    dict
        For each existing product with such rows, marks of the shape of its status; in the order of the stages.
    """
    marks: dict[str, Array] = {}
    for stage in stages:
        made_from = _made_from_marked(plan, stage, marks)
        if stage not in existing:
            marks[stage.name] = made_from
            continue
        status = read_status(plan.job.output, stage.name)
        asked = np.isin(status, [int(one) for one in wanted])
        marks[stage.name] = asked | (_like(made_from, status) & ~np.isin(status, NEVER_BELONG))
    return {stage.name: marks[stage.name] for stage in stages if stage in existing and marks[stage.name].any()}


def mark_for_retry(plan: Plan, stages: Sequence[Stage], marks: Mapping[str, Array]) -> dict[str, int]:
    """Mark rows as pending, and return how many in each product.

    Later products come first: if this is interrupted, no product calls final what its upstream product may change.
    """
    axes = {stage.name: stage.axis for stage in stages}
    for name in reversed(list(marks)):
        mark_rows_pending(plan.job.output, name, marks[name], plan.shards(axes[name]))
    counts = {name: int(_rows(of_product).sum()) for name, of_product in marks.items()}
    log.info("rows to try again: %s", counts, extra={"event": "pending"})
    return counts


def _made_from_marked(plan: Plan, stage: Stage, marks: dict[str, Array]) -> Flags:
    """Tell which rows of a stage may have been made from marked rows of an earlier one."""
    if stage.upstream in marks:
        return _rows(marks[stage.upstream])
    made = np.zeros(plan.size(stage.axis), dtype=bool)
    fields = {field for name in stage.reads_fields_of if name in marks for field in _fields(plan, _rows(marks[name]))}
    if fields:
        names, usable = plan.fields.column_names, plan.usable  # the others may name no field
        made[usable] = stage.touches(fields, {name: to_numpy(plan.objects[name])[usable] for name in names})
    return made


def _fields(plan: Plan, marked: Flags) -> list[Field]:
    columns = [to_numpy(plan.fields[name])[marked].tolist() for name in plan.fields.column_names]
    return list(zip(*columns, strict=True))


def _rows(marks: Array) -> Flags:
    """Tell which rows are marked in any band."""
    return np.asarray(marks.reshape(len(marks), -1).any(axis=1))


def _like(rows: Flags, status: Array) -> Flags:
    """Repeat marks of rows for each band."""
    return np.broadcast_to(rows.reshape(-1, *(1,) * (status.ndim - 1)), status.shape)
