"""Rows that are not left out: rejected once, counted by class and by reason."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.catalog.objects import Counts, Objects, joined_chunks


def objects(labels, first=100):
    table = pa.table({"row": np.arange(first, first + len(labels)), "label": pa.array(labels).dictionary_encode()})
    return Objects(table, {}, np.ones(len(labels), bool), {})


def test_a_row_is_rejected_by_its_number_in_the_file_and_the_first_reason_stays():
    rows = objects(["A", "F", "G"])
    rows.reject(np.array([1, 2]), ["no frame", "no position"])
    rows.reject(np.array([2, 0]), ["too late", "torn"])
    assert rows.reasons == {101: "no frame", 102: "no position", 100: "torn"}
    assert not rows.usable.any()


def test_rows_that_are_not_kept_are_counted_under_their_reason():
    rows = objects(["A", "F", "A", "G"])
    rows.usable[3] = False
    rows.keep(np.array([True, False, True, True]), "not selected")
    rows.keep(np.ones(3, bool), "nothing is left out")
    assert rows.numbers("row").tolist() == [100, 102, 103]
    assert rows.usable.tolist() == [True, True, False]
    assert dict(rows.counts.left_out) == {"not selected": 1}


def test_text_and_codes_are_the_same_whatever_the_chunks():
    chunks = pa.chunked_array([pa.array(["A", "F"]).dictionary_encode(), pa.array(["F", "G"]).dictionary_encode()])
    rows = Objects(pa.table({"row": range(4), "label": chunks}), {}, np.ones(4, bool), {})
    assert rows.text("label").to_pylist() == ["A", "F", "F", "G"]
    codes, names = rows.codes("label")
    assert [names[code] for code in codes] == ["A", "F", "F", "G"]
    assert len(set(names)) == len(names)
    assert joined_chunks(pa.chunked_array([["a"], ["b"]])).to_pylist() == ["a", "b"]


def test_a_column_is_added_or_replaced():
    rows = objects(["A", "F"])
    rows.put("split", pa.array(["train", ""]))
    rows.put("split", pa.array(["", "test"]))
    assert rows.text("split").to_pylist() == ["", "test"]
    assert len(rows) == 2


@given(st.lists(st.lists(st.sampled_from("AFG"), max_size=5), min_size=1, max_size=4))
def test_counts_of_parts_are_those_of_the_whole(parts):
    counts, whole = Counts(), Counts()
    for part in parts:
        counts.add("in file", pa.array(part, pa.string()))
    whole.add("in file", pa.array([name for part in parts for name in part], pa.string()))
    assert counts == whole
    assert list(counts.as_dict()["steps"]["in file"]) == sorted(counts.steps["in file"])
