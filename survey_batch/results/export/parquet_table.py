"""A table as Parquet that pyarrow, pandas, DuckDB, Polars and astropy read alike."""

import base64
import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from survey_batch.results.export.joined import Joined
from survey_batch.results.export.names import parquet_names
from survey_batch.results.export.provenance import PREFIX

NOTES = f"{PREFIX}notes"
"""Key of the file's metadata that lists what was changed."""


def write_parquet(table: Joined, path: Path) -> None:
    """Write a table as Parquet.

    Parameters
    ----------
    table : Joined
        Changes that Parquet needs are added to its own. All go into the file's metadata, as does the provenance.
    path : pathlib.Path
    """
    names = parquet_names(table.schema.names, table.changes)
    schema = pa.schema([field.with_name(name) for field, name in zip(table.schema, names, strict=True)])
    gaps: Counter[str] = Counter()
    # What columns have gaps is known at the end: Arrow's own schema, which holds the metadata, is written there too.
    with pq.ParquetWriter(path, schema, compression="zstd", store_schema=False) as writer:
        for part in table.batches():
            renamed = pa.table(part.columns, schema=schema)
            gaps.update({name: renamed[name].null_count for name in names})
            writer.write_table(renamed)
        said = file_metadata(table, schema, gaps)
        whole = base64.b64encode(schema.with_metadata(said).serialize().to_pybytes()).decode()
        writer.add_key_value_metadata({**said, "ARROW:schema": whole})


def file_metadata(table: Joined, schema: pa.Schema, gaps: Counter[str]) -> dict[str, str]:
    """Return a file's metadata: provenance, what was changed, and what pandas should make of columns with gaps."""
    said = {f"{PREFIX}{key.decode()}": text.decode() for key, text in (table.schema.metadata or {}).items()}
    return {**said, NOTES: "\n".join(table.changes.lines()), "pandas": json.dumps(_pandas_metadata(schema, gaps))}


def _pandas_metadata(schema: pa.Schema, gaps: Counter[str]) -> dict[str, object]:
    """Name pandas' nullable type for integers and Booleans with gaps; otherwise pandas makes floats and objects.

    The form is pandas' own: https://pandas.pydata.org/docs/development/developer.html
    """
    columns = [
        {
            "name": field.name,
            "field_name": field.name,
            "pandas_type": kind.lower(),
            "numpy_type": kind,
            "metadata": None,
        }
        for field in schema
        if gaps[field.name] and (kind := _nullable(field.type))
    ]
    return {"index_columns": [], "column_indexes": [], "columns": columns, "pandas_version": "2.0.0"}


def _nullable(kind: pa.DataType) -> str | None:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_boolean(kind):
        return "boolean"
    return str(kind).replace("uint", "UInt").replace("int", "Int") if pa.types.is_integer(kind) else None
