"""Mark what is damaged, and everything that was made from it, so that a run makes just that again."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from survey_batch.core.paths import remove_folder
from survey_batch.core.wording import counted
from survey_batch.planning.plan import Plan
from survey_batch.planning.stored import to_numpy
from survey_batch.stages import Stage
from survey_batch.store.damage import Damage, rows_in_words
from survey_batch.store.products import (
    drop_shard,
    forget_products,
    mark_pending,
    product_exists,
    product_url,
    rewrite_coordinate,
)
from survey_batch.store.schema import Shard

NAMED = 3
"""Shards whose rows are named in a message."""


def mark_damaged(plan: Plan, stages: Sequence[Stage], damages: Iterable[Damage]) -> list[str]:
    """Mark the damaged shards and the same rows of what was made from them as pending.

    What was made from them comes first: if this is interrupted, nothing made from a damaged shard is final.
    A coordinate that was written when its product was created is written again; if it was learnt from other products,
    the whole product is deleted.

    Parameters
    ----------
    plan
        The current plan of the output.
    stages
        The job's stages, in order; a damaged product of no stage is left alone.
    damages
        What cannot be read.

    Returns
    -------
    list of str
        What was done, in words, a line for each product.
    """
    stored = {stage.name: stage for stage in stages if stage.stored}
    by_product: dict[str, list[Damage]] = {}
    for damage in damages:
        by_product.setdefault(damage.product, []).append(damage)
    said = [
        line for name in stored if name in by_product for line in _mark(plan, stages, stored[name], by_product[name])
    ]
    left = [
        f"{name}.zarr is no product of the job's stages, and is left as it is"
        for name in by_product
        if name not in stored
    ]
    forget_products()
    return said + left


def _mark(plan: Plan, stages: Sequence[Stage], stage: Stage, damages: Sequence[Damage]) -> Iterator[str]:
    output, every = plan.job.output, plan.shards(stage.axis)
    whole = [damage for damage in damages if damage.shard is None and not _rewritten(output, stage, damage.array)]
    indices = sorted({damage.shard for damage in damages if damage.shard is not None})
    shards = every if whole else [every[index] for index in indices]
    dependent = list(_mark_dependents(plan, stages, stage, shards)) if shards else []
    if whole:
        remove_folder(product_url(output, stage.name))
        yield f"{stage.name}.zarr is deleted and made again ({counted(plan.size(stage.axis), 'row')})"
    elif shards:
        for shard in shards:
            drop_shard(output, stage.name, shard)
        yield f"{stage.name}.zarr: {_rows_of(shards)} are pending"
    yield from dependent


def _rewritten(output: str, stage: Stage, name: str) -> bool:
    """Write a coordinate again, if the stage knows its values."""
    known = {**stage.coordinates(), **(stage.fixed_coordinates() or {})}
    if name in known:
        rewrite_coordinate(output, stage.name, name, known[name][1])
    return name in known


def _mark_dependents(plan: Plan, stages: Sequence[Stage], stage: Stage, shards: Sequence[Shard]) -> Iterator[str]:
    for other in dependents(stages, stage):
        depending = shards if other.axis == stage.axis else objects_on(plan, shards)
        if depending and product_exists(plan.job.output, other.name):
            mark_pending(plan.job.output, other.name, depending)
            yield f"{other.name}.zarr, made from {stage.name}: {_rows_of(depending)} are pending"


def dependents(stages: Sequence[Stage], stage: Stage) -> list[Stage]:
    """Find the stored products that are made from a product, directly or through others, in order.

    What is made of objects may look at any product of frames before it.
    """
    made_from = {stage.name}
    for other in stages:
        if other.upstream in made_from or (stage.axis == "frame" and other.axis == "object"):
            made_from.add(other.name)
    return [other for other in stages if other.stored and other.name in made_from - {stage.name}]


def objects_on(plan: Plan, frames: Sequence[Shard]) -> list[Shard]:
    """Find the shards of objects that lie on some fields, or next to them: what is cut may come from a neighbour."""
    names = list(plan.job.survey.field_of(plan.job.archive))
    if not plan.size("object") or not set(names) <= set(plan.objects.column_names):
        return []
    fields = np.stack([to_numpy(plan.fields[name]) for name in names], axis=1)
    objects = np.stack([to_numpy(plan.objects[name]) for name in names], axis=1)
    rows = np.zeros(len(objects), bool)
    for shard in frames:
        field = fields[shard.start]
        rows |= (objects[:, :-1] == field[:-1]).all(axis=1) & (np.abs(objects[:, -1] - field[-1]) <= 1)
    return [shard for shard in plan.shards("object") if rows[shard.rows].any()]


def _rows_of(shards: Sequence[Shard]) -> str:
    """Name the rows of shards, the first few of many."""
    rows = ", ".join(rows_in_words(shard.start, shard.stop) for shard in shards[:NAMED])
    return rows + (f" and those of {counted(len(shards) - NAMED, 'more shard')}" if len(shards) > NAMED else "")
