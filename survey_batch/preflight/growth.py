"""A catalogue that has grown: products are given its new rows, and nothing of the old ones is done again.

Each product says of how many rows it was made, and has their hash. If the plan begins with these rows, the product
gets the others as `pending` rows. Each is judged by itself, so a growth that was interrupted goes on.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from survey_batch.core.redaction import redacted_values
from survey_batch.core.wording import counted
from survey_batch.planning.growth import generations_in
from survey_batch.planning.plan import Plan
from survey_batch.preflight.differences import CATALOG, COLUMNS, rows_made_from
from survey_batch.preflight.provenance import fingerprint
from survey_batch.stages import Stage
from survey_batch.store.damage import read_attribute
from survey_batch.store.growth import GENERATIONS, lengthen
from survey_batch.store.history import longer_history
from survey_batch.store.products import PROVENANCE, open_group, product_exists
from survey_batch.store.schema import PRODUCTS_OF_FRAMES, Axis

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Growth:
    """Products that have fewer rows than the catalogue, which begins with theirs.

    Attributes
    ----------
    rows : int
        Rows of the catalogue.
    products : dict
        Of how many of them each product was made.
    learnt : dict
        For products that learnt from others: from how many rows.
    """

    rows: int
    products: Mapping[str, int]
    learnt: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        before = min(self.products.values())
        said = (
            f"the catalogue has grown from {counted(before, 'row')} to {self.rows:,}: the products are given the "
            f"{counted(self.rows - before, 'new one')}, and nothing of the old ones is done again"
        )
        learnt = (f"{self.kept(name)} (to learn from all, delete {name}.zarr)" for name in self.learnt)
        return "; ".join([said, *learnt])

    def kept(self, product: str) -> str:
        """Say what a product keeps; "" if it has learnt nothing."""
        if product not in self.learnt:
            return ""
        return f"what {product}.zarr learnt from the first {counted(self.learnt[product], 'row')} stays"


def find_growth(plan: Plan, stages: Iterable[Stage] = (), skip: Collection[str] = ()) -> Growth | None:
    """Find the products of the output that lack rows of the catalogue, whatever the job's stages are; None if none do.

    Parameters
    ----------
    plan
        The current plan.
    stages
        Stages that may have learnt from other products.
    skip
        Products that are not looked at.
    """
    made = generations_in(plan.job.output)
    shorter = {name: rows[-1] for name, rows in made.items() if rows[-1] < plan.size("object") and name not in skip}
    products = {name: rows for name, rows in shorter.items() if _grows(plan, name)}
    fitted = [stage.name for stage in stages if stage.requires_fit and stage.name in products]
    return Growth(plan.size("object"), products, {name: made[name][0] for name in fitted}) if products else None


def _grows(plan: Plan, product: str) -> bool:
    if not product_exists(plan.job.output, product):
        return False
    return rows_made_from(plan, product, read_attribute(open_group(plan.job.output, product), PROVENANCE)) > 0


def grow(plan: Plan, growth: Growth, say: Callable[[str], None]) -> None:
    """Give products the rows that they lack, as `pending` ones; the plan must be stored before.

    Parameters
    ----------
    plan, growth
        The current plan, and what `find_growth` found.
    say
        Told what happens.
    """
    say(f"note: {growth}")
    output, generations = plan.job.output, generations_in(plan.job.output)
    for product, rows in growth.products.items():
        group = open_group(output, product)
        made_with = read_attribute(group, PROVENANCE)
        made_with[CATALOG] = plan.hash_behind("object", made_with[COLUMNS])
        done = f"the catalogue has grown from {counted(rows, 'row')} to {growth.rows:,}: the new ones are added"
        now = {
            PROVENANCE: made_with,
            "fingerprint": fingerprint(made_with),
            GENERATIONS: [*generations[product], growth.rows],
            "history": longer_history(group.attrs, "; ".join(filter(None, (done, growth.kept(product))))),
            "job": redacted_values(plan.job.model_dump(mode="json")),
        }
        axis: Axis = "frame" if product in PRODUCTS_OF_FRAMES else "object"
        lengthen(output, product, axis, plan.size(axis), now)
        log.info("%s: %s", product, done, extra={"event": "grown", "stage": product})
