"""Labels and splits that changed in the catalogue: products hold them as two small arrays, which are rewritten.

No product depends on them, so nothing else is done again. Only a classifier depends on those it was trained on.
A mark beside the plan says which labels each product has. It is removed before a product's labels are rewritten and
set afterwards, so an interrupted relabelling is found and done again.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from survey_batch.config.job import Job
from survey_batch.core.errors import PlanMismatchError
from survey_batch.core.paths import files_in, join, write_bytes
from survey_batch.core.status import Status
from survey_batch.core.wording import counted
from survey_batch.models.manifest import MANIFEST
from survey_batch.planning.growth import generations_in
from survey_batch.planning.plan import LABELS, Plan
from survey_batch.planning.stored import to_numpy
from survey_batch.preflight.differences import rows_made_from
from survey_batch.stages import Stage
from survey_batch.store.damage import read_attribute
from survey_batch.store.history import add_to_history
from survey_batch.store.products import (
    PROVENANCE,
    open_group,
    product_exists,
    read_rows,
    read_status,
    write_coordinates,
)
from survey_batch.store.small_files import DamagedFileError, read_mapping

WRITERS = 4
"""Shards that are written at a time."""


@dataclass(frozen=True)
class Relabelling:
    """Products whose labels or splits are not those of the catalogue.

    Attributes
    ----------
    products : dict
        For each product `label` and `split`, if they differ, and in how many of its rows.
    trained : tuple of str
        What was learnt from the old ones and stays as it is, in words.
    """

    products: Mapping[str, Mapping[str, int]]
    trained: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = f"in the catalogue, {self.changes} changed; the products are updated in place, and nothing is done again"
        return "; ".join([said, *self.trained])

    @property
    def rows(self) -> dict[str, int]:
        """What changed in the catalogue, and in how many rows: those of the product that lacks most."""
        most = {name: max(rows.get(name, 0) for rows in self.products.values()) for name in LABELS}
        return {name: count for name, count in most.items() if count}

    @property
    def changes(self) -> str:
        """What changed, and in how many rows, in words."""
        return _in_words(self.rows)


def find_relabelling(plan: Plan, stages: Iterable[Stage] = ()) -> Relabelling | None:
    """Find the products of the output whose labels or splits are not the plan's; None if there are none.

    Parameters
    ----------
    plan
        The current plan.
    stages
        Stages that may have been fitted to the old split.
    """
    stale = {name: _differing(plan, name) for name in _unmarked(plan)}
    changed = {name: rows for name, rows in stale.items() if rows}
    if not changed:
        return None
    fitted = [stage for stage in stages if stage.requires_fit and any("split" in rows for rows in changed.values())]
    return Relabelling(changed, (*_classifiers(plan.job), *map(_fitted, fitted)))


def relabel(plan: Plan, stages: Sequence[Stage], say: Callable[[str], None]) -> None:
    """Write the plan's labels and splits into all products of the output that have others, then store the plan."""
    if (found := find_relabelling(plan, stages)) is None:
        if unmarked := [name for name in _products(plan) if _marks(plan.job.output).get(name) != labels_hash(plan)]:
            plan.store()  # a relabelling was interrupted after its last row, or the catalogue has grown
            mark_labelled(plan, *unmarked)
        return
    say(f"note: {found}")
    values = {name: to_numpy(plan.objects[name]) for name in LABELS}
    for product, rows in found.products.items():
        _mark(plan.job.output, {product: None})
        # Before the rows: an interrupted relabelling has its line too, and what it left gets another.
        add_to_history(plan.job.output, product, f"{_in_words(rows)} changed in the catalogue and here")
        with ThreadPoolExecutor(WRITERS) as pool:
            write = partial(write_coordinates, plan.job.output, product, values=values)
            list(pool.map(write, plan.shards("object")))
        mark_labelled(plan, product)
    plan.store()


