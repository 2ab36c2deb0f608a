"""Which rows of the catalogue an export takes, and which object of the plan each of them is."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog import read_catalog
from survey_batch.catalog.clean import clean
from survey_batch.catalog.draft import Draft
from survey_batch.catalog.identifiers import read_ids
from survey_batch.catalog.opening import Opened
from survey_batch.catalog.select import select
from survey_batch.config.job import ArchiveSection, CatalogSection, Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.sky import separation_arcsec
from survey_batch.planning.plan import read_plan_part, to_numpy
from survey_batch.results.export.sorting import BATCH_ROWS, Sorter, in_batches
from survey_batch.store.schema import Array

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
        Their indices in the file, ascending.
    plan_rows : (n,) int32 array
        The rows of their objects in the plan.
    """

    rows: Array
    plan_rows: Array


def match(job: Job, section: CatalogSection, opened: Opened) -> Matched:
    """Find the rows that the job takes, and their objects.

    Raises
    ------
    ConfigurationError
        The catalogue is not the one that the products were made from: an id is not in the plan, or an object has moved.
    """
    row_by_row = section.duplicates is None and section.sample is None
    same = _as_planned(job.output, section, job.archive, opened) if row_by_row else None
    if same is not None:
        return same
    chosen = read_catalog(section, job.archive).table.select(["row", "object_id", "ra", "dec"])
    plan = read_plan_part(job.output, ["object_id", "ra", "dec"])
    plan_rows = _plan_rows(plan["object_id"], chosen["object_id"], section, job.output)
    _refuse_moved(chosen, plan, plan_rows, section, job.output)
    return Matched(to_numpy(chosen["row"]), plan_rows)


def _as_planned(output: str, section: CatalogSection, archive: ArchiveSection, opened: Opened) -> Matched | None:
    """Find the objects by the rows' order in the file, if the file's own ids and the positions agree row by row.

    That is the common case: the job takes all rows or selects some by their values, and the file is as it was. It needs
    little memory, as both are read batch by batch. None if anything differs.
    """
    if "object_id" not in opened.names:
        return None
    rows, plan_rows, place = _order(output)
    if rows.size == 0:
        return None
    with TemporaryDirectory(prefix="survey-batch-export-") as folder:
        planned, compared = _in_order_of(place, output, Path(folder) / "plan"), 0
        read = (_selected(draft, section, archive, first) for first, draft in _drafts(opened))
        for number, table in enumerate(in_batches(read, BATCH_ROWS)):
            here = slice(compared, compared + table.num_rows)
            if not np.array_equal(to_numpy(table["row"]), rows[here]) or not _agree(table, planned.bucket(number)):
                return None
            compared += table.num_rows
    return Matched(rows, plan_rows) if compared == rows.size else None


def _order(output: str) -> tuple[Array, Array, Array]:
    """Return the planned rows of the file in its order, the rows of their objects in the plan, and the inverse."""
    rows = to_numpy(read_plan_part(output, ["row"])["row"])
    order = np.argsort(rows, kind="stable")
    plan_rows, place = order.astype(np.int32), np.empty(rows.size, np.int32)
    place[plan_rows] = np.arange(rows.size, dtype=np.int32)
    return rows[order], plan_rows, place


def _selected(draft: Draft, section: CatalogSection, archive: ArchiveSection, first: int) -> pa.Table:
    table = clean(draft, section, archive, first)
    chosen, _ = select(draft, table["label"], section.select)
    return table if chosen.all() else table.filter(pa.array(chosen))


def _in_order_of(place: Array, output: str, folder: Path) -> Sorter:
    """Bring the ids and positions of the plan into the order of the catalogue, one bucket for each batch."""
    sorter = Sorter(folder, -(-place.size // BATCH_ROWS))
    for first in range(0, place.size, SLICE_ROWS):
        here = place[first : first + SLICE_ROWS]
        part = read_plan_part(output, ["object_id", "ra", "dec"], slice(first, first + len(here)))
        sorter.add(part, here // BATCH_ROWS, here)
    return sorter


def _drafts(opened: Opened) -> Iterator[tuple[int, Draft]]:
    """Yield the catalogue's batches, each with the index of its first row."""
    first = 0
    for rows in opened.source.batches(sorted(set(opened.names.values()))):
        here = {ours: theirs for ours, theirs in opened.names.items() if theirs not in rows.absent}
        yield first, Draft(rows, here, opened.angles)
        first += rows.table.num_rows


def _agree(read: pa.Table, planned: pa.Table) -> bool:
    """Tell whether rows have the ids and the positions of the objects that were planned as those rows."""
    if "id" not in read.column_names or read.num_rows != planned.num_rows:
        return False
    ids, lost, odd = read_ids(read["id"])
    if lost or odd or ids.null_count or not pc.all(pc.equal(ids, planned["object_id"]), min_count=0).as_py():
        return False
    return not _moved(read, planned).any()


def _plan_rows(made: pa.ChunkedArray, asked: pa.ChunkedArray, catalog: CatalogSection, output: str) -> Array:
    """Find each asked id's row in the plan."""
    indices = pc.index_in(asked, value_set=made)
    if indices.null_count:
        missing = asked.filter(pc.is_null(indices))[0].as_py()
        raise ConfigurationError(
            f"object {missing!r} of {catalog.path} is not in {output}: the catalogue changed since the run, "
            "or the run has not reached it yet"
        )
    return to_numpy(indices)


def _refuse_moved(chosen: pa.Table, plan: pa.Table, plan_rows: Array, catalog: CatalogSection, output: str) -> None:
    """Refuse a catalogue whose objects have the products' ids but other positions on the sky."""
    made = plan.select(["ra", "dec"]).take(pa.array(plan_rows))
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
