"""The classified catalogue: results joined to the input rows by id."""

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from survey_batch.catalog import read_catalog
from survey_batch.catalog.detected import object_catalog
from survey_batch.catalog.opening import open_catalog
from survey_batch.catalog.source import Source
from survey_batch.errors import ConfigurationError
from survey_batch.job import Job
from survey_batch.paths import join, write_bytes
from survey_batch.plan import to_numpy
from survey_batch.products import PRODUCTS_OF_FRAMES, Array, open_product, product_exists
from survey_batch.status import Status, final_status

OURS = "sb_"
"""Prefix of the columns that are added, so that none hides one of the catalogue's."""

MISSING = r"^\s*(?i:null|nan|none)?\s*$"
WHOLE = r"^-?(0|[1-9]\d{0,17})$"
REAL = r"^[-+]?(\d{1,9}\.\d*|0?\.\d+|0|[1-9]\d{0,14})([eE][-+]?\d{1,2})?$"
"""Numbers that a column's type can hold; a long identifier with a decimal point stays text."""


def export_catalog(job: Job, path: str | None = None) -> tuple[str, int]:
    """Write the input catalogue with each row's final status and results.

    Rows are joined by object id; there is one output row per input row that the job takes (all, where it does not
    select, leave out duplicates or sample), in the input's order. Added columns: `sb_object_id`, `sb_status`, and,
    where there are predictions, `sb_predicted_class`, `sb_confidence` and `sb_probability_<class>`.

    Parameters
    ----------
    job : Job
    path : str, optional
        A `.parquet` file, or a `.fits` table for TOPCAT; by default `<output>/catalog.parquet`.

    Returns
    -------
    path : str
    rows : int

    Raises
    ------
    ConfigurationError
        No product exists yet, the catalogue is not the one that the products were made from, or the file's ending
        is not known.
    """
    target = path or join(job.output, "catalog.parquet")
    if not target.endswith((".parquet", ".fits")):
        raise ConfigurationError(f"--to {target}: the ending must be .parquet or .fits")
    catalog = object_catalog(job)
    chosen = read_catalog(catalog, job.archive).table.select(["row", "object_id"])
    results = _results(job)
    places = _places(results.pop("object_id"), chosen["object_id"], job)
    table = with_types(_rows_of(open_catalog(catalog, job.archive).source, to_numpy(chosen["row"])))
    table = table.append_column(OURS + "object_id", chosen["object_id"])
    for name, values in results.items():
        table = table.append_column(OURS + name, pa.array(values).take(places))
    _write(table, target)
    return target, table.num_rows


def _rows_of(source: Source, rows: Array) -> pa.Table:
    """Read all columns of the rows with these numbers, which ascend, batch by batch."""
    parts, first = [], 0
    for batch in source.batches(source.names):
        begin, end = np.searchsorted(rows, [first, first + batch.table.num_rows])
        parts.append(batch.table.take(pa.array(rows[begin:end] - first)))
        first += batch.table.num_rows
    return pa.concat_tables(parts)


def with_types(table: pa.Table) -> pa.Table:
    """Turn text columns of a CSV file into numbers where every value is one and none would lose a digit."""
    return pa.table({name: _typed(table[name]) for name in table.column_names})


def _typed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_string(column.type):
        return column
    values = pc.if_else(pc.match_substring_regex(column, MISSING), pa.scalar(None, pa.string()), column)
    for pattern, kind in ((WHOLE, pa.int64()), (REAL, pa.float64())):
        if values.null_count < len(values) and pc.all(pc.match_substring_regex(values, pattern)).as_py():
            return values.cast(kind)
    return column


def _results(job: Job) -> dict[str, Array]:
    """Collect each object's final status, and its predictions where there are any."""
    made = [name for name in job.stages if name not in PRODUCTS_OF_FRAMES and product_exists(job.output, name)]
    if not made:
        raise ConfigurationError(f"{job.output} holds no product yet: run the job first")
    groups = {name: open_product(job.output, name) for name in made}
    names = np.array([member.name.lower() for member in Status], dtype=object)
    status = final_status([_read(group, "status") for group in groups.values()])
    columns = {"object_id": _read(groups[made[-1]], "object_id"), "status": names[status]}
    if (group := groups.get("predictions")) is not None:
        columns |= {name: _read(group, name) for name in ("predicted_class", "confidence")}
        probability = _read(group, "probability")
        for place, name in enumerate(_read(group, "class")):
            columns[f"probability_{name}"] = probability[:, place]
    return columns


def _read(group: Any, name: str) -> Array:
    values = np.asarray(group[name][...])
    return values.astype(object) if values.dtype.kind == "T" else values


def _places(made: Array, asked: pa.ChunkedArray, job: Job) -> pa.ChunkedArray:
    """Find each asked id's row in the product."""
    places = pc.index_in(asked, value_set=pa.array(made, pa.string()))
    if places.null_count:
        missing = asked.filter(pc.is_null(places))[0].as_py()
        raise ConfigurationError(
            f"object {missing!r} of {job.catalog.path} is not in {job.output}: the catalogue changed since the run, "
            "or the run has not come to it yet"
        )
    return places


def _write(table: pa.Table, target: str) -> None:
    buffer = io.BytesIO()
    if target.endswith(".parquet"):
        pq.write_table(table, buffer, compression="zstd")
    else:
        from astropy.table import Table

        Table({name: _fits_column(table[name]) for name in table.column_names}).write(buffer, format="fits")
    write_bytes(target, buffer.getvalue())


def _fits_column(column: pa.ChunkedArray) -> Array:
    values = to_numpy(column)
    if values.dtype != object:  # also whole numbers with gaps, which become floats with NaN
        return values
    return np.array(["" if value is None else str(value) for value in values])
