"""Sorting through files, and tables cut anew."""

import itertools
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.core import cores, sorting
from survey_batch.core.cores import do_on_cores, on_cores
from survey_batch.core.sorting import Sorter, in_batches


def test_buckets_hold_the_rows_of_all_tables_sorted_by_key(tmp_path):
    sorter = Sorter(tmp_path / "a" / "b", 3)
    sorter.add(pa.table({"x": ["d", "µ", "a"]}), np.array([2, 0, 0]), np.array([1, 9, 3]))
    sorter.add(pa.table({"x": ["c", "b"]}), np.array([0, 2]), np.array([5, 0]))
    assert [sorter.bucket(number).to_pydict() for number in range(3)] == [
        {"x": ["a", "c", "µ"]},
        {"x": []},
        {"x": ["b", "d"]},
    ]


def test_rows_of_one_key_stay_in_the_order_in_which_they_were_given(tmp_path):
    sorter = Sorter(tmp_path / "sorted", 1)
    for rows in ([1, 2], [3]):
        sorter.add(pa.table({"x": rows}), np.zeros(len(rows), int), np.zeros(len(rows), int))
    assert sorter.bucket(0)["x"].to_pylist() == [1, 2, 3]


def test_tables_that_several_threads_add_at_once_are_sorted_alike(tmp_path, monkeypatch):
    one_batch = sorting._one_batch
    monkeypatch.setattr(cores, "cores", lambda: 4)
    monkeypatch.setattr(sorting, "_one_batch", lambda table: (time.sleep(0.001), one_batch(table))[1])
    sorter, key = Sorter(tmp_path / "sorted", 3), np.random.default_rng(0).permutation(300)

    def add(first):
        here = key[first : first + 10]
        sorter.add(pa.table({"x": here}), here // 100, here)

    do_on_cores(add, range(0, 300, 10))
    assert [x for bucket in on_cores(sorter.bucket, range(3)) for x in bucket["x"].to_pylist()] == list(range(300))


def test_a_table_without_rows_keeps_its_columns(tmp_path):
    sorter = Sorter(tmp_path / "sorted", 1)
    none = np.zeros(0, int)
    table = pa.table({"x": pa.array([], pa.list_(pa.float32())), "y": pa.array([], pa.string())})
    sorter.add(table, none, none)
    assert sorter.bucket(0).equals(table)


@given(st.lists(st.integers(0, 7)), st.integers(1, 5))
def test_tables_are_cut_anew_without_loss(sizes, rows):
    ends = np.cumsum([0, *sizes])
    tables = [pa.table({"x": np.arange(first, last)}) for first, last in itertools.pairwise(ends)]
    cut = list(in_batches(tables, rows))
    assert [part.num_rows for part in cut[:-1]] == [rows] * (len(cut) - 1)
    assert all(0 < part.num_rows <= rows for part in cut[-1:])
    assert np.concatenate([np.zeros(0), *(part["x"].to_numpy() for part in cut)]).tolist() == list(range(ends[-1]))


@pytest.mark.parametrize("tables", [[], [pa.table({"x": pa.array([], pa.int8())})]])
def test_nothing_is_cut_into_nothing(tables):
    assert list(in_batches(tables, 4)) == []
