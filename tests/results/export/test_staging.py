"""A table by columns and by rows, through files."""

import numpy as np
import pyarrow as pa
import pytest

from survey_batch.results.export import staging
from survey_batch.results.export.changes import Changes
from survey_batch.results.export.joined import Joined
from survey_batch.results.export.staging import RowFile, staged

NESTED = pa.array([{"a": 1, "b": {"µ": "x"}}, None, {"a": None, "b": {"µ": None}}])


def test_columns_come_whole_with_their_types_and_structs_as_their_fields(tmp_path):
    code = pa.array(["a", None, "a"]).dictionary_encode()
    table = pa.table([NESTED, pa.array([1, None, 3], pa.uint64()), code], names=["s", "n", "n"])
    parts = [table.slice(0, 2), table.slice(2)]
    changes = Changes()
    source = staged(Joined(table.schema, 3, lambda: iter(parts)), tmp_path)
    columns = list(source.columns())
    assert [field.name for field in source.fields(changes)] == ["s.a", "s.b.µ", "n", "n"]
    assert [column.whole().to_pylist() for column in columns] == [
        [1, None, None],
        ["x", None, None],
        [1, None, 3],
        ["a", None, "a"],
    ]
    assert columns[2].whole().type == pa.uint64()
    assert changes.lines() == [
        "s: fields are columns of their own: s.a, s.b",
        "s.b: fields are columns of their own: s.b.µ",
    ]


def test_fields_have_their_own_meaning_or_that_of_their_struct():
    inner = pa.struct([pa.field("g", pa.float32(), metadata={"unit": "mag"}), pa.field("r", pa.float32())])
    schema = pa.schema([pa.field("flux", inner, metadata={"unit": "Jy"}), pa.field("empty", pa.struct([]))])
    fields = staging.Staged(schema, 0, None).fields(Changes())
    assert [(field.name, field.metadata) for field in fields] == [
        ("flux.g", {b"unit": b"mag"}),
        ("flux.r", {b"unit": b"Jy"}),
        ("empty", None),
    ]


@pytest.mark.parametrize("names", [None, ("b",)])
def test_rows_are_read_some_at_a_time_all_columns_or_some(tmp_path, monkeypatch, names):
    monkeypatch.setattr(staging, "BATCH_ROWS", 2)
    table = pa.table({"a": [1, 2, 3, 4, 5], "b": ["v", "w", None, "", "z"]})
    parts = list(staged(Joined.of(table), tmp_path).batches(names))
    assert [part.num_rows for part in parts] == [2, 2, 1]
    assert pa.concat_tables(parts).equals(table.select(names or table.column_names))


def test_rows_are_packed_with_the_first_byte_the_most_significant(tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "BATCH_ROWS", 2)
    rows = RowFile(tmp_path)
    rows.add(np.array([1, 2, -2], np.int16))
    rows.add(np.arange(6, dtype=np.float32).reshape(2, 3).T)  # not contiguous
    rows.add(np.array([b"ab", b"", b"c"]))
    assert rows.row_bytes == 2 + 2 * 4 + 2
    parts = [part.tobytes() for part in rows.rows(3)]
    assert b"".join(parts) == b"".join(
        [
            b"\x00\x01" + np.array([0, 3], ">f4").tobytes() + b"ab",
            b"\x00\x02" + np.array([1, 4], ">f4").tobytes() + b"\x00\x00",
            b"\xff\xfe" + np.array([2, 5], ">f4").tobytes() + b"c\x00",
        ]
    )
    assert [len(part) for part in parts] == [24, 12]
    assert list(rows.rows(0)) == []
