"""From a catalogue to work: the order of objects, the shards, the source files and the fingerprint.

The plan fixes every shape before work begins. It is made from the job at every start, compared with the output, and
stored as Parquet files. Each row group is one shard of objects, so a worker reads only its own rows. Planning makes no
Python object per row.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog import Catalog, read_catalog
from survey_batch.catalog.detected import detected, object_catalog
from survey_batch.catalog.fields import read_fields as read_field_list
from survey_batch.catalog.gather import gather, slices
from survey_batch.catalog.groups import as_one_key
from survey_batch.catalog.objects import SLICE_ROWS, joined_chunks, numbers_of
from survey_batch.catalog.rows import inverse_of, order_by
from survey_batch.config.job import Job
from survey_batch.config.jobfile import JOB, job_of
from survey_batch.config.unread import unread
from survey_batch.core.arguments import takes
from survey_batch.core.arrays import Flags
from survey_batch.core.cores import do_on_cores, on_cores
from survey_batch.core.display import html_table
from survey_batch.core.paths import make_folder
from survey_batch.core.sorting import Sorter
from survey_batch.core.steps import step
from survey_batch.core.wording import counted
from survey_batch.planning.growth import Held, fields_in_order, held_rows
from survey_batch.planning.hashing import hash_of
from survey_batch.planning.kept_frames import by_density
from survey_batch.planning.stored import parts_not_stored, store_table
from survey_batch.store.schema import Array, Axis, Shard, cut_into_shards
from survey_batch.store.small_files import DamagedFileError

BUCKET_ROWS = 1 << 20
"""Rows sorted at a time."""

LABELS = ("label", "split")
"""Columns on which no product depends: they are rewritten in products when they change."""

BESIDE = (*LABELS, "row", "redshift", "snr")
"""Columns that affect a product only if its stage reads them; `row` is a row's index in its file."""

_NO_OBJECTS = pa.table({"object_id": pa.nulls(0, pa.string()), "problem": pa.nulls(0, pa.string())})


@dataclass(frozen=True)
class Plan:
    """The work of a job, planned without touching the archive.

    Attributes
    ----------
    job : Job
    objects : pyarrow.Table
        The rows that the job uses, in the order of the object axis; unusable rows come last. Where products have
        some of these rows already, new ones come behind them, in the same order among themselves.
    fields : pyarrow.Table
        The fields in the order of the frame axis; empty if the survey has none.
    notes : tuple of str
        Notes about the catalogue.
    """

    job: Job
    objects: pa.Table
    fields: pa.Table
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        numbers = (counted(number, one, many) for one, many, number in self._numbers())
        return f"<Plan of {self.job.name}: {'; '.join(numbers)}>"

    def _repr_html_(self) -> str:
        numbers = {many: f"{number:,}" for _, many, number in self._numbers()}
        return html_table(f"Plan of {self.job.name}", {**numbers, "notes": "; ".join(self.notes) or "none"})

    def _numbers(self) -> Iterator[tuple[str, str, int]]:
        """Yield what is counted, in the singular and in the plural, and how many there are."""
        yield "object", "objects", self.size("object")
        yield "unusable row", "unusable rows", self.invalid
        yield "field", "fields", self.size("frame")
        yield "shard of objects", "shards of objects", len(self.shards("object"))

    def size(self, axis: Axis) -> int:
        """Return the length of an axis."""
        return int((self.objects if axis == "object" else self.fields).num_rows)

    def shards(self, axis: Axis) -> list[Shard]:
        """Return the shards of an axis; each holds a number of objects, or one field."""
        return cut_into_shards(axis, self.size(axis), self.shard_rows(axis))

    def shard_rows(self, axis: Axis) -> int:
        """Return the rows per shard of an axis."""
        return self.job.shards.objects if axis == "object" else 1

    @cached_property
    def usable(self) -> Flags:
        """Which objects can be used; the others may name no file and no field."""
        return np.asarray(pc.equal(self.objects["problem"], ""))

    @property
    def invalid(self) -> int:
        """Rows that cannot be used; they stay in the plan and end as `invalid` or `outside`."""
        return int(pc.sum(pc.not_equal(self.objects["problem"], "")).as_py() or 0)

    def columns_behind(self, axis: Axis, read: Collection[str] = ()) -> list[str]:
        """Return the columns that decide a product: ids, positions, keys, problems, and what its stage reads."""
        table = self.objects if axis == "object" else self.fields
        return [name for name in table.column_names if name not in BESIDE or name in read]

    def hash_behind(self, axis: Axis, columns: Sequence[str], rows: int | None = None) -> str:
        """Hash some columns of all rows of an axis, or of the first ones; each choice is hashed once."""
        key = (rows, axis, *columns)
        if key not in self._hashes:
            table = self.objects if axis == "object" else self.fields
            self._hashes[key] = hash_of(table.select(columns).slice(0, rows))
        return self._hashes[key]

    @cached_property
    def _hashes(self) -> dict[tuple[int | str | None, ...], str]:
        return {}

    def first(self, rows: int) -> "Plan":
        """Return the plan of the first rows, as it was before the catalogue grew."""
        objects, fields = self.objects.slice(0, rows), self.fields
        if self.job.catalog.detect is None and fields.num_columns:
            fields = fields.slice(0, fields_in_order(objects, fields.column_names).num_rows)
        return Plan(self.job, objects, fields, self.notes)

    def store(self) -> None:
        """Write the plan's tables below the output; the same plan writes the same rows."""
        make_folder(self.job.output)
        tables: dict[Axis, pa.Table] = {"object": self.objects, "frame": self.fields}
        for axis, table in tables.items():
            store_table(self.job.output, axis, table, self.job.shards.objects)

    def not_stored(self, leave_out: Collection[str] = ()) -> list[str]:
        """List the plan's files below the output that are missing or damaged, or hold another plan.

        Parameters
        ----------
        leave_out
            Columns that are not compared.
        """
        tables: dict[Axis, pa.Table] = {"object": self.objects, "frame": self.fields}
        return [
            path
            for axis, table in tables.items()
            for path in parts_not_stored(self.job.output, axis, table, self.job.shards.objects, leave_out)
        ]


