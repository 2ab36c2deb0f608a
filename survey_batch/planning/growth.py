"""A catalogue that has grown: rows that products hold stay where they are, and new ones follow them.

A plan is made from the catalogue at every start. Where an output has products, the stored plan says where their rows
are; rows of the catalogue that it lacks come behind, in the order that they would have by themselves. If a row that
products hold has vanished, no order helps: the rows are left as they come, and the products are refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.values import one_array
from survey_batch.core.arrays import Index
from survey_batch.core.status import OFF_FOOTPRINT
from survey_batch.planning.stored import planned_rows, stored_columns
from survey_batch.store.damage import DamagedError, read_array
from survey_batch.store.growth import generations
from survey_batch.store.products import open_strictly
from survey_batch.store.schema import PRODUCTS_OF_FRAMES
from survey_batch.store.small_files import DamagedFileError


@dataclass(frozen=True)
class Held:
    """The rows of a catalogue that an output knows already.

    Attributes
    ----------
    ids : pyarrow.Array
        Their `object_id`, in the order of the object axis; empty if there is no product.
    problems : pyarrow.Array or None
        Why they cannot be used; None if that is not known.
    generations : dict
        For each product, how many of these rows it had when it was created and each time it grew.
    """

    ids: pa.Array
    problems: pa.Array | None = None
    generations: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def fields(self) -> tuple[int, ...]:
        """How many objects there were each time that the product of frames got fields."""
        return self.generations.get("frames", ())

    def order(self, table: pa.Table, order: pa.Array) -> pa.Array:
        """Return the order of a catalogue's rows in which those that are known are where they are.

        Parameters
        ----------
        table
            The catalogue's rows, with `object_id`.
        order
            Positions of the rows, in the order of a new output.
        """
        if not len(self.ids):
            return order
        ids = one_array(table["object_id"])
        if ids.take(order.slice(0, len(self.ids))).equals(self.ids):
            return order
        place = pc.index_in(self.ids, value_set=ids)
        if place.null_count:  # the last rows may be in no product yet
            place = place.slice(0, max(rows[-1] for rows in self.generations.values()))
        if place.null_count:
            return order
        new = np.ones(len(order), bool)
        new[np.asarray(place)] = False
        return pa.concat_arrays([place.cast(order.type), order.filter(pa.array(new).take(order))])

    def with_problems(self, objects: pa.Table) -> pa.Table:
        """Keep what was said of unusable rows when they were planned: it may name rows of the file, which move.

        Parameters
        ----------
        objects
            In the order of the object axis.
        """
        now = objects.slice(0, len(self.ids))
        if self.problems is None or not one_array(now["object_id"]).equals(self.ids):
            return objects
        was, said = self.problems, one_array(now["problem"])
        if was.equals(said):
            return objects
        alike = pc.equal(*(pc.match_substring(text, OFF_FOOTPRINT) for text in (was, said)))
        same = pc.and_(pc.and_(pc.not_equal(was, ""), pc.not_equal(said, "")), alike)
        rest = objects["problem"].slice(len(self.ids)).chunks
        problems = pa.chunked_array([pc.if_else(same, was, said), *rest], said.type)
        return objects.set_column(objects.column_names.index("problem"), "problem", problems)


def held_rows(output: str) -> Held:
    """Find the rows that the products of an output hold; none if it has no product."""
    if not (made := generations_in(output)):
        return Held(pa.array([], pa.string()))
    if (stored := stored_columns(output, ["object_id", "problem"])) is not None:
        return Held(one_array(stored["object_id"]), one_array(stored["problem"]), made)
    return Held(_ids_in_products(output, made), None, made)


def generations_in(output: str) -> dict[str, tuple[int, ...]]:
    """Read of how many objects each product of an output was made when it was created, and each time it grew."""
    try:
        return generations(output, planned_rows(output))
    except (FileNotFoundError, DamagedFileError):
        return generations(output, 0)


def _ids_in_products(output: str, made: Mapping[str, tuple[int, ...]]) -> pa.Array:
    """Read the ids from a product that has them all, where the plan is lost; none if there is no such product."""
    of_objects = [name for name in made if name not in PRODUCTS_OF_FRAMES]
    for name in sorted(of_objects, key=lambda name: -made[name][-1]):
        try:
            ids = pa.array(read_array(open_strictly(output, name), "object_id").astype(object), pa.string())
        except (FileNotFoundError, KeyError, DamagedError):
            continue
        if len(ids) and not pc.any(pc.equal(ids, "")).as_py():  # rows that are pending have none
            return ids
    return pa.array([], pa.string())


def fields_in_order(objects: pa.Table, names: Sequence[str], bounds: Sequence[int] = ()) -> pa.Table:
    """List the fields of the usable objects: those of the first generation, sorted, then the new ones of each other.

    Parameters
    ----------
    objects
        In the order of the object axis.
    names
        Columns that name a field.
    bounds
        How many objects there were at the end of each generation.
    """
    generation: Index = np.searchsorted(np.asarray(bounds, np.int64), np.arange(objects.num_rows), side="right")
    keys = objects.select(names).append_column("generation", pa.array(generation))
    first = keys.filter(pc.equal(objects["problem"], "")).group_by(names).aggregate([("generation", "min")])
    return first.sort_by([(name, "ascending") for name in ("generation_min", *names)]).select(names)
