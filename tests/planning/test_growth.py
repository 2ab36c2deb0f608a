"""The order of a catalogue that has grown."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from survey_batch.core.errors import PlanMismatchError
from survey_batch.execution.shard_task import run_shard
from survey_batch.integrity.verify import verify
from survey_batch.planning import stored
from survey_batch.planning.growth import Held, fields_in_order, held_rows
from survey_batch.planning.plan import make_plan
from survey_batch.planning.stored import read_plan_part, table_path
from survey_batch.preflight.growth import find_growth
from survey_batch.preflight.trial import sample_rows
from survey_batch.store.small_files import DamagedFileError
from tests.growing import Growing
from tests.lamost_files import make_archive


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return make_archive(tmp_path_factory.mktemp("archive"), 8)


def ordered(held, ids, **known):
    """Bring rows that would be in the order of `ids` behind those that are known."""
    order = Held("", len(held), pa.table({"object_id": list(held)}), **known).order(pa.table({"object_id": list(ids)}))
    return "".join(ids[place] for place in order) if order is not None else ids


def test_known_rows_keep_their_places_and_new_ones_keep_their_order_behind_them():
    assert ordered("", "dbac") == "dbac"
    assert ordered("db", "dbac") == "dbac"
    assert ordered("ca", "dbac") == "cadb"
    assert ordered("cabd", "dbac") == "cabd"


def test_gaps_of_a_lost_plan_are_filled_in_the_order_of_the_file_and_each_generation_is_in_order():
    def filled(ids, file, **made):
        table = pa.table({"object_id": sorted(file), "row": [file.index(name) for name in sorted(file)]})
        held = Held("", len(ids), pa.table({"object_id": [name.strip() for name in ids]}), made)
        order = held.order(table)
        return None if order is None else "".join(table["object_id"].take(order).to_pylist())

    made = {"spectra": (4, 6), "features": (4,)}
    assert filled("a d  f", "aedcbf", **made) == "acdebf"
    assert filled("      ", "aedcbfg", **made) == "acdebfg"
    assert filled("a x  f", "aedcbf", **made) is None, "a product has it"
    assert filled("a d  f", "aedc", **made) is None, "there are too few"


def test_rows_of_the_stored_plan_that_no_product_has_may_vanish():
    made = {"spectra": (1, 2), "features": (1,)}
    assert ordered("cax", "dbac", generations=made) == "cadb"
    assert ordered("cxa", "dbac", generations=made) == "dbac", "a product has it"


def test_fields_of_each_generation_come_behind_those_before():
    objects = pa.table({"field": [5, 3, 5, 4, 1, 3, 0], "problem": ["", "", "", "x", "", "", ""]})
    assert fields_in_order(objects, ["field"])["field"].to_pylist() == [0, 1, 3, 5]
    assert fields_in_order(objects, ["field"], [3])["field"].to_pylist() == [3, 5, 0, 1]
    assert fields_in_order(objects, ["field"], [3, 5, 7])["field"].to_pylist() == [3, 5, 1, 0]


def test_without_products_no_order_is_kept(archive, tmp_path):
    growing = Growing.lamost(archive, tmp_path, stages=("spectra",))
    growing.rows([5, 4]).store()
    assert held_rows(growing.job.output).rows == 0
    assert growing.rows([5, 4, 0]).objects["object_id"].to_pylist() == ["1000", "1004", "1005"]


def test_the_rows_that_the_reasons_of_unusable_rows_name_may_move_and_the_rows_may_be_anywhere(archive, tmp_path):
    growing = Growing.lamost(archive, tmp_path)
    growing.rows([1, 0, 1])
    growing.run()
    plan = growing.rows([5, 3, 1, 0, 1])
    assert find_growth(plan) is not None
    assert plan.objects["object_id"].to_pylist() == ["1000", "1001", "1001#2", "1003", "1005"]
    assert plan.objects["problem"].to_pylist()[2] == "same object_id as row 0: the same object again"
    assert plan.invalid == 1
    assert np.flatnonzero(plan.usable).tolist() == [0, 1, 3, 4]
    assert [str(row["object_id"][0]) for row in sample_rows(plan, 9)] == ["1000", "1001", "1003", "1005"]
    growing.run()
    assert find_growth(make_plan(growing.job)) is None
    assert growing.rows([1, 1, 0, 3, 5]).not_stored() != []  # the rows' numbers have moved, which the plan has
    assert find_growth(make_plan(growing.job)) is None


def test_the_plan_of_the_first_rows_is_that_of_the_catalogue_before(archive, tmp_path):
    growing = Growing.lamost(archive, tmp_path)
    before = growing.rows([3, 1, 2])
    growing.run()
    plan = growing.rows([3, 1, 2, 0])
    assert plan.first(3).objects.equals(before.objects)
    assert plan.first(3).fields.num_columns == 0


def unfinished(growing, monkeypatch):
    """Grow an output whose shards are not done, but for one; lose its plan, and return what it was."""
    growing.rows([6, 2, 4])
    monkeypatch.setattr("tests.growing.run_shard", lambda *_: None)
    growing.run()
    monkeypatch.undo()
    monkeypatch.setattr("tests.growing.run_shard", lambda job, name, shard: shard.index or run_shard(job, name, shard))
    growing.rows([6, 2, 4, 3, 1])
    plan = growing.run()
    monkeypatch.undo()
    shutil.rmtree(Path(growing.job.output) / "plan")
    return plan


def test_where_a_lost_plan_had_rows_that_are_pending_they_are_those_of_the_file_s_first_rows(
    archive, tmp_path, monkeypatch
):
    growing = Growing.lamost(archive, tmp_path, stages=("spectra",), shards={"objects": 2})
    before = unfinished(growing, monkeypatch)
    plan = growing.rows([6, 2, 4, 3, 1, 0])
    assert plan.objects["object_id"].to_pylist() == ["1002", "1004", "1006", "1001", "1003", "1000"]
    assert plan.objects["object_id"].to_pylist()[:5] == before.objects["object_id"].to_pylist()
    assert find_growth(plan).products == {"spectra": 5}
    growing.run()
    assert verify(growing.job, deep=True).ok


def test_where_nothing_says_how_a_lost_plan_had_its_rows_the_refusal_says_so(archive, tmp_path, monkeypatch):
    growing = Growing.lamost(archive, tmp_path, stages=("spectra",), shards={"objects": 2})
    unfinished(growing, monkeypatch)
    for rows in ([3, 1, 6, 2, 4], [6, 2, 4, 3]):
        growing.rows(rows)
        with pytest.raises(PlanMismatchError, match="the folder plan of .* says, and it is lost or damaged: bring it"):
            growing.run()


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:100])])
def test_where_a_file_of_the_plan_is_damaged_the_products_say_where_rows_are(archive, tmp_path, monkeypatch, damage):
    monkeypatch.setattr(stored, "GROUPS_PER_PART", 2)
    growing = Growing.lamost(archive, tmp_path, stages=("spectra",), shards={"objects": 2})
    growing.rows([3, 4, 5, 6, 7])
    growing.run()
    growing.rows([0, 3, 4, 5, 6, 7])
    growing.run()
    damage(Path(table_path(growing.job.output, "object", 1)))
    with pytest.raises(DamagedFileError, match="objects-00001.parquet is damaged .*survey-batch run writes it again"):
        read_plan_part(growing.job.output, ["object_id"])
    plan = growing.rows([1, 0, 3, 4, 5, 6, 7])
    assert plan.objects["object_id"].to_pylist() == ["1003", "1004", "1005", "1006", "1007", "1000", "1001"]
    found = verify(growing.job)
    assert [fault.file for fault in found.faults] == ["plan/objects-00001.parquet"]
    growing.run()
    assert verify(growing.job, deep=True).ok
