"""A table as CSV, with a file beside it that says what the columns mean (CSV on the Web, a W3C recommendation)."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from survey_batch.catalog.parquet_file import DESCRIPTION, UCD, UNIT, said
from survey_batch.catalog.values import one_array
from survey_batch.results.export.fits_columns import as_json
from survey_batch.results.export.joined import Joined
from survey_batch.results.export.names import parquet_names

BESIDE = "-metadata.json"
"""Ending of the file beside a table, after the table's whole name (CSVW, section 5.3)."""
JSON = "as JSON text"
HEXADECIMAL = "bytes are hexadecimal digits"
COUNTED = "durations are whole numbers"
ISO = "times are ISO text"


def write_csv(table: Joined, path: Path) -> None:
    """Write a table as CSV: UTF-8, NULL as an empty field, empty text as two quotes.

    Parameters
    ----------
    table : Joined
        Changes that CSV needs are added to its own.
    path : pathlib.Path
    """
    from pyarrow import csv

    names = parquet_names(table.schema.names, table.changes)
    for field in table.schema:
        if note := _form(field.type)[1]:
            table.changes.note(note, field.name)
    schema = pa.schema([(name, _form(field.type)[0]) for name, field in zip(names, table.schema, strict=True)])
    with csv.CSVWriter(path, schema) as writer:
        for part in table.batches():
            writer.write_table(pa.table([_written(column) for column in part.columns], schema=schema))


def csv_metadata(table: Joined, name: str) -> bytes:
    """Describe the columns of a CSV file: type, unit, description and UCD, what was changed, and the provenance."""
    columns = []
    for title, field in zip(parquet_names(table.schema.names, table.changes), table.schema, strict=True):
        meaning = {"dc:description": DESCRIPTION, "schema:unitText": UNIT, "schema:propertyID": UCD}
        found = {key: said(field, entry) for key, entry in meaning.items()}
        columns.append(
            {"titles": title, "datatype": _datatype(field.type)} | {k: text for k, text in found.items() if text}
        )
    from_where = {f"schema:{key.decode()}": text.decode() for key, text in (table.schema.metadata or {}).items()}
    whole = {"@context": "http://www.w3.org/ns/csvw", "url": name, "tableSchema": {"columns": columns}}
    return (json.dumps({**whole, "rdfs:comment": table.changes.lines(), **from_where}, indent=1) + "\n").encode()


def _form(kind: pa.DataType) -> tuple[pa.DataType, str]:
    """Return the type of a column as it is written, and a note if it is another."""
    if types.is_dictionary(kind):
        return _form(kind.value_type)
    if types.is_nested(kind):
        return pa.large_string(), JSON
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return pa.large_string(), HEXADECIMAL
    if types.is_duration(kind):
        return pa.int64(), COUNTED
    if types.is_temporal(kind):
        return pa.large_string(), ISO
    return (pa.float32(), "") if types.is_float16(kind) else (pa.large_string() if types.is_decimal(kind) else kind, "")


def _written(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    kind = column.type
    if types.is_dictionary(kind):
        return _written(column.cast(kind.value_type))
    wanted, note = _form(kind)
    if note == JSON:
        return as_json(one_array(column)).cast(wanted)
    if note == HEXADECIMAL:
        return pa.array([None if value is None else value.hex() for value in column.to_pylist()], wanted)
    return pc.replace_substring(column.cast(wanted), " ", "T") if note == ISO else column.cast(wanted)


def _datatype(kind: pa.DataType) -> str:
    """Return the name that CSVW has for a type (XML Schema's)."""
    written = _form(kind)[0]
    if types.is_boolean(written):
        return "boolean"
    if types.is_integer(written):
        return "integer"
    return {pa.float32(): "float", pa.float64(): "double"}.get(written, "string")
