"""A catalogue that has grown: rows that products hold stay where they are, and new ones follow them.

A plan is made from the catalogue at every start. Where an output has products, the stored plan says where their rows
are; rows of the catalogue that it lacks come behind, in the order that they would have by themselves. If a row that
products hold has vanished, no order helps: the rows are left as they come, and the products are refused. Where the
stored plan is lost, the products say where rows are that are done. The others are taken in the order of the
catalogue's file, as if each growth had added rows at its end; if that is wrong, the products are refused, too.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.gather import slices
from survey_batch.core.status import OFF_FOOTPRINT
from survey_batch.planning.stored import planned_rows, read_plan_part
from survey_batch.store.damage import DamagedError, read_array
from survey_batch.store.growth import generations
from survey_batch.store.products import forget_products, open_strictly
from survey_batch.store.schema import PRODUCTS_OF_FRAMES, Array
from survey_batch.store.small_files import DamagedFileError

SLICE_ROWS = 1 << 20
"""Rows compared at a time, so that a plan that has not changed is never in memory twice."""


@dataclass(frozen=True)
class Held:
    """The rows of a catalogue that an output knows already.

    Attributes
    ----------
    output : str
        Folder or URL of the products.
    rows : int
        How many there are; 0 if there is no product.
    lost : pyarrow.Table or None
        Their `object_id`, where the stored plan is lost; "" for a row that is not done in any product.
    generations : dict
        For each product, how many of these rows it had when it was created and each time it grew.
    """

    output: str
    rows: int = 0
    lost: pa.Table | None = None
    generations: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def fields(self) -> tuple[int, ...]:
        """How many objects there were each time that the product of frames got fields."""
        return self.generations.get("frames", ())

    def read(self, name: str, start: int = 0, stop: int | None = None) -> pa.ChunkedArray:
        """Read `object_id` or `problem` of some of the rows."""
        stop = self.rows if stop is None else stop
        if self.lost is not None:
            return self.lost[name].slice(start, stop - start)
        return read_plan_part(self.output, [name], slice(start, stop))[name]

    def _agrees(self, objects: pa.Table, name: str) -> bool:
        """Tell whether the first objects have the same values of a column."""
        if objects.num_rows < self.rows:
            return False
        return all(
            objects[name].slice(start, stop - start).equals(self.read(name, start, stop))
            for start in range(0, self.rows, SLICE_ROWS)
            for stop in [min(start + SLICE_ROWS, self.rows)]
        )

    def order(self, objects: pa.Table) -> Array | None:
        """Return the order in which the rows that are known are where they are; None if that is the order they have.

        Parameters
        ----------
        objects
            The catalogue's rows in the order of a new output.
        """
        if not self.rows or self._agrees(objects, "object_id"):
            return None
        place = pc.index_in(self.read("object_id"), value_set=objects["object_id"])
        if self.lost is not None:
            place = self._without_gaps(place, objects)
        if place.null_count:  # the last rows may be in no product yet
            place = place.slice(0, max(rows[-1] for rows in self.generations.values()))
        if place.null_count:
            return None
        new = np.ones(objects.num_rows, bool)
        new[place.to_numpy()] = False
        return np.concatenate([place.to_numpy(), np.flatnonzero(new)])

    def _without_gaps(self, place: pa.ChunkedArray, objects: pa.Table) -> pa.ChunkedArray:
        """Fill unknown places with the next rows of the catalogue's file, one generation after another.

        Parameters
        ----------
        place
            Where the known rows are in a new output.
        objects
            The catalogue's rows in the order of a new output.
        """
        gap = np.asarray(pc.equal(self.read("object_id"), ""))
        there = np.array(pc.fill_null(place, -1).to_numpy())
        if not gap.any() or (there[~gap] < 0).any():
            return place
        free = np.argsort(objects["row"].to_numpy(), kind="stable")
        free = free[~np.isin(free, there)]
        if len(free) < gap.sum():
            return place
        there[gap] = free[: gap.sum()]
        bounds = sorted({rows for made in self.generations.values() for rows in made})
        for start, stop in pairwise([0, *bounds]):
            there[start:stop].sort()
        return pa.chunked_array([there])

    def with_problems(self, objects: pa.Table) -> pa.Table:
        """Keep what was said of unusable rows when they were planned: it may name rows of the file, which move.

        Parameters
        ----------
        objects
            In the order of the object axis.
        """
        if not self.rows or self.lost is not None or self._agrees(objects, "problem"):
            return objects
        if not self._agrees(objects, "object_id"):
            return objects
        was, said = self.read("problem"), objects["problem"].slice(0, self.rows)
        alike = pc.equal(*(pc.match_substring(text, OFF_FOOTPRINT) for text in (was, said)))
        same = pc.and_(pc.and_(pc.not_equal(was, ""), pc.not_equal(said, "")), alike)
        chunks = [*pc.if_else(same, was, said).chunks, *objects["problem"].slice(self.rows).chunks]
        problems = pa.chunked_array(chunks, said.type)
        return objects.set_column(objects.column_names.index("problem"), "problem", problems)


def held_rows(output: str, *, lost: bool = False) -> Held:
    """Find the rows that the products of an output hold; none if it has no product.

    Parameters
    ----------
    output
        Folder or URL of the products.
    lost
        Whether some of the stored plan's rows cannot be read, so that it counts as lost.
    """
    forget_products()  # another process may have given them more rows
    if not (made := generations_in(output)):
        return Held(output)
    with suppress(FileNotFoundError, DamagedFileError):
        if not lost:
            return Held(output, planned_rows(output), None, made)
    ids = _ids_in_products(output, made)
    return Held(output, len(ids), pa.table({"object_id": ids}), made)


def generations_in(output: str) -> dict[str, tuple[int, ...]]:
    """Read of how many objects each product of an output was made when it was created, and each time it grew."""
    try:
        return generations(output, planned_rows(output))
    except (FileNotFoundError, DamagedFileError):
        return generations(output, 0)


def _ids_in_products(output: str, made: Mapping[str, tuple[int, ...]]) -> pa.Array:
    """Read the ids from the products, where the plan is lost; "" for a row that is done in none of them."""
    of_objects = [name for name in made if name not in PRODUCTS_OF_FRAMES]
    known = np.full(max((made[name][-1] for name in of_objects), default=0), "", object)
    for name in of_objects:
        with suppress(FileNotFoundError, KeyError, DamagedError):
            ids = read_array(open_strictly(output, name), "object_id").astype(object)
            gap = known[: len(ids)] == ""
            known[: len(ids)][gap] = ids[gap]
    return pa.array(known, pa.string())


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
    parts, start = [], 0
    for part in slices(objects, SLICE_ROWS):
        rows = np.arange(start, start + part.num_rows)
        generation = pa.array(np.searchsorted(np.asarray(bounds, np.int64), rows, side="right"))
        keys = part.select(names).append_column("generation", generation).filter(pc.equal(part["problem"], ""))
        parts.append(keys.group_by(names).aggregate([("generation", "min")]))
        start += part.num_rows
    first = pa.concat_tables(parts).group_by(names).aggregate([("generation_min", "min")])
    return first.sort_by([(name, "ascending") for name in ("generation_min_min", *names)]).select(names)
