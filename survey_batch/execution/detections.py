"""From detections on frames to a list of objects: the Parquet file between the two halves of a run."""

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from survey_batch.catalog.detected import detections_path
from survey_batch.config.job import Job
from survey_batch.core.paths import write_bytes
from survey_batch.core.status import usable
from survey_batch.images.reader import ImageReader
from survey_batch.stages.context import Origin
from survey_batch.stages.detections import JUDGED, LABELS, MEASURED
from survey_batch.store.products import open_group, read_rows, stored
from survey_batch.store.schema import Array

FIELDS_AT_ONCE = 256
"""Fields read at a time."""


def write_detections(job: Job) -> int:
    """List the sources of `detections.zarr` in `<output>/detections.parquet`; return how many there are.

    Columns: object_id (`<name of the field>-<number>`, where 0 is the brightest source of the field), the field's
    key, all measurements, `snr`, and `label` ("" where not judged).
    """
    group = open_group(job.output, "detections")
    count = stored(group, "status").shape[0]
    buffer, writer, total = io.BytesIO(), None, 0
    for start in range(0, count, FIELDS_AT_ONCE):
        span = slice(start, min(start + FIELDS_AT_ONCE, count))
        names = [name for name in (*MEASURED, *JUDGED, "count", "status", *job.survey.field) if name in group]
        fields = read_rows(job.output, "detections", span, names)
        table = _table(fields, job.survey.field, Origin(job.survey, job.archive).images())
        writer = writer or pq.ParquetWriter(buffer, table.schema, compression="zstd")
        writer.write_table(table)
        total += table.num_rows
    if writer is not None:
        writer.close()
    write_bytes(detections_path(job), buffer.getvalue())
    return total


def _table(fields: dict[str, Array], names: Sequence[str], reader: ImageReader) -> pa.Table:
    count = np.where(usable(fields["status"]), fields["count"], 0)
    row, slot = np.nonzero(np.arange(fields["x"].shape[1]) < count[:, None])
    key = {name: fields[name][row] for name in names}
    columns = {name: fields[name][row, slot] for name in (*MEASURED, *JUDGED) if name in fields}
    with np.errstate(divide="ignore", invalid="ignore"):
        columns["snr"] = columns["flux"] / columns["error"]
    label = columns.pop("label", np.zeros(len(row), np.uint8))
    named = pa.array(LABELS, pa.string()).take(pa.array(label.astype(np.int32)))
    return pa.table(
        {
            "object_id": _ids(reader, np.stack([fields[name] for name in names], axis=1), row, slot),
            **key,
            **columns,
            "label": named,
        }
    )


def _ids(reader: ImageReader, fields: Array, row: Array, slot: Array) -> pa.Array:
    names = pa.array([reader.file_name(tuple(field)) for field in fields.tolist()], pa.string())
    numbers = pc.utf8_lpad(pa.array(slot).cast(pa.string()), 4, "0")
    return pc.binary_join_element_wise(names.take(pa.array(row)), numbers, "-")
