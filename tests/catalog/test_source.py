"""A source of columns: names that are told apart, batches, and files that are decompressed."""

import gzip

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.catalog import source
from survey_batch.catalog.source import Column, Location, Rows, Source, distinct, in_batches, in_one_line

NAMES = st.lists(st.sampled_from(["ra", "dec", "ra#2", "ra#3", "z"]), max_size=8)


@given(NAMES)
def test_columns_are_told_apart_and_the_first_of_a_name_keeps_it(names):
    columns, notes = distinct([Column(name, unit=str(place)) for place, name in enumerate(names)])
    unique = [column.name for column in columns]
    assert len(set(unique)) == len(names)
    assert [column.unit for column in columns] == [str(place) for place in range(len(names))]
    for name in set(names):
        assert unique[names.index(name)] == name
    assert len(notes) == sum(names.count(name) > 1 for name in set(names))


def test_a_repeated_name_is_told_with_its_places_and_how_to_choose():
    _, (note,) = distinct([Column("ra"), Column("dec"), Column("ra")])
    assert note.startswith("2 columns are called 'ra': 'ra' is column 1, 'ra#2' is column 3;")
    assert note.endswith('[catalog] columns = {<name> = "ra#2"}')


def test_all_rows_are_read_with_what_is_wrong_with_some_in_its_place():
    parts = [
        Rows(pa.table({"a": [1, 2]}), {1: "torn"}, notes=("first",)),
        Rows(pa.table({"a": [3]}), {0: "cut"}),
        Rows(pa.table({"a": pa.array([], pa.int64())}), notes=("last",)),
    ]
    rows = Source("here", (Column("a"),), lambda _: iter(parts)).read(["a"])
    assert rows.table["a"].to_pylist() == [1, 2, 3]
    assert rows.unreadable == {1: "torn", 2: "cut"}
    assert rows.notes == ("first", "last")


@pytest.mark.parametrize(("rows", "sizes"), [(0, [0]), (3, [3]), (4, [3, 1]), (7, [3, 3, 1])])
def test_a_table_is_cut_into_batches_and_an_empty_one_is_one_batch(monkeypatch, rows, sizes):
    monkeypatch.setattr(source, "BATCH_ROWS", 3)
    batches = [batch.table for batch in in_batches(pa.table({"a": pa.array(range(rows), pa.int64())}))]
    assert [batch.num_rows for batch in batches] == sizes
    assert pa.concat_tables(batches)["a"].to_pylist() == list(range(rows))


def test_a_file_is_decompressed_while_it_is_read(tmp_path):
    (tmp_path / "c.csv").write_bytes(gzip.compress(b"ra,dec"))
    with Location(str(tmp_path / "c.csv"), "gzip").open() as file:
        assert file.read() == b"ra,dec"


def test_descriptions_are_one_line():
    assert in_one_line("  right\n ascension\t(J2000) ") == "right ascension (J2000)"
    assert in_one_line(None) == ""
