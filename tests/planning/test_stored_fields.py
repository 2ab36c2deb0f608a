import fsspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.planning import footers, stored
from survey_batch.planning.stored import store_table
from survey_batch.planning.stored_fields import PlannedFields
from survey_batch.surveys.sdss.files import FieldKey

FIELDS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(0, 9)), unique=True, max_size=40)


def table(fields):
    columns = zip(("run", "camcol", "field"), zip(*fields, strict=True) if fields else ((), (), ()), strict=True)
    return pa.table({name: pa.array(values, pa.int32()) for name, values in columns})


@settings(max_examples=25)
@given(FIELDS, FIELDS, st.integers(1, 9), st.integers(1, 3))
def test_a_field_is_found_where_the_plan_has_it_in_any_order_and_nowhere_else(
    tmp_path_factory, fields, others, group, at_once
):
    output = str(tmp_path_factory.mktemp("out"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored, "FIELDS_PER_GROUP", group)
        patch.setattr(stored, "GROUPS_PER_PART", at_once)
        store_table(output, "frame", table(fields), 1)
        expected = {field: index for index, field in enumerate(fields)}
        found = PlannedFields(output)
        assert [found.index(field) for field in (*fields, *others)] == [
            expected.get(field) for field in (*fields, *others)
        ]


def test_only_row_groups_that_may_hold_a_field_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "FIELDS_PER_GROUP", 10)
    store_table(str(tmp_path), "frame", table([(run, 1, field) for run in range(10) for field in range(10)]), 1)
    found = PlannedFields(str(tmp_path))
    assert [found.index((4, 1, field)) for field in (3, 4, 99)] == [43, 44, None]
    assert len(found._read) == 1


def test_fields_are_found_by_key(tmp_path):
    fields = pa.table({"rerun": [301, 301], "run": [94, 94], "camcol": [1, 1], "field": [7, 12]})
    store_table(str(tmp_path), "frame", fields, 1)
    found = PlannedFields(str(tmp_path))
    assert [found.index(FieldKey(301, 94, 1, field)) for field in (7, 12, 8)] == [0, 1, None]


def test_a_process_reads_the_footers_of_a_plan_in_an_object_store_once(monkeypatch):
    output = "memory://planned-fields"
    store_table(output, "frame", table([(1, 1, 3), (1, 1, 4)]), 1)
    assert PlannedFields(output).index((1, 1, 4)) == 1
    for module in (stored, footers):
        monkeypatch.setattr(module, "opened_table", None)
    assert PlannedFields(output).index((1, 1, 3)) == 0
    fsspec.filesystem("memory").rm(output, recursive=True)
