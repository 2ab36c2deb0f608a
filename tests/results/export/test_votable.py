"""VOTable as astropy reads it: every type, with NULL."""

import datetime
import io

import numpy as np
import pyarrow as pa
import pytest
from astropy.io.votable import parse
from astropy.table import Table

from survey_batch.results.export import staging
from survey_batch.results.export.changes import Changes
from survey_batch.results.export.joined import Joined
from survey_batch.results.export.votable import JSON_TEXT, LARGE, LINE_BYTES, write_votable


def written(table, folder, changes=None):
    """The file as astropy reads it."""
    table = table if isinstance(table, pa.Table) else pa.table(table)
    write_votable(Joined.of(table, changes), folder / "t.vot")
    return parse(folder / "t.vot", verify="exception").get_first_table()


def values(element, name):
    """Values of a column, None for NULL."""
    column = element.to_table(use_names_over_ids=True)[name]
    return [None if value is np.ma.masked else value for value in column.tolist()]


@pytest.mark.parametrize(
    ("given", "datatype"),
    [
        (pa.array([True, None, False]), "boolean"),
        (pa.array([255, None, 0], pa.uint8()), "unsignedByte"),
        (pa.array([-128, None, 127], pa.int8()), "short"),
        (pa.array([-(2**15), None, 2**15 - 1], pa.int16()), "short"),
        (pa.array([2**32 - 1, None], pa.uint32()), "long"),
        (pa.array([2**63 - 1, None, -(2**63)]), "long"),
        (pa.array([2**63 - 1, None], pa.uint64()), "long"),
        (pa.array([0.5, None], pa.float32()), "float"),
        (pa.array(["", "G2V", None]), "char"),
        (pa.array(["é", "", None, "日本", "\U0001d6fc"]), "unicodeChar"),
        (pa.array(["x", None]).dictionary_encode(), "char"),
    ],
)
def test_each_type_keeps_its_values_and_its_nulls(tmp_path, given, datatype):
    changes = Changes()
    element = written({"x": given}, tmp_path, changes)
    assert element.fields[0].datatype == datatype
    found = values(element, "x")
    absent = "" if datatype in ("char", "unicodeChar") else None  # astropy has no NULL for text
    assert found == [absent if value is None else value for value in given.to_pylist()]
    assert changes.lines() == []


@pytest.mark.parametrize(
    ("given", "text", "note"),
    [
        (pa.array([2**64 - 1, None], pa.uint64()), ["18446744073709551615", ""], LARGE),
        (pa.array([[1], [2, 3]]), ["[1]", "[2, 3]"], JSON_TEXT),
        (pa.array([["a"], ["é"], [None]]), ['["a"]', '["\\u00e9"]', "[null]"], JSON_TEXT),
        (pa.array([[b"a"], [b"b", b"\xff"]]), ["[[97]]", "[[98], [255]]"], JSON_TEXT),
        (pa.array([b"a", None, b"bc"]), ["[97]", "", "[98, 99]"], JSON_TEXT),
        (pa.array([[{"a": 1}], None]), ['[{"a": 1}]', ""], JSON_TEXT),
    ],
)
def test_what_votable_has_no_type_for_is_text_and_that_is_said(tmp_path, given, text, note):
    changes = Changes()
    assert values(written({"x": given}, tmp_path, changes), "x") == text
    assert f"x: {note}" in changes.lines()


def test_lists_of_one_length_are_arrays_also_of_unsigned_integers(tmp_path):
    element = written({"v": pa.array([[1, 2], [3, 65535]], pa.list_(pa.uint16()))}, tmp_path)
    assert values(element, "v") == [[1, 2], [3, 65535]]
    assert element.fields[0].arraysize == "2"


def test_times_are_iso_text(tmp_path):
    when = pa.array([datetime.datetime(2026, 1, 2, 3, 4, 5), None], pa.timestamp("s"))
    assert values(written({"t": when}, tmp_path), "t") == ["2026-01-02T03:04:05", ""]


def test_more_columns_than_a_byte_has_bits_and_more_rows_than_a_batch_have_their_own_nulls(tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "BATCH_ROWS", 3)
    rows, columns = LINE_BYTES, 9
    absent = np.random.default_rng(1).random((columns, rows)) < 0.3
    given = {f"c{number}": pa.array(np.arange(rows), mask=mask, type=pa.int64()) for number, mask in enumerate(absent)}
    element = written(given, tmp_path)
    for name, column in given.items():
        assert values(element, name) == column.to_pylist()


def test_a_table_without_rows_has_its_columns(tmp_path):
    element = written({"n": pa.array([], pa.int16()), "t": pa.array([], pa.string())}, tmp_path)
    assert [field.name for field in element.fields] == ["n", "t"]
    assert len(element.array) == 0


def test_names_meanings_changes_and_provenance_are_told(tmp_path):
    fields = [
        pa.field("µ", pa.float64(), metadata={"unit": "deg", "ucd": "pos.eq.ra", "description": "a < b & é"}),
        pa.field("s", pa.struct([pa.field("a", pa.int8())])),
    ]
    schema = pa.schema(fields, metadata={"version": "1 < 2"})
    element = written(pa.table([[1.5], [{"a": 1}]], schema=schema), tmp_path)
    first, second = element.fields
    assert (first.name, str(first.unit), first.ucd, first.description) == ("µ", "deg", "pos.eq.ra", "a < b & é")
    assert (second.name, second.unit, second.ucd, second.description) == ("s.a", None, None, None)
    assert element.description == "s: fields are columns of their own: s.a"
    infos = parse(io.BytesIO((tmp_path / "t.vot").read_bytes())).resources[0].infos
    assert {info.name: info.value for info in infos} == {"survey_batch.version": "1 < 2"}


def test_astropy_calls_columns_by_their_names_where_xml_has_such_identifiers(tmp_path):
    names = ["ra", "RA", "column_4", "µ", "ra#2", "_x.y-z", "2mass", "survey_batch.job"]
    written({name: [number] for number, name in enumerate(names)}, tmp_path)
    table = Table.read(tmp_path / "t.vot")
    assert table.colnames == ["ra", "RA", "column_4", "column_4_", "column_5", "_x.y-z", "column_7", "column_8"]
    assert list(table[0]) == list(range(8))
    assert Table.read(tmp_path / "t.vot", use_names_over_ids=True).colnames == names
