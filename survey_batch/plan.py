"""From a catalogue to work: the order of objects, the shards, the source files and the fingerprint.

The plan fixes every shape before work begins. It is made again from the job at every start, compared with what
the output holds, and stored as Parquet whose row groups are the shards, so that a worker reads only its own.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from survey_batch.archive.sdss import FieldKey
from survey_batch.catalog import Catalog, read_catalog
from survey_batch.errors import PlanMismatchError
from survey_batch.job import Job
from survey_batch.paths import join, make_folder, write_bytes
from survey_batch.products import Array, Axis, Shard, cut_into_shards, open_product, product_exists

FIELD_COLUMNS = ["rerun", "run", "camcol", "field"]
ORDER = {"sdss": FIELD_COLUMNS, "lamost": ["obsdate", "planid", "lmjd", "spid", "fiberid"]}
"""By frame, or by plan and fibre: neighbours in a shard share source files and folders."""

Rows = Mapping[str, Array]
"""Some rows of the plan, column by column."""


@dataclass(frozen=True)
class Plan:
    """What a job will do, without having touched the archive.

    Attributes
    ----------
    job : Job
    objects : pyarrow.Table
        All catalogue rows in the order of the object axis, unusable ones last.
    fields : pyarrow.Table
        The SDSS fields in the order of the frame axis; empty for other surveys.
    notes : tuple of str
        What was noticed about the catalogue.
    """

    job: Job
    objects: pa.Table
    fields: pa.Table
    notes: tuple[str, ...] = ()

    def size(self, axis: Axis) -> int:
        """Length of an axis."""
        return int((self.objects if axis == "object" else self.fields).num_rows)

    def shards(self, axis: Axis) -> list[Shard]:
        """Shards of an axis: a number of objects, or one field."""
        return cut_into_shards(axis, self.size(axis), self.shard_rows(axis))

    def shard_rows(self, axis: Axis) -> int:
        """Rows per shard of an axis."""
        return self.job.shards.objects if axis == "object" else 1

    @property
    def invalid(self) -> int:
        """Rows that cannot be used; they keep their place and end as `invalid`."""
        return int(pc.sum(pc.not_equal(self.objects["problem"], "")).as_py() or 0)

    @cached_property
    def catalog_hash(self) -> str:
        """Hash of all rows in their order."""
        digest = hashlib.sha256()
        for name in sorted(self.objects.column_names):
            values = to_numpy(self.objects[name])
            raw = "\x00".join(values).encode() if values.dtype == object else np.ascontiguousarray(values).tobytes()
            digest.update(name.encode() + b"\x01" + raw)
        return digest.hexdigest()[:16]

    def store(self) -> None:
        """Write the plan's tables below the output; the same plan writes the same rows."""
        make_folder(self.job.output)
        for axis, table in (("object", self.objects), ("frame", self.fields)):
            buffer = io.BytesIO()
            pq.write_table(table, buffer, row_group_size=self.shard_rows(axis), compression="zstd")  # type: ignore[arg-type]
            write_bytes(_table_path(self.job.output, axis), buffer.getvalue())


def make_plan(job: Job) -> Plan:
    """Read the catalogue and lay out the work; the archive is not touched.

    Raises
    ------
    ConfigurationError
        The catalogue cannot be read or lacks columns.
    """
    return plan_catalog(job, read_catalog(job.catalog, job.archive))


def plan_catalog(job: Job, catalog: Catalog) -> Plan:
    """Lay out the work for a catalogue that is already read."""
    table = catalog.table.append_column("unusable", pc.not_equal(catalog.table["problem"], ""))
    keys = [(name, "ascending") for name in ("unusable", *ORDER[job.archive.survey], "row")]
    objects = table.sort_by(keys).drop_columns("unusable")
    return Plan(job, objects.combine_chunks(), _fields(job, objects), catalog.notes)


def read_rows_of(output: str, shard: Shard) -> Rows:
    """Read the plan's rows of one shard, on a worker."""
    with fsspec.open(_table_path(output, shard.axis), "rb") as stream:
        table = pq.ParquetFile(stream).read_row_group(shard.index)
    return {name: to_numpy(table[name]) for name in table.column_names}


def read_fields(output: str) -> dict[FieldKey, int]:
    """Map each planned field to its place on the frame axis."""
    with fsspec.open(_table_path(output, "frame"), "rb") as stream:
        table = pq.read_table(stream)
    columns = [table[name].to_pylist() for name in FIELD_COLUMNS]
    return {FieldKey(*key): place for place, key in enumerate(zip(*columns, strict=True))}


def check_product(output: str, product: str, pieces: Mapping[str, Any]) -> bool:
    """Tell whether a product exists; refuse one that was made to another plan.

    Raises
    ------
    PlanMismatchError
        Lists each difference.
    """
    if not product_exists(output, product):
        return False
    before: dict[str, Any] = json.loads(str(open_product(output, product).attrs["pieces"]))
    changed = [key for key in sorted({*before, *pieces}) if before.get(key) != pieces.get(key)]
    if changed:
        lines = [f"  {key}: was {before.get(key)!r}, now {pieces.get(key)!r}" for key in changed]
        raise PlanMismatchError(
            f"{product}.zarr in {output} was made by another job:\n" + "\n".join(lines) + "\n"
            f"Choose another output, take the change back, or delete {product}.zarr (and what was made from it)."
        )
    return True


def fingerprint(pieces: Mapping[str, Any]) -> str:
    """Hash what a product depends on."""
    text = "\n".join(f"{key}={pieces[key]!r}" for key in sorted(pieces))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def to_numpy(column: pa.ChunkedArray) -> Array:
    """Turn a column into a numpy array; strings become Python objects."""
    return np.asarray(column.to_numpy())


def _fields(job: Job, objects: pa.Table) -> pa.Table:
    if job.archive.survey != "sdss":
        return pa.table({name: pa.array([], pa.int32()) for name in FIELD_COLUMNS})
    used = objects.filter(pc.equal(objects["problem"], "")).select(FIELD_COLUMNS)
    return used.group_by(FIELD_COLUMNS).aggregate([]).sort_by([(name, "ascending") for name in FIELD_COLUMNS])


def _table_path(output: str, axis: str) -> str:
    return join(output, "plan", f"{axis}s.parquet")