def mark_labelled(plan: Plan, *products: str) -> None:
    """Note that products have the plan's labels and splits."""
    if products and set(LABELS) <= set(plan.objects.column_names):
        _mark(plan.job.output, dict.fromkeys(products, labels_hash(plan)))


def refuse_old_labels(plan: Plan) -> None:
    """Refuse to train on products whose labels or splits are no longer those of the catalogue.

    Raises
    ------
    PlanMismatchError
        Says in how many rows they differ.
    """
    if found := find_relabelling(plan):
        raise PlanMismatchError(
            f"{found.changes} changed in the catalogue of {plan.job.name} since the products in {plan.job.output} were "
            "labelled: survey-batch run writes the new ones into the products; then train"
        )


def labels_hash(plan: Plan, rows: int | None = None) -> str:
    """Hash of the labels and splits of all rows, or of the first ones; "" if the objects are not known yet."""
    there = set(LABELS) <= set(plan.objects.column_names)
    return plan.hash_behind("object", LABELS, rows) if there else ""


def _unmarked(plan: Plan) -> Iterator[str]:
    """Yield the products of which no mark says that their rows have the plan's labels and splits.

    A mark may be of the time before the product grew: rows get their labels when they are done, and no row is done
    before the mark is renewed.
    """
    marks, made = _marks(plan.job.output), generations_in(plan.job.output)
    for name in _products(plan):
        lengths = {None, *made.get(name, ())[-2:]}
        if marks.get(name) not in {labels_hash(plan, rows) for rows in lengths}:
            yield name


def _products(plan: Plan) -> Iterator[str]:
    """Yield the output's products that have the plan's objects, or its first ones, whatever the job's stages are."""
    if not labels_hash(plan):
        return
    for path in files_in(plan.job.output, ".zarr"):
        name = path.rpartition("/")[2].removesuffix(".zarr")
        if not product_exists(plan.job.output, name):
            continue
        group = open_group(plan.job.output, name)
        labelled = set(LABELS) <= set(str(group.attrs.get("coordinates", "")).split())  # a product of frames has none
        if labelled and rows_made_from(plan, name, read_attribute(group, PROVENANCE)):
            yield name


def _differing(plan: Plan, product: str) -> dict[str, int]:
    """Count the rows of a product that are done and have a label or split other than the plan's; without zeros."""
    done = read_status(plan.job.output, product) != Status.PENDING
    done = done.reshape(len(done), -1).any(axis=1)
    stored = read_rows(plan.job.output, product, slice(None), LABELS)
    planned = {name: to_numpy(plan.objects[name].slice(0, len(done))).astype(object) for name in LABELS}
    other = {name: stored[name].astype(object) != planned[name] for name in LABELS}
    counts = {name: int(np.sum(done & differs)) for name, differs in other.items()}
    return {name: count for name, count in counts.items() if count}


def _in_words(rows: Mapping[str, int]) -> str:
    return " and ".join(f"the {name} of {counted(count, 'row')}" for name, count in rows.items())


def _classifiers(job: Job) -> Iterator[str]:
    for folder in dict.fromkeys(section.classifier for section in (job.train, job.predictions) if section):
        if (Path(folder) / MANIFEST).exists():
            yield f"the classifier {folder} was trained on the old ones"


def _fitted(stage: Stage) -> str:
    return f"what {stage.name}.zarr learnt from the old training split stays (to learn again, delete {stage.name}.zarr)"


def _marks_path(output: str) -> str:
    return join(output, "plan", "labels.json")


def _marks(output: str) -> dict[str, str]:
    try:
        marks = read_mapping(_marks_path(output))
    except (FileNotFoundError, DamagedFileError):  # no mark means: compare the labels themselves
        return {}
    return marks


def _mark(output: str, marks: dict[str, str | None]) -> None:
    before = _marks(output)
    after = {name: mark for name, mark in {**before, **marks}.items() if mark is not None}
    if after != before:
        write_bytes(_marks_path(output), json.dumps(after).encode())
