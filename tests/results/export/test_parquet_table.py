"""Parquet that every reader takes alike, with what was changed in its metadata."""

import io
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from survey_batch.results.export.changes import Changes
from survey_batch.results.export.joined import Joined
from survey_batch.results.export.parquet_table import NOTES, write_parquet


def parquet_bytes(table, changes):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        write_parquet(Joined.of(table, changes), path)
        return path.read_bytes()


def written(columns, changes=None):
    return io.BytesIO(parquet_bytes(pa.table(columns), changes or Changes()))


def test_integers_and_booleans_with_gaps_stay_what_they_are_in_pandas():
    columns = {
        "id": pa.array([2**63 - 1, None]),
        "small": pa.array([1, None], pa.uint8()),
        "truth": pa.array([True, None]),
        "code": pa.array([5, None], pa.int16()).dictionary_encode(),
        "real": pa.array([0.5, None]),
        "whole": pa.array([1, 2], pa.int32()),
    }
    frame = pd.read_parquet(written(columns))
    kinds = frame.dtypes.astype(str).to_dict()
    assert {name: kinds[name] for name in ("id", "small", "truth", "real", "whole")} == {
        "id": "Int64",
        "small": "UInt8",
        "truth": "boolean",
        "real": "float64",
        "whole": "int32",
    }
    assert frame["id"][0] == 2**63 - 1
    assert list(frame.index) == [0, 1]


def test_the_table_is_what_was_given():
    columns = {"a": pa.array([1, None]), "b": pa.array(["x", ""])}
    found = pq.read_table(written(columns))
    assert found.to_pydict() == {"a": [1, None], "b": ["x", ""]}


def test_what_was_changed_stands_in_the_metadata():
    changes = Changes()
    changes.note("left as text", "a")
    metadata = pq.read_schema(written({"a": ["1"]}, changes)).metadata
    assert metadata[NOTES.encode()] == b"a: left as text"
