"""Long arrays give what numpy gives, whatever the slices, and whether they lie in memory or on the disk."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.catalog import gather
from survey_batch.catalog import rows as module
from survey_batch.catalog.rows import (
    chosen_rows,
    copied,
    distinct,
    in_company,
    inverse_of,
    marks_before,
    order_by,
    places_among,
    put_first,
    rows_of_each,
    spans,
    taken,
)

NUMBERS = st.lists(st.integers(0, 6), max_size=40)
SLICES = st.integers(1, 9)
PLACES = st.lists(st.tuples(st.sampled_from([-1.5, 0.0, 2.0, np.nan]), st.floats(-2, 2)), max_size=40)


@pytest.fixture(autouse=True, params=[gather.IN_MEMORY_ROWS, -1], ids=["in memory", "on the disk"])
def where(request, monkeypatch):
    monkeypatch.setattr(gather, "IN_MEMORY_ROWS", request.param)
    monkeypatch.setattr(module, "PER_BUCKET", 2)


@settings(max_examples=20, deadline=None)
@given(NUMBERS, SLICES)
def test_slices_hold_every_row_once(numbers, at_once):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SLICE", at_once)
        rows = [row for part in spans(len(numbers)) for row in range(len(numbers))[part]]
    assert rows == list(range(len(numbers)))


@settings(max_examples=20, deadline=None)
@given(PLACES, SLICES)
def test_rows_are_ordered_as_by_lexsort_with_nan_last(places, at_once):
    dec, ra = np.array(places, float).reshape(-1, 2).T
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SLICE", at_once)
        assert order_by(dec).tolist() == np.argsort(dec, kind="stable").tolist()
        known = dec == dec
        order = order_by(dec[known], ra[known])
    assert order.tolist() == np.lexsort((ra[known], dec[known])).tolist()


@settings(max_examples=20, deadline=None)
@given(NUMBERS, SLICES)
def test_groups_are_counted_marked_and_begun_as_numpy_would(numbers, at_once):
    group = np.unique(np.array(numbers, np.int64), return_inverse=True)[1]
    found, first = np.unique(group, return_index=True)
    count = np.bincount(group) if len(group) else np.empty(0, int)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SLICE", at_once)
        begun = np.empty(len(found), np.int32)
        put_first(begun, group)
        assert begun.tolist() == first.tolist()
        assert rows_of_each(group).tolist() == count.tolist()
        assert in_company(group).tolist() == (count[group] > 1).tolist()


@settings(max_examples=20, deadline=None)
@given(NUMBERS, SLICES)
def test_rows_are_taken_chosen_and_put_back_as_numpy_would(numbers, at_once):
    values = np.array(numbers, np.int64)
    order = np.argsort(values, kind="stable")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SLICE", at_once)
        assert chosen_rows(values > 3).tolist() == np.flatnonzero(values > 3).tolist()
        assert taken(values, order).tolist() == values[order].tolist()
        assert order[inverse_of(order)].tolist() == list(range(len(order)))
        kinds, first = distinct(values[order])
    assert [kinds.tolist(), first.tolist()] == [each.tolist() for each in np.unique(values[order], return_index=True)]


def test_rows_of_no_group_are_not_counted():
    assert rows_of_each(np.array([1, -1, 1, 0, -1])).tolist() == [1, 2]


def test_a_copy_is_another_array():
    values = np.arange(5)
    copied(values)[:] = 9
    assert values.tolist() == [0, 1, 2, 3, 4]


@settings(max_examples=20, deadline=None)
@given(NUMBERS, NUMBERS, st.lists(st.booleans(), max_size=40), SLICES)
def test_places_and_marks_are_those_of_numpy(values, among, marks, at_once):
    ordered = np.unique(np.array(among, np.int64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SLICE", at_once)
        assert places_among(np.array(values, np.int64), ordered).tolist() == np.searchsorted(ordered, values).tolist()
        assert marks_before(np.array(marks, bool)).tolist() == (np.cumsum(np.array(marks, int)) - 1).tolist()
