"""Footers of the stored plan: read once in each process, and again where the plan has been stored anew."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from survey_batch.core.paths import join, write_bytes
from survey_batch.planning import footers, stored
from survey_batch.planning.footers import RowGroups, read_group, row_groups
from survey_batch.planning.stored import store_table, table_path
from survey_batch.planning.stored_fields import PlannedFields
from survey_batch.store.small_files import DamagedFileError


def store(output, runs):
    fields = [(run, field) for run in runs for field in range(10)]
    store_table(
        output, "frame", pa.table(dict(zip(("run", "field"), map(list, zip(*fields, strict=True)), strict=True))), 1
    )


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(stored, "FIELDS_PER_GROUP", 10)
    monkeypatch.setattr(stored, "GROUPS_PER_PART", 2)


def test_the_row_groups_of_all_files_are_listed_once(tmp_path, monkeypatch):
    store(output := str(tmp_path), range(5))
    opened, plain = [], footers.opened_table
    monkeypatch.setattr(footers, "opened_table", lambda path: (opened.append(path), plain(path))[1])
    for field, index in (((4, 7), 47), ((0, 0), 0), ((3, 9), 39)):
        assert PlannedFields(output).index(field) == index
    files = [table_path(output, "frame", part) for part in range(3)]
    assert sorted(set(opened)) == sorted(files)
    assert len(opened) == 2 * len(files)  # the spans of all, and the footers of those that were read


def test_a_plan_that_is_stored_anew_is_listed_anew(tmp_path):
    store(output := str(tmp_path), range(5))
    assert PlannedFields(output).index((7, 0)) is None
    store(output, [0, *range(5, 9)])
    assert [PlannedFields(output).index(field) for field in ((7, 0), (4, 0))] == [30, None]


def test_another_process_s_plan_is_seen_without_being_told(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "forget_plan", lambda: None)
    test_a_plan_that_is_stored_anew_is_listed_anew(tmp_path)


def test_a_file_that_says_nothing_of_its_values_may_hold_any(tmp_path):
    path = join(str(tmp_path), "bare.parquet")
    pq.write_table(pa.table({"run": [1, 2, 3], "field": [4, 5, 6]}), path, row_group_size=2, write_statistics=["run"])
    groups = row_groups([path])
    assert isinstance(groups, RowGroups)
    assert [groups.that_may_hold(values) for values in ((1, 99), (3, 6), (9, 4))] == [[0], [1], []]
    assert groups.first.tolist() == [0, 2]


def test_footers_are_forgotten_where_one_leads_to_damage(tmp_path, monkeypatch):
    store(output := str(tmp_path), range(2))
    path = table_path(output, "frame")
    monkeypatch.setattr(footers, "_as_it_is", footers._File)  # as in an object store
    assert read_group(path, 1)["run"].to_pylist() == [1] * 10
    whole = (tmp_path / "plan" / "frames.parquet").read_bytes()
    write_bytes(path, whole[:20])
    with pytest.raises(DamagedFileError):
        read_group(path, 1)
    store(output, range(7, 9))
    assert read_group(path, 1)["run"].to_pylist() == [8] * 10
