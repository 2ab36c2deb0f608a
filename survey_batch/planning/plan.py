"""From a catalogue to work: the order of objects, the shards, the source files and the fingerprint.

The plan fixes every shape before work begins. It is made from the job at every start, compared with the output, and
stored as Parquet. Each Parquet row group is one shard of objects, so a worker reads only its own rows. Planning
makes no Python object per row.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog import Catalog, read_catalog
from survey_batch.catalog.detected import detected, object_catalog
from survey_batch.catalog.fields import read_fields as read_field_list
from survey_batch.catalog.values import one_array
from survey_batch.config.job import Job
from survey_batch.config.unread import unread
from survey_batch.core.display import html_table
from survey_batch.core.paths import join, make_folder
from survey_batch.core.steps import step
from survey_batch.store.schema import Array, Axis, Shard, cut_into_shards
from survey_batch.store.small_files import DamagedFileError, opened_table, read_table, write_table

FIELDS_PER_GROUP = 4096
"""Fields in a row group of the stored plan. A shard is one field, which is smaller than a row group's metadata."""

SLICE_ROWS = 1 << 18
"""Rows sorted at a time."""

LABELS = ("label", "split")
"""Columns on which no product depends: they are rewritten in products when they change."""

BESIDE = (*LABELS, "row", "redshift", "snr")
"""Columns that affect a product only if its stage reads them; `row` is a row's index in its file."""

_NO_OBJECTS = pa.table({"object_id": pa.nulls(0, pa.string()), "problem": pa.nulls(0, pa.string())})

Rows = Mapping[str, Array]
"""Some rows of the plan, column by column."""


@dataclass(frozen=True)
class Plan:
    """The work of a job, planned without touching the archive.

    Attributes
    ----------
    job : Job
    objects : pyarrow.Table
        The rows that the job uses, in the order of the object axis; unusable rows come last.
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
        return f"<Plan of {self.job.name}: {'; '.join(f'{value} {name}' for name, value in self._numbers().items())}>"

    def _repr_html_(self) -> str:
        return html_table(f"Plan of {self.job.name}", {**self._numbers(), "notes": "; ".join(self.notes) or "none"})

    def _numbers(self) -> dict[str, str]:
        numbers = {"objects": self.size("object"), "unusable rows": self.invalid, "fields": self.fields.num_rows}
        numbers["shards of objects"] = len(self.shards("object"))
        return {name: f"{number:,}" for name, number in numbers.items()}

    def size(self, axis: Axis) -> int:
        """Return the length of an axis."""
        return int((self.objects if axis == "object" else self.fields).num_rows)

    def shards(self, axis: Axis) -> list[Shard]:
        """Return the shards of an axis; each holds a number of objects, or one field."""
        return cut_into_shards(axis, self.size(axis), self.shard_rows(axis))

    def shard_rows(self, axis: Axis) -> int:
        """Return the rows per shard of an axis."""
        return self.job.shards.objects if axis == "object" else 1

    def group_rows(self, axis: Axis) -> int:
        """Return the rows per row group of the stored plan."""
        return self.job.shards.objects if axis == "object" else FIELDS_PER_GROUP

    @property
    def invalid(self) -> int:
        """Rows that cannot be used; they stay in the plan and end as `invalid` or `outside`."""
        return int(pc.sum(pc.not_equal(self.objects["problem"], "")).as_py() or 0)

    def columns_behind(self, axis: Axis, read: Collection[str] = ()) -> list[str]:
        """Return the columns that decide a product: ids, positions, keys, problems, and what its stage reads."""
        table = self.objects if axis == "object" else self.fields
        return [name for name in table.column_names if name not in BESIDE or name in read]

    def hash_behind(self, axis: Axis, columns: Sequence[str]) -> str:
        """Hash some columns of all rows of an axis; each choice of columns is hashed once."""
        key = (axis, *columns)
        if key not in self._hashes:
            self._hashes[key] = hash_of((self.objects if axis == "object" else self.fields).select(columns))
        return self._hashes[key]

    @cached_property
    def _hashes(self) -> dict[tuple[str, ...], str]:
        return {}

    def store(self) -> None:
        """Write the plan's tables below the output; the same plan writes the same rows."""
        make_folder(self.job.output)
        tables: dict[Axis, pa.Table] = {"object": self.objects, "frame": self.fields}
        for axis, table in tables.items():
            path = table_path(self.job.output, axis)
            write_table(path, table, row_group_size=self.group_rows(axis), compression="zstd")

    def not_stored(self) -> list[str]:
        """List the plan's files below the output that are missing or damaged, or hold another plan."""
        tables: dict[Axis, pa.Table] = {"object": self.objects, "frame": self.fields}
        return [
            table_path(self.job.output, axis)
            for axis, table in tables.items()
            if (found := stored_table(self.job.output, axis)) is None or hash_of(found) != hash_of(table)
        ]


def make_plan(job: Job) -> Plan:
    """Read the catalogue and lay out the work; the archive is not touched.

    Settings that nothing reads are listed in the notes. They cause an error in a job file, but not here: a job made in
    Python looks the same as a job changed by `--set`, which may leave tables unread.

    Raises
    ------
    ConfigurationError
        The catalogue cannot be read or lacks columns.
    """
    plan = _lay_out(job)
    return replace(plan, notes=(*plan.notes, *_unread_notes(job)))


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
    objects = _in_order(catalog.table, _order(catalog.table, job.survey.order))
    return Plan(job, objects, _fields(job, objects), catalog.notes)


