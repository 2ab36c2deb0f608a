"""Labels and splits that changed in the catalogue: products hold them as two small arrays, which are written anew.

No product depends on them, so nothing else is done again. Only a classifier does, which was trained on the old ones.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.config.job import Job
from survey_batch.core.errors import PlanMismatchError
from survey_batch.core.status import Status
from survey_batch.models.manifest import MANIFEST
from survey_batch.planning.plan import LABELS, Plan, stored_table, to_numpy
from survey_batch.stages import Stage
from survey_batch.store.products import open_group, product_exists, read_rows, read_status, write_coordinates

WRITERS = 4
"""Shards that are written at a time."""


@dataclass(frozen=True)
class Relabelling:
    """Rows whose label or split is another than in the products.

    Attributes
    ----------
    rows : dict
        `label` and `split`, if they changed, and the number of rows.
    trained : tuple of str
        What was learnt from the old ones and stays as it is, in words.
    """

    rows: dict[str, int]
    trained: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = f"in the catalogue, {self.changes} changed; the products get this in place, and nothing is done again"
        return "; ".join([said, *self.trained])

    @property
    def changes(self) -> str:
        """What changed, and in how many rows."""
        return " and ".join(f"the {name} of {count:,} rows" for name, count in self.rows.items())


def find_relabelling(plan: Plan, stages: Iterable[Stage] = ()) -> Relabelling | None:
    """Compare the labels and splits of a plan with those of the output; None if they are equal or none are stored.

    Parameters
    ----------
    plan
        The current plan.
    stages
        Stages of which to say what was fitted to the old split.
    """
    before = stored_table(plan.job.output, "object")
    if before is None:
        before = _labels_in_product(plan)
    if before is None or before.num_rows != plan.objects.num_rows:
        return None
    rows = {}
    for name in LABELS:
        differ = pc.sum(pc.not_equal(before[name].combine_chunks(), plan.objects[name].combine_chunks())).as_py()
        if differ:
            rows[name] = int(differ)
    fitted = [stage for stage in stages if stage.requires_fit and "split" in rows]
    return Relabelling(rows, (*_classifiers(plan.job), *map(_fitted, fitted))) if rows else None


def _labels_in_product(plan: Plan) -> pa.Table | None:
    """Read the labels of a product where the stored plan is missing; rows that are still to be done are as planned."""
    for name in plan.job.stages:
        if not product_exists(plan.job.output, name) or "label" not in open_group(plan.job.output, name):
            continue
        done = read_status(plan.job.output, name) != Status.PENDING
        done = done.reshape(len(done), -1).any(axis=1)
        if len(done) == plan.size("object"):
            stored = read_rows(plan.job.output, name, slice(None), LABELS)
            now = {label: to_numpy(plan.objects[label]).astype(object) for label in LABELS}
            return pa.table({label: np.where(done, stored[label].astype(object), now[label]) for label in LABELS})
    return None


def _classifiers(job: Job) -> Iterator[str]:
    for folder in dict.fromkeys(section.classifier for section in (job.train, job.predictions) if section):
        if (Path(folder) / MANIFEST).exists():
            yield f"the classifier {folder} was trained on the old ones"


def _fitted(stage: Stage) -> str:
    return f"what {stage.name}.zarr learnt from the old training split stays (to learn anew, delete {stage.name}.zarr)"


def relabel(plan: Plan, stages: Sequence[Stage], say: Callable[[str], None]) -> None:
    """Write the plan's labels and splits into all products of objects, then store the plan.

    The plan is stored last: a relabelling that was interrupted is found and done again by the next run.
    """
    if (found := find_relabelling(plan, stages)) is None:
        return
    say(f"note: {found}")
    values = {name: to_numpy(plan.objects[name]) for name in LABELS}
    for stage in stages:
        if stage.axis == "object" and product_exists(plan.job.output, stage.name):
            _write(plan, stage.name, values)
    plan.store()


def _write(plan: Plan, product: str, values: dict[str, np.ndarray]) -> None:
    shards = plan.shards("object")
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda shard: write_coordinates(plan.job.output, product, shard, values), shards))


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
