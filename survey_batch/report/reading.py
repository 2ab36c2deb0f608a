"""Reading an output without changing it: products, the plan's size, and the problems noted so far."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import pyarrow as pa
import zarr

from survey_batch.core.paths import files_in
from survey_batch.planning import stored as plan
from survey_batch.store.damage import DamagedError, read_attribute
from survey_batch.store.damage import read_array as read_stored
from survey_batch.store.notes import note_paths, read_notes
from survey_batch.store.problems import read_problems
from survey_batch.store.products import is_complete, open_strictly, stored
from survey_batch.store.schema import Array
from survey_batch.store.small_files import DamagedFileError

log = logging.getLogger(__name__)

MAX_NOTES = 1000
"""Most shards whose notes of problems are read one by one."""


def read_group(output: str, product: str) -> zarr.Group | None:
    """Open a product for reading only; None if it is not (completely) created yet."""
    try:
        group = open_strictly(output, product)
    except FileNotFoundError:
        return None
    return group if is_complete(group) else None


def read_array(group: zarr.Group, name: str, rows: slice | None = None) -> Array:
    """Read an array, whole or some rows; text comes as Python strings."""
    values = read_stored(group, name, rows)
    return values.astype(object) if values.dtype.kind == "T" else values


def shard_rows(group: zarr.Group) -> int:
    """Count the rows of a product's axis in one shard."""
    status = stored(group, "status")
    return int((status.shards or status.shape)[0])


def jobs_of_products(output: str) -> Iterator[Mapping[str, Any]]:
    """Yield the job that each product was made by; `run --train` makes some with fewer stages than others.

    A product that is damaged yields none: the error belongs where its values are read.
    """
    for path in files_in(output, ".zarr"):
        with suppress(DamagedError):
            group = read_group(output, path.rpartition("/")[2].removesuffix(".zarr"))
            if group and (job := read_attribute(group, "job")):
                yield job


def planned_rows(output: str, axis: str) -> int:
    """Read the number of rows of the stored plan from a footer; 0 if it is not stored yet."""
    try:
        return plan.planned_rows(output, axis)
    except FileNotFoundError:
        return 0
    except DamagedFileError as error:
        log.warning("%s", error)
        return 0


def problems_so_far(output: str, *, ended: bool) -> tuple[pa.Table, bool]:
    """Read the noted problems, and whether these are all that is known so far.

    `problems.parquet` is written when a run ends. Before that, shards' own notes are read, unless there are too many.
    """
    if ended:
        return read_problems(output), True
    notes = note_paths(output)
    if not notes or len(notes) > MAX_NOTES:
        return read_problems(output), not notes
    return pa.concat_tables(list(read_notes(notes))), True
