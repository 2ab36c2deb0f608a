"""Which rows of the catalogue an export takes, and which object of the plan each of them is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog import read_catalog
from survey_batch.catalog.batches import Batch, read_batches
from survey_batch.catalog.gather import room
from survey_batch.catalog.identifiers import read_ids
from survey_batch.catalog.naming import no_object
from survey_batch.catalog.opening import Opened
from survey_batch.catalog.read import CHOSEN, how_chosen
from survey_batch.catalog.rows import inverse_of, order_by, taken
from survey_batch.config.job import CatalogSection, Job
from survey_batch.core.arrays import Flags
from survey_batch.core.cores import do_on_cores, on_cores
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.sky import separation_arcsec
from survey_batch.core.sorting import BATCH_ROWS, Sorter, in_batches
from survey_batch.core.wording import counted
from survey_batch.planning.stored import planned_rows, read_plan_part, to_numpy
from survey_batch.store.schema import Array

MOVED_ARCSEC = 1.0
"""Less than the width of a star's image; more than rounding in any catalogue."""
SLICE_ROWS = 1 << 18
"""Objects whose positions are compared at a time."""
SORTED_ROWS = 1 << 20
"""Planned objects read and sorted into buckets at a time: each bucket is read from a file for each such part."""


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
    if (same := _as_planned(job, section, opened)) is not None:
        return same
    chosen = read_catalog(section, job.archive).table.select(["row", "object_id", "ra", "dec"])
    plan = read_plan_part(job.output, ["object_id", "ra", "dec"])
    plan_rows = _plan_rows(plan["object_id"], chosen["object_id"], section, job.output)
    _refuse_moved(chosen, plan, plan_rows, section, job.output)
    return Matched(to_numpy(chosen["row"]), plan_rows)


def _as_planned(job: Job, section: CatalogSection, opened: Opened) -> Matched | None:
    """Find the objects by the rows' order in the file, if they agree row by row with what was planned.

    That is the common case: the file is as it was. It needs little memory, as both are read batch by batch. Which rows
    are duplicates or in the sample is not worked out again: the plan knows it. None if anything differs.
    """
    rows, plan_rows, place, chosen_as = _order(job.output)
    every = section.duplicates is None and section.sample is None
    names = ["object_id"] if "object_id" in opened.names else [column.name for column in job.survey.key_of(job.archive)]
    in_file = compared = 0

    def read() -> Iterator[pa.Table]:
        nonlocal in_file
        for batch in read_batches(opened, section, job.archive):
            in_file += len(batch)
            yield batch.only(batch.chosen if every else batch.chosen & _planned(rows, batch))

    with TemporaryDirectory(prefix="survey-batch-export-") as folder:
        planned = _in_order_of(place, names, job.output, Path(folder) / "plan")
        buckets = on_cores(planned.bucket, range(-(-rows.size // BATCH_ROWS)))
        for table in in_batches(read(), BATCH_ROWS):
            here = slice(compared, compared + table.num_rows)
            if not np.array_equal(to_numpy(table["row"]), rows[here]):
                return None
            if not _agree(table, next(buckets), opened.names.get("object_id")):
                return None
            compared += table.num_rows
    same = 0 < compared == rows.size and (every or chosen_as == how_chosen(section, in_file)[CHOSEN])
    return Matched(rows, plan_rows) if same else None


def _planned(rows: Array, batch: Batch) -> Flags:
    """Mark the rows of a batch that are among those planned."""
    planned = np.zeros(len(batch), bool)
    begin, end = np.searchsorted(rows, [batch.first, batch.first + len(batch)])
    planned[rows[begin:end] - batch.first] = True
    return planned


def _order(output: str) -> tuple[Array, Array, Array, bytes | None]:
    """Return the planned rows of the file in its order, the rows of their objects in the plan, and the inverse.

    Also how they were chosen; None if an earlier version made the plan.
    """
    rows = room(planned_rows(output), np.int64)

    def read(first: int) -> None:
        part = slice(first, min(first + SORTED_ROWS, len(rows)))
        rows[part] = to_numpy(read_plan_part(output, ["row"], part)["row"])

    do_on_cores(read, range(0, len(rows), SORTED_ROWS))
    plan_rows = order_by(rows)
    chosen_as = (read_plan_part(output, ["row"], slice(0, 0)).schema.metadata or {}).get(CHOSEN)
    return taken(rows, plan_rows), plan_rows, inverse_of(plan_rows), chosen_as


def _in_order_of(place: Array, names: Sequence[str], output: str, folder: Path) -> Sorter:
    """Bring positions and other columns of the plan into the order of the catalogue, one bucket for each batch."""
    sorter = Sorter(folder, -(-place.size // BATCH_ROWS))

    def add(first: int) -> None:
        here = place[first : first + SORTED_ROWS]
        part = read_plan_part(output, ["ra", "dec", *names], slice(first, first + len(here)))
        sorter.add(part, here // BATCH_ROWS, here)

    do_on_cores(add, range(0, place.size, SORTED_ROWS))
    return sorter


def _agree(read: pa.Table, planned: pa.Table, id_column: str | None) -> bool:
    """Tell whether rows have the positions, and the ids or source keys, of the objects that were planned as those rows.

    Parameters
    ----------
    read, planned
    id_column
        Name of the file's column of ids; None if it has none, so that objects are named after their source keys.
    """
    if read.num_rows != planned.num_rows or _moved(read, planned).any():
        return False
    if id_column is not None:
        return "id" in read.column_names and _named_alike(read["id"], planned["object_id"], no_object(id_column))
    keys = [name for name in planned.column_names if name not in ("ra", "dec")]
    return all(_equal(read[name].cast(planned.schema.field(name).type), planned[name]).all() for name in keys)


def _named_alike(ids: pa.ChunkedArray, planned: pa.ChunkedArray, none: str) -> bool:
    """Tell whether objects have their ids, or ids that were told apart by a position or a number."""
    own, _, _ = read_ids(ids, none)
    others = np.flatnonzero(~_equal(pa.chunked_array([own]), planned))
    found = zip(own.take(pa.array(others)).to_pylist(), planned.take(pa.array(others)).to_pylist(), strict=True)
    return all(own is not None and name.startswith((f"{own}-J", f"{own}#")) for own, name in found)


def _equal(these: pa.ChunkedArray, those: pa.ChunkedArray) -> Flags:
    return np.asarray(pc.fill_null(pc.equal(these, those), False))


def _plan_rows(made: pa.ChunkedArray, asked: pa.ChunkedArray, catalog: CatalogSection, output: str) -> Array:
    """Find each asked id's row in the plan."""
    indices = pc.index_in(asked, value_set=made)
    if indices.null_count:
        missing = asked.filter(pc.is_null(indices))[0].as_py()
        raise ConfigurationError(
            f"object {missing!r} of {catalog.path} is not in {output}: the catalogue changed since the run, "
            "or the run has not reached it yet. Rows that were added to the catalogue are made by survey-batch run"
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
            f"{output}; {moved.size:,} of {counted(chosen.num_rows, 'row')} differing: this is another catalogue, or "
            "it changed since the run: name the one that the run read"
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
