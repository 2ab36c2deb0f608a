import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.catalog import rows as rows_module
from survey_batch.catalog import texts as module
from survey_batch.catalog.texts import filtered, repeated, smallest_of_each, take_rows

TEXT = st.text("ab\0é", max_size=20)
PARTS = st.lists(st.lists(st.none() | TEXT, max_size=8), min_size=1, max_size=4)


def column(parts, cut=0):
    return pa.chunked_array([pa.array(part, pa.string()).slice(cut) for part in parts], pa.string())


def plain_repeated(texts):
    encoded = pc.dictionary_encode(texts.combine_chunks())
    code = np.asarray(pc.fill_null(encoded.indices, -1))
    rows = np.flatnonzero((code >= 0) & (np.array([np.sum(code == one) for one in code]) > 1))
    return rows.tolist(), [rows[code[rows] == one].tolist() for one in np.unique(code[rows])]


@given(PARTS, st.integers(0, 2))
def test_rows_that_repeat_a_text_are_those_that_a_dictionary_tells(parts, cut):
    texts = column(parts, cut)
    rows, code = repeated(texts)
    assert (rows.tolist(), [rows[code == one].tolist() for one in np.unique(code)]) == plain_repeated(texts)


@given(PARTS)
def test_texts_whose_hashes_are_equal_by_chance_are_told_apart(parts):
    texts = column(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_hashes", lambda chunk: np.zeros(len(chunk), np.uint64))
        rows, code = repeated(texts)
    assert (rows.tolist(), [rows[code == one].tolist() for one in np.unique(code)]) == plain_repeated(texts)


@given(st.lists(st.lists(st.tuples(TEXT, st.integers(0, 3)), max_size=8), min_size=1, max_size=4))
def test_the_smallest_text_of_a_group_is_the_one_that_sorting_gives(parts):
    texts = column([[text for text, _ in part] for part in parts])
    group = np.unique([number for part in parts for _, number in part], return_inverse=True)[1]
    names = [text.encode() for text in texts.to_pylist()]
    expected = [min(np.flatnonzero(group == one).tolist(), key=names.__getitem__) for one in np.unique(group)]
    assert smallest_of_each(group, texts).tolist() == expected


@given(PARTS, st.data(), st.integers(1, 5))
def test_chosen_texts_are_kept_slice_by_slice(parts, data, at_once):
    texts = column(parts)
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts))), bool)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_module, "SLICE", at_once)
        assert filtered(texts, chosen).to_pylist() == texts.filter(pa.array(chosen)).to_pylist()


@given(PARTS, st.data())
def test_rows_are_taken_from_chunks_as_from_one_array(parts, data):
    texts = column(parts)
    rows = sorted(data.draw(st.sets(st.integers(0, max(len(texts) - 1, 0))))) if len(texts) else []
    assert take_rows(texts, np.array(rows, np.int64)).to_pylist() == [texts[row].as_py() for row in rows]
