"""CSV of every type, and what is said beside it."""

import datetime
import json
from decimal import Decimal

import pyarrow as pa
import pytest

from survey_batch.results.export.changes import Changes
from survey_batch.results.export.csv_table import COUNTED, HEXADECIMAL, ISO, JSON, csv_metadata, write_csv
from survey_batch.results.export.joined import Joined

NIGHT = datetime.datetime(2026, 1, 2, 3, 4, 5)


def written(table, folder, changes=None):
    """Lines of the file."""
    write_csv(Joined.of(table, changes), folder / "t.csv")
    return (folder / "t.csv").read_bytes().decode().splitlines()


def test_null_is_an_empty_field_and_empty_text_is_quotes(tmp_path):
    table = pa.table({"µ": ['é"', "", None], "n": pa.array([2**64 - 1, None, 0], pa.uint64())})
    assert written(table, tmp_path) == ['"µ","n"', '"é""",18446744073709551615', '"",', ",0"]


@pytest.mark.parametrize(
    ("column", "fields", "note"),
    [
        (pa.array([True, None]), ["true", ""], ""),
        (pa.array([0.5, None], pa.float16()), ["0.5", ""], ""),
        (pa.array([float("nan"), float("inf")]), ["nan", "inf"], ""),
        (pa.array([Decimal("0.10"), None], pa.decimal128(38, 2)), ['"0.10"', ""], ""),
        (pa.array([Decimal("1.5"), None], pa.decimal256(60, 1)), ['"1.5"', ""], ""),
        (pa.array([b"\x00\xff", None]), ['"00ff"', ""], HEXADECIMAL),
        (pa.array([b"ab", b""], pa.large_binary()), ['"6162"', '""'], HEXADECIMAL),
        (pa.array([b"ab", None], pa.binary(2)), ['"6162"', ""], HEXADECIMAL),
        (pa.array([90, None], pa.duration("s")), ["90", ""], COUNTED),
        (pa.array([NIGHT, None], pa.timestamp("s")), ['"2026-01-02T03:04:05"', ""], ISO),
        (pa.array([NIGHT, None], pa.timestamp("ms", "UTC")), ['"2026-01-02T03:04:05.000Z"', ""], ISO),
        (pa.array([NIGHT.date(), None]), ['"2026-01-02"', ""], ISO),
        (pa.array([NIGHT.time(), None], pa.time32("s")), ['"03:04:05"', ""], ISO),
        (pa.array(["a", None]).dictionary_encode(), ['"a"', ""], ""),
        (pa.array([[1, None], None]), ['"[1, null]"', ""], JSON),
        (pa.array([{"a": "é"}, None]), ['"{""a"": ""\\u00e9""}"', ""], JSON),
        (pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int8())), ['"[[""k"", 1]]"', ""], JSON),
        (pa.nulls(2), ["", ""], ""),
    ],
)
def test_each_type_is_written_so_that_it_can_be_read_back(tmp_path, column, fields, note):
    changes = Changes()
    table = pa.table({"n": [1, 2], "x": column})
    assert written(table, tmp_path, changes)[1:] == [f"1,{fields[0]}", f"2,{fields[1]}"]
    assert changes.lines() == ([f"x: {note}"] if note else [])


def test_a_table_without_rows_has_its_header(tmp_path):
    table = pa.table({"a": pa.array([], pa.timestamp("s")), "b": pa.array([], pa.list_(pa.int8()))})
    assert written(table, tmp_path) == ['"a","b"']


def test_columns_are_described_with_what_is_known(tmp_path):
    meaning = {"unit": "deg", "description": "right ascension", "ucd": "pos.eq.ra"}
    fields = [
        pa.field("ra", pa.float64(), metadata=meaning),
        pa.field("ra", pa.float16()),
        *(pa.field(str(kind), kind) for kind in (pa.uint8(), pa.bool_(), pa.string(), pa.duration("s"), pa.date32())),
    ]
    changes = Changes()
    changes.note("as text", "µ")
    schema = pa.schema(fields, metadata={"version": "1.2"})
    said = json.loads(csv_metadata(Joined.of(schema.empty_table(), changes), "tablé.csv"))
    columns = said["tableSchema"]["columns"]
    assert said["@context"] == "http://www.w3.org/ns/csvw"
    assert (said["url"], said["schema:version"]) == ("tablé.csv", "1.2")
    assert columns[0] == {
        "titles": "ra",
        "datatype": "double",
        "dc:description": "right ascension",
        "schema:unitText": "deg",
        "schema:propertyID": "pos.eq.ra",
    }
    assert [column["titles"] for column in columns[:2]] == ["ra", "ra_2"]
    assert [column["datatype"] for column in columns[1:]] == [
        "float",
        "integer",
        "boolean",
        "string",
        "integer",
        "string",
    ]
    assert "µ: as text" in said["rdfs:comment"]
