import errno
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.catalog import gather as module
from survey_batch.catalog.gather import gather, slices
from survey_batch.core.errors import SurveyBatchError

VALUES = st.tuples(
    st.none() | st.text(max_size=4),
    st.sampled_from(["", "STAR", "QSO"]),
    st.none() | st.integers(-5, 5),
    st.floats(allow_nan=False),
    st.none() | st.booleans(),
)
TABLES = st.lists(st.lists(VALUES, max_size=6), min_size=1, max_size=5)


def table(rows):
    text, repeated, whole, number, flag = zip(*rows, strict=True) if rows else ((),) * 5
    columns = {
        "text": pa.array(text, pa.string()),
        "repeated": pa.array(repeated, pa.string()).dictionary_encode(),
        "whole": pa.array(whole, pa.int64()),
        "number": pa.array(number, pa.float64()),
        "flag": pa.array(flag, pa.bool_()),
    }
    return pa.table(columns, metadata={"kept": "this"})


def plain(table):
    return table.to_pylist(), table.schema.names, table.schema.metadata


@pytest.fixture
def on_disk(monkeypatch):
    monkeypatch.setattr(module, "IN_MEMORY_ROWS", -1)


@settings(max_examples=50)
@given(TABLES, st.integers(0, 2))
def test_what_is_gathered_on_the_disk_is_what_memory_would_hold(parts, cut):
    tables = [table(rows).slice(cut) for rows in parts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "IN_MEMORY_ROWS", -1)
        found = gather(tables)
    found.validate(full=True)
    assert plain(found) == plain(gather(tables))
    assert found.schema.field("repeated").type == tables[0].schema.field("repeated").type


def test_numbers_and_codes_are_read_without_a_copy(on_disk):
    found = gather(slices(pa.table({"a": np.arange(10), "b": pa.array(list("xyxyxyxyxy")).dictionary_encode()}), 3))
    assert found["a"].num_chunks == found["b"].num_chunks == 1
    assert found["a"].chunk(0).to_numpy(zero_copy_only=True).tolist() == list(range(10))


def test_a_disk_without_room_is_told_with_what_to_do(on_disk, monkeypatch):
    full = Path("/dev/full").open("w+b", buffering=0)  # noqa: SIM115 - a column closes it
    monkeypatch.setattr(module.tempfile, "TemporaryFile", lambda **_: full)
    with pytest.raises(SurveyBatchError, match=r"No space left on device.*set TMPDIR to a folder with more room"):
        gather([pa.table({"a": [1]})])


def test_an_array_on_the_disk_is_filled_as_one_in_memory_and_leaves_no_file(on_disk, tmp_path, monkeypatch):
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path))
    made = module.room(5, np.int32)
    made[:] = 7
    made[2] = 1
    assert made.tolist() == [7, 7, 1, 7, 7]
    assert not isinstance(made.base, np.ndarray)  # but a mapped file
    assert not list(tmp_path.iterdir())


def test_an_array_for_which_the_disk_has_no_room_is_told_before_it_is_filled(on_disk, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module.os, "posix_fallocate", full, raising=False)
    with pytest.raises(SurveyBatchError, match=r"No space left on device.*set TMPDIR to a folder with more room"):
        module.room(5, np.int32)


@pytest.mark.parametrize("make", [lambda: module.room(5, np.int32), lambda: gather([pa.table({"a": [1]})])])
def test_a_folder_for_temporary_files_that_is_gone_is_told_with_what_to_do(on_disk, tmp_path, monkeypatch, make):
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(SurveyBatchError, match=r"temporary files in .*gone .*set TMPDIR to a folder with more room"):
        make()


def test_columns_that_come_later_or_were_null_so_far_are_taken(on_disk):
    first = pa.table({"a": [1], "b": pa.nulls(1)})
    found = gather([first, pa.table({"a": [2], "b": ["x"]}), pa.table({"a": [3], "c": [4]})])
    assert found.to_pylist() == [
        {"a": 1, "b": None, "c": None},
        {"a": 2, "b": "x", "c": None},
        {"a": 3, "b": None, "c": 4},
    ]
    found = gather([pa.table({"a": [1], "b": ["x"]}), pa.table({"a": [2], "b": pa.nulls(1)}), pa.table({"a": [3]})])
    assert found["b"].to_pylist() == ["x", None, None]