def read_rows_of(output: str, shard: Shard) -> Rows:
    """Read the plan's rows of one shard, on a worker."""
    group, first = (shard.index, 0) if shard.axis == "object" else divmod(shard.start, FIELDS_PER_GROUP)
    with opened_table(table_path(output, shard.axis)) as file:
        table = file.read_row_group(group).slice(first, len(shard))
    return {name: to_numpy(table[name]) for name in table.column_names}


def read_plan_columns(output: str, names: Sequence[str]) -> Rows:
    """Read some columns of all planned objects, in the order of the object axis; none if the plan lacks any of them."""
    with opened_table(table_path(output, "object")) as file:
        if not set(names) <= set(file.schema_arrow.names):
            return {}
        table = file.read(columns=list(names))
    return {name: to_numpy(table[name]) for name in names}


def planned_rows(output: str) -> int:
    """Count the planned objects; raise FileNotFoundError if no run has made a plan yet."""
    with opened_table(table_path(output, "object")) as file:
        return int(file.metadata.num_rows)


def read_plan_part(output: str, names: Sequence[str], rows: slice | None = None) -> pa.Table:
    """Read some columns of successive planned objects, or of all, without a Python object for each."""
    with opened_table(table_path(output, "object")) as file:
        if rows is None:
            return file.read(columns=list(names))
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        ends = np.cumsum([0, *sizes])
        first, last = np.searchsorted(ends, [rows.start, rows.stop], side="right") - [1, 0]
        groups = list(range(first, min(last, len(sizes))))
        return file.read_row_groups(groups, columns=list(names)).slice(rows.start - ends[first], rows.stop - rows.start)


def stored_table(output: str, axis: Axis) -> pa.Table | None:
    """Read a whole table of the stored plan; return None if none is stored, or none that can be read."""
    try:
        return read_table(table_path(output, axis))
    except (FileNotFoundError, DamagedFileError):
        return None


def read_fields(output: str) -> dict[tuple[int, ...], int]:
    """Map each planned field to its index on the frame axis."""
    table = read_table(table_path(output, "frame"))
    return {key: index for index, key in enumerate(zip(*table.to_pydict().values(), strict=True))}


def to_numpy(column: pa.ChunkedArray) -> Array:
    """Turn a column into a numpy array; strings become Python objects."""
    return np.asarray(column.to_numpy())


def _order(table: pa.Table, names: Sequence[str]) -> pa.Array:
    """Return the positions of the rows in the order of the object axis."""
    keys = {"unusable": pc.not_equal(table["problem"], ""), **{name: table[name] for name in (*names, "row")}}
    return pc.sort_indices(pa.table(keys), [(name, "ascending") for name in keys])


def _in_order(table: pa.Table, order: pa.Array) -> pa.Table:
    """Take rows slice by slice, with 64-bit offsets for text, because one column's text may exceed 2 GB."""
    columns = {}
    for name, kind in zip(table.column_names, table.schema.types, strict=True):
        column = one_array(table[name].cast(pa.large_string()) if pa.types.is_string(kind) else table[name])
        parts = [column.take(order.slice(first, SLICE_ROWS)) for first in range(0, len(order), SLICE_ROWS)]
        columns[name] = pa.chunked_array([part.cast(kind) for part in parts], kind)
    return pa.table(columns, metadata=table.schema.metadata)


def hash_of(table: pa.Table) -> str:
    """Hash all rows in order; the memory layout does not matter."""
    digest = hashlib.sha256()
    for name in sorted(table.column_names):
        digest.update(f"{name} {table.num_rows}\n".encode())
        for piece in _bytes_of(table[name]):
            digest.update(piece)
    return digest.hexdigest()[:16]


def _bytes_of(column: pa.ChunkedArray) -> Iterator[Any]:
    """Yield the content of a column: its nulls, then its values, or the lengths of its texts and the texts."""
    chunks = [chunk for chunk in column.chunks if len(chunk)]
    if column.null_count:
        yield from (np.asarray(chunk.is_valid()) for chunk in chunks)
        chunks = [chunk.fill_null("" if pa.types.is_string(column.type) else 0) for chunk in chunks]
    if not pa.types.is_string(column.type):
        yield from (np.ascontiguousarray(chunk) for chunk in chunks)
        return
    yield from (np.asarray(pc.binary_length(chunk)) for chunk in chunks)
    yield from (_text_bytes(chunk) for chunk in chunks)


def _text_bytes(chunk: pa.Array) -> memoryview:
    """Return the bytes of a chunk's texts, one after the other; the chunk may be a slice."""
    _, offsets, data = chunk.buffers()
    ends = np.frombuffer(offsets, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
    return memoryview(data or b"")[ends[0] : ends[-1]]


def _fields(job: Job, objects: pa.Table) -> pa.Table:
    names = list(job.survey.field)
    if not names:
        return pa.table({})
    used = objects.select(names).filter(pc.equal(objects["problem"], ""))
    return used.group_by(names).aggregate([]).sort_by([(name, "ascending") for name in names])


def table_path(output: str, axis: str) -> str:
    """Return where a table of the plan is stored."""
    return join(output, "plan", f"{axis}s.parquet")