@takes(job=JOB)
def make_plan(job: Job | str | PathLike[str]) -> Plan:
    """Read the catalogue of a job, or of a job's file, and lay out the work; the archive is not touched.

    The plan's job says whether frames are kept.

    Settings that nothing reads are listed in the notes. They cause an error in a job file, but not here: a job made in
    Python looks the same as a job changed by `--set`, which may leave tables unread.

    Raises
    ------
    ConfigurationError
        The catalogue cannot be read or lacks columns.
    """
    job = job_of(job)
    plan = _lay_out(job)
    decided, note = by_density(job, plan.size("object") - plan.invalid, plan.size("frame"))
    return replace(plan, job=decided, notes=(*plan.notes, *([note] if note else []), *_unread_notes(job)))


def _unread_notes(job: Job) -> list[str]:
    """Say which settings nothing reads, with one note for all that have the same reason."""
    keys: dict[str, list[str]] = {}
    for key, reason in unread(job, job.model_dump(exclude_defaults=True)).items():
        keys.setdefault(reason, []).append(".".join(map(str, key)))
    several = {reason: reason.replace("reads it: it is", "reads them: they are") for reason in keys if keys[reason][1:]}
    return [f"{', '.join(names)}: {several.get(reason, reason)}" for reason, names in keys.items()]


def _lay_out(job: Job) -> Plan:
    if job.catalog.detect is None:
        return plan_catalog(job, read_catalog(job.catalog, job.archive))
    fields, notes = read_field_list(job.catalog, job.archive)
    if not detected(job):
        return Plan(job, _NO_OBJECTS, fields, (*notes, "the number of objects is known once the frames are searched"))
    made = plan_catalog(job, read_catalog(object_catalog(job), job.archive))
    return Plan(job, made.objects, fields, (*notes, *made.notes))


def plan_fields(job: Job) -> Plan:
    """Lay out the search for objects on frames alone.

    Raises
    ------
    ConfigurationError
        The list of fields cannot be read or lacks columns.
    """
    fields, notes = read_field_list(job.catalog, job.archive)
    return Plan(job, _NO_OBJECTS, fields, notes)


def plan_catalog(job: Job, catalog: Catalog) -> Plan:
    """Lay out the work for a catalogue that is already read."""
    step("laying out the work")
    held, names = held_rows(job.output), list(job.survey.field_of(job.archive))
    objects = _in_order(catalog.table, _order(catalog.table, job.survey.order))
    try:
        objects = _held_first(objects, held)
    except DamagedFileError:  # of the stored plan, which a run writes again
        held = held_rows(job.output, lost=True)
        objects = _held_first(objects, held)
    fields = fields_in_order(objects, names, held.fields) if names else pa.table({})
    return Plan(job, objects, fields, catalog.notes)


def _held_first(objects: pa.Table, held: Held) -> pa.Table:
    """Bring the rows that products hold to their places, and the others behind them."""
    if (order := held.order(objects)) is not None:
        objects = _in_order(objects, order)
    return held.with_problems(objects)


def _order(table: pa.Table, names: Sequence[str]) -> Array:
    """Return the positions of the rows in the order of the object axis; they are in the order of the file."""
    unusable = np.asarray(pc.not_equal(table["problem"], "")).view(np.uint8)
    return order_by(as_one_key(unusable, *(_ranked(table[name]) for name in names)))


def _ranked(column: pa.ChunkedArray) -> Array:
    """Return numbers in the order of a column's values."""
    if not pa.types.is_string(column.type):
        return numbers_of(column)
    parts = (
        part.set_column(0, "", part[0].dictionary_encode()) for part in slices(pa.table([column], [""]), SLICE_ROWS)
    )
    codes = joined_chunks(gather(parts)[0])
    rank = pc.rank(codes.dictionary, tiebreaker="dense").to_numpy().astype(np.int32)
    return np.asarray(rank[np.asarray(codes.indices)])


def _in_order(table: pa.Table, order: Array) -> pa.Table:
    """Bring rows into an order: first into buckets of successive rows, so that each bucket is sorted in memory."""
    if table.num_rows <= BUCKET_ROWS:
        return table.take(pa.array(order))
    with TemporaryDirectory(prefix="survey-batch-plan-") as folder:
        sorter = _in_buckets(table, order, Path(folder) / "rows")
        ordered = gather(on_cores(sorter.bucket, range(-(-table.num_rows // BUCKET_ROWS))))
    return ordered.replace_schema_metadata(table.schema.metadata)


def _in_buckets(table: pa.Table, order: Array, folder: Path) -> Sorter:
    place, sorter = inverse_of(order), Sorter(folder, -(-table.num_rows // BUCKET_ROWS))

    def add(first: int) -> None:
        here = place[first : first + SLICE_ROWS]
        sorter.add(table.slice(first, SLICE_ROWS), here // BUCKET_ROWS, here)

    do_on_cores(add, range(0, table.num_rows, SLICE_ROWS))
    return sorter
