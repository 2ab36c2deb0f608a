"""Which rows of the catalogue an export takes, and which object of the plan each of them is."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog import read_catalog
from survey_batch.catalog.clean import clean
from survey_batch.catalog.draft import Draft
from survey_batch.catalog.identifiers import read_ids
from survey_batch.catalog.opening import Opened
from survey_batch.config.job import ArchiveSection, CatalogSection, Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.sky import separation_arcsec
from survey_batch.planning.plan import read_plan_part, to_numpy
from survey_batch.store.products import Array

MOVED_ARCSEC = 1.0
"""Less than the width of a star's image; more than rounding in any catalogue."""
SLICE_ROWS = 1 << 18
"""Objects whose positions are compared at a time."""


@dataclass(frozen=True)
class Matched:
    """The rows of the catalogue that the job takes.

    Attributes
    ----------
    rows : (n,) int64 array
        Their places in the file, ascending.
    places : (n,) int32 array
        The places of their objects in the plan.
    """

    rows: Array
    places: Array


def match(job: Job, section: CatalogSection, opened: Opened) -> Matched:
    """Find the rows that the job takes, and their objects.

    Raises
    ------
    ConfigurationError
        The catalogue is not the one that the products were made from: an id is not in the plan, or an object has moved.
    """
    plain = section.select is None and section.duplicates is None and section.sample is None
    same = _as_planned(job.output, section, job.archive, opened) if plain else None
    if same is not None:
        return same
    chosen = read_catalog(section, job.archive).table.select(["row", "object_id", "ra", "dec"])
    plan = read_plan_part(job.output, ["object_id", "ra", "dec"])
    places = _places(plan["object_id"], chosen["object_id"], section, job.output)
    _refuse_moved(chosen, plan, places, section, job.output)
    return Matched(to_numpy(chosen["row"]), places)


def _as_planned(output: str, section: CatalogSection, archive: ArchiveSection, opened: Opened) -> Matched | None:
    """Find the objects by the rows' places in the file, if the file's own ids and the positions agree row by row.

    That is the common case: the job takes all rows, and the file is as it was. It needs the least memory, as the
    catalogue is read batch by batch. None if anything differs.
    """
    plan = read_plan_part(output, ["row", "object_id", "ra", "dec"])
    places = np.full(plan.num_rows, -1, np.int32)
    rows = to_numpy(plan["row"])
    if "object_id" not in opened.names or rows.size == 0 or rows.min() < 0 or rows.max() >= rows.size:
        return None
    places[rows] = np.arange(rows.size, dtype=np.int32)
    del rows
    first = 0
    for draft in _drafts(opened):
        here = places[first : first + len(draft)]
        if len(here) < len(draft) or not _agree(clean(draft, section, archive, first), plan.take(pa.array(here))):
            return None
        first += len(draft)
    return Matched(np.arange(first), places) if first == places.size else None


def _drafts(opened: Opened) -> Iterator[Draft]:
    for rows in opened.source.batches(sorted(set(opened.names.values()))):
        here = {ours: theirs for ours, theirs in opened.names.items() if theirs not in rows.absent}
        yield Draft(rows, here, opened.angles)


def _agree(read: pa.Table, planned: pa.Table) -> bool:
    """Tell whether rows have the ids and the positions of the objects that were planned in their places."""
    if "id" not in read.column_names:
        return False
    ids, lost, odd = read_ids(read["id"])
    if lost or odd or ids.null_count or not pc.all(pc.equal(ids, planned["object_id"]), min_count=0).as_py():
        return False
    return not _moved(read, planned).any()


def _places(made: pa.ChunkedArray, asked: pa.ChunkedArray, catalog: CatalogSection, output: str) -> Array:
    """Find each asked id's row in the plan."""
    places = pc.index_in(asked, value_set=made)
    if places.null_count:
        missing = asked.filter(pc.is_null(places))[0].as_py()
        raise ConfigurationError(
            f"object {missing!r} of {catalog.path} is not in {output}: the catalogue changed since the run, "
            "or the run has not reached it yet"
        )
    return to_numpy(places)


def _refuse_moved(chosen: pa.Table, plan: pa.Table, places: Array, catalog: CatalogSection, output: str) -> None:
    """Refuse a catalogue whose objects have the products' ids but other positions on the sky."""
    made = plan.select(["ra", "dec"]).take(pa.array(places))
    moved = np.flatnonzero(_moved(chosen, made))
    if moved.size:
        first = int(moved[0])
        (ra, dec), (ra_made, dec_made) = (
            [table[name][first].as_py() for name in ("ra", "dec")] for table in (chosen, made)
        )
        raise ConfigurationError(
            f"object {chosen['object_id'][first].as_py()!r} (row {chosen['row'][first]}) of {catalog.path} is at ra, "
            f"dec = {ra:.6f}, {dec:.6f} deg, and at {ra_made:.6f}, {dec_made:.6f} deg in "
            f"{output}; {moved.size} of {chosen.num_rows} rows differ: this is another catalogue, or it changed since "
            "the run: name the one that the run read"
        )


def _moved(these: pa.Table, those: pa.Table) -> Array:
    """Mark rows whose positions differ, or of which one is unknown."""
    parts = []
    for first in range(0, max(these.num_rows, 1), SLICE_ROWS):
        here, there = these.slice(first, SLICE_ROWS), those.slice(first, SLICE_ROWS)
        ra, dec, ra_made, dec_made = (to_numpy(table[name]) for table in (here, there) for name in ("ra", "dec"))
        one_unknown = np.isnan(ra + dec) != np.isnan(ra_made + dec_made)
        parts.append(one_unknown | (separation_arcsec(ra, dec, ra_made, dec_made) > MOVED_ARCSEC))
    return np.concatenate(parts)
