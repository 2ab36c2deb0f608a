"""A table as Parquet that pyarrow, pandas, DuckDB and astropy read alike."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq

from survey_batch.results.export.changes import Changes
from survey_batch.results.export.names import parquet_names

NOTES = "survey_batch.notes"
"""Key of the file's metadata that lists what was changed."""


def parquet_bytes(table: pa.Table, changes: Changes) -> bytes:
    """Write a table as Parquet.

    Parameters
    ----------
    table : pyarrow.Table
    changes : Changes
        What was changed so far; changes that Parquet needs are added. All go into the file's metadata.
    """
    table = table.rename_columns(parquet_names(table.column_names, changes))
    metadata = {NOTES: "\n".join(changes.lines()), "pandas": json.dumps(_pandas_metadata(table))}
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata), buffer, compression="zstd")
    return buffer.getvalue()


def _pandas_metadata(table: pa.Table) -> dict[str, object]:
    """Name pandas' nullable type for integers and Booleans with gaps; otherwise pandas makes floats and objects.

    The form is pandas' own: https://pandas.pydata.org/docs/development/developer.html
    """
    named = zip(table.column_names, table.columns, strict=True)
    gaps = {name: _nullable(column.type) for name, column in named if column.null_count}
    columns = [
        {"name": name, "field_name": name, "pandas_type": kind.lower(), "numpy_type": kind, "metadata": None}
        for name, kind in gaps.items()
        if kind
    ]
    return {"index_columns": [], "column_indexes": [], "columns": columns, "pandas_version": "2.0.0"}


def _nullable(kind: pa.DataType) -> str | None:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_boolean(kind):
        return "boolean"
    return str(kind).replace("uint", "UInt").replace("int", "Int") if pa.types.is_integer(kind) else None
