from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.catalog import Catalog
from survey_batch.config.job import Job
from survey_batch.core.errors import PlanMismatchError
from survey_batch.planning import plan as planning
from survey_batch.planning import stored
from survey_batch.planning.hashing import hash_of
from survey_batch.planning.plan import Plan, make_plan, plan_catalog
from survey_batch.planning.stored import planned_rows, read_plan_part, read_rows_of, table_path
from survey_batch.preflight.provenance import check_product
from survey_batch.stages import make_stage
from survey_batch.store.products import create_product
from survey_batch.store.small_files import DamagedFileError
from survey_batch.surveys.sdss.files import FieldKey
from tests.jobs import lamost_job, sdss_job
from tests.lamost_files import make_archive


def catalog(rows):
    """A catalogue of (field, problem) rows."""
    count = len(rows)
    columns = {
        "row": np.arange(count),
        "object_id": [f"id-{row}" for row in range(count)],
        "ra": np.linspace(10, 11, count),
        "dec": np.zeros(count),
        "label": [""] * count,
        "split": [""] * count,
        "redshift": np.full(count, np.nan, np.float32),
        "snr": np.full(count, np.nan, np.float32),
        "problem": [problem for _, problem in rows],
        **{name: np.full(count, value, np.int32) for name, value in (("rerun", 301), ("run", 94), ("camcol", 1))},
        "field": np.array([field for field, _ in rows], np.int32),
    }
    return Catalog(pa.table(columns), ())


def plan_of(rows, output="unused", **tables):
    return plan_catalog(sdss_job("unused", "unused", output, **tables), catalog(rows))


ROWS = st.lists(st.tuples(st.integers(1, 20), st.sampled_from(["", "", "", "no frame key"])), min_size=1, max_size=60)


@given(ROWS)
def test_every_row_of_the_catalogue_has_one_place_in_the_plan(rows):
    plan = plan_of(rows)
    assert sorted(plan.objects["row"].to_pylist()) == list(range(len(rows)))
    assert plan.invalid == sum(problem != "" for _, problem in rows)


@given(ROWS)
def test_usable_objects_come_by_field_and_unusable_ones_last(rows):
    plan = plan_of(rows)
    order = [
        (problem != "", field)
        for problem, field in zip(plan.objects["problem"].to_pylist(), plan.objects["field"].to_pylist(), strict=True)
    ]
    assert order == sorted(order)


@given(ROWS)
def test_fields_are_those_of_usable_objects_once_each(rows):
    fields = plan_of(rows).fields["field"].to_pylist()
    assert fields == sorted({field for field, problem in rows if not problem})


@settings(max_examples=10)
@given(ROWS, st.integers(1, 30))
def test_a_worker_reads_just_its_shard_s_rows(tmp_path_factory, rows, objects):
    plan = plan_of(rows, output=str(tmp_path_factory.mktemp("out")), shards={"objects": objects})
    plan.store()
    read = [read_rows_of(plan.job.output, shard) for shard in plan.shards("object")]
    assert [object_id for part in read for object_id in part["object_id"]] == plan.objects["object_id"].to_pylist()
    assert all(len(part["ra"]) == len(shard) for part, shard in zip(read, plan.shards("object"), strict=True))


def test_a_shard_s_rows_cost_one_request_of_an_object_store(monkeypatch):
    output = "memory://a-plan"
    plan = plan_of([(field, "") for field in range(10)], output=output, shards={"objects": 4})
    plan.store()
    read_rows_of(output, plan.shards("object")[0])
    asked, plain = [], MemoryFileSystem.cat_file

    def cat_file(self, path, start=None, end=None, **named):
        asked.append((start, end))
        return plain(self, path, start, end, **named)

    monkeypatch.setattr(MemoryFileSystem, "cat_file", cat_file)
    monkeypatch.setattr(MemoryFileSystem, "open", lambda *_, **__: pytest.fail("opened"))
    for shard in plan.shards("object"):
        assert len(read_rows_of(output, shard)["ra"]) == len(shard)
    assert len(asked) == 3
    assert asked[0][1] == asked[1][0]  # nothing is read twice


@pytest.mark.parametrize("place", ["folder", "memory://plan-anew"])
def test_a_plan_that_is_stored_anew_is_read_anew(tmp_path, place):
    output = place if "://" in place else str(tmp_path)
    for number in (3, 5, 4):
        plan = plan_of([(field, "") for field in range(number)], output=output, shards={"objects": 2})
        plan.store()
        read = [name for shard in plan.shards("object") for name in read_rows_of(output, shard)["object_id"]]
        assert read == plan.objects["object_id"].to_pylist()


def test_a_process_that_nobody_told_of_another_plan_finds_out():
    output = "memory://plan-untold"
    plans = [plan_of([(f, "") for f in range(number)], output=output, shards={"objects": 50}) for number in (200, 60)]
    plans[0].store()
    shard = plans[1].shards("object")[1]
    assert len(read_rows_of(output, plans[0].shards("object")[1])["ra"]) == 50
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored, "forget_plan", lambda: None)
        plans[1].store()
    with pytest.raises(DamagedFileError):
        read_rows_of(output, shard)
    assert len(read_rows_of(output, shard)["ra"]) == 10


def in_chunks(table, cuts):
    """The same rows in chunks that are slices of larger arrays."""
    edges = [0, *sorted(cut % (table.num_rows + 1) for cut in cuts), table.num_rows]
    return pa.concat_tables([table.slice(first, last - first) for first, last in pairwise(edges)])


CUTS = st.lists(st.integers(0, 60), max_size=4)


@given(ROWS, CUTS, st.integers(1, 60), st.integers(1, 60))
def test_the_order_does_not_depend_on_chunks_nor_on_the_rows_moved_at_a_time(rows, cuts, at_a_time, sorted_at_once):
    whole = replace(catalog(rows), table=catalog(rows).table.drop_columns(["redshift", "snr"]))  # NaN is not NaN
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "SLICE_ROWS", at_a_time)
        patch.setattr(planning, "BUCKET_ROWS", sorted_at_once)
        plan = plan_catalog(sdss_job("unused", "unused", "unused"), replace(whole, table=in_chunks(whole.table, cuts)))
    key = {row: (problem != "", field, row) for row, (field, problem) in enumerate(rows)}
    expected = whole.table.take(sorted(key, key=key.get))
    assert plan.objects.equals(expected)
    assert plan.objects.schema.equals(expected.schema)


@settings(max_examples=10)
@given(st.integers(1, 40), st.integers(1, 7))
def test_a_worker_reads_just_its_field(tmp_path_factory, fields, in_a_group):
    plan = plan_of([(field, "") for field in range(fields)], output=str(tmp_path_factory.mktemp("out")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored, "FIELDS_PER_GROUP", in_a_group)
        plan.store()
        read = [read_rows_of(plan.job.output, shard)["field"].tolist() for shard in plan.shards("frame")]
    assert read == [[field] for field in range(fields)]


def test_each_shard_of_objects_is_a_row_group(tmp_path):
    plan = plan_of([(field, "") for field in range(10)], output=str(tmp_path), shards={"objects": 4})
    plan.store()
    stored = pq.ParquetFile(tmp_path / "plan" / "objects.parquet")
    assert [stored.metadata.row_group(group).num_rows for group in range(stored.num_row_groups)] == [4, 4, 2]


def test_the_catalogue_s_hash_tells_any_change():
    def of(rows):
        plan = plan_of(rows)
        return hash_of(plan.objects.select(plan.columns_behind("object")))

    assert len({of(rows) for rows in ([(1, ""), (2, "")], [(1, ""), (3, "")], [(1, ""), (2, "bad")])}) == 3
    assert of([(1, ""), (2, "")]) == of([(1, ""), (2, "")])


def test_a_product_depends_on_no_label_and_on_a_redshift_only_if_it_is_read():
    plan = plan_of([(1, ""), (2, "")])
    assert not {"label", "split", "row", "redshift", "snr"} & {*plan.columns_behind("object")}
    assert {"object_id", "ra", "dec", "problem", *FieldKey._fields} <= {*plan.columns_behind("object")}
    assert "redshift" in plan.columns_behind("object", ("redshift",))


VALUES = st.tuples(st.none() | st.text(max_size=5), st.none() | st.integers(-5, 5), st.floats(), st.booleans())


@given(st.lists(VALUES, min_size=1, max_size=30), CUTS)
def test_the_catalogue_s_hash_does_not_depend_on_how_it_lies_in_memory(rows, cuts):
    kinds = {"text": pa.string(), "whole": pa.int64(), "real": pa.float64(), "flag": pa.bool_()}
    columns = dict(zip(kinds, zip(*rows, strict=True), strict=True))
    table = pa.table({name: pa.array(values, kinds[name]) for name, values in columns.items()})
    around = pa.concat_tables([table, table, table]).combine_chunks().slice(len(rows), len(rows))
    assert hash_of(in_chunks(around, cuts)) == hash_of(table)


def test_texts_that_join_to_the_same_and_gaps_have_hashes_of_their_own():
    columns = [["ab", "c"], ["a", "bc"], ["abc", ""], ["abc", None], [None, "abc"], ["c", "ab"]]
    assert len({hash_of(pa.table({"text": pa.array(column)})) for column in columns}) == len(columns)
    numbers = [[0, 1], [1, 0], [None, 1], [1, None], [0]]
    assert len({hash_of(pa.table({"whole": pa.array(column, pa.int32())})) for column in numbers}) == len(numbers)


def test_a_product_of_another_plan_is_refused_with_each_difference(tmp_path):
    stage = make_stage(sdss_job("unused", "unused", tmp_path), "cutouts")
    catalog = {"catalog.columns": ["object_id"], "catalog": "a"}
    create_product(str(tmp_path), stage.schema(3), {"provenance": {"cutouts.size": 64, **catalog}})
    assert check_product(str(tmp_path), "cutouts", {"cutouts.size": 64, **catalog})
    with pytest.raises(PlanMismatchError, match=r"(?s)cutouts.size: was 64, now 32.*catalog: different rows"):
        check_product(str(tmp_path), "cutouts", {"cutouts.size": 32, **catalog, "catalog": "b"})


def test_a_product_of_an_earlier_version_is_called_just_that(tmp_path):
    stage = make_stage(sdss_job("unused", "unused", tmp_path), "cutouts")
    create_product(str(tmp_path), stage.schema(3), {"provenance": {"cutouts.size": 64, "catalog": "a"}})
    with pytest.raises(PlanMismatchError, match=r"cutouts\.zarr in .* was made by an earlier version of survey_batch"):
        check_product(str(tmp_path), "cutouts", {"cutouts.size": 64, "catalog.columns": [], "catalog": "a"})


def test_a_product_that_lacks_a_variable_of_this_version_is_of_an_earlier_one(tmp_path):
    stage = make_stage(sdss_job("unused", "unused", tmp_path), "cutouts")
    settings = {"cutouts.size": 64, "catalog.columns": [], "catalog": "a"}
    create_product(str(tmp_path), stage.schema(3), {"provenance": {**settings, "variables": ["flux"]}})
    now = {**settings, "variables": ["flux", "mjd_tai"]}
    with pytest.raises(PlanMismatchError, match=r"cutouts\.zarr .* by an earlier version .*\(it has no mjd_tai\)"):
        check_product(str(tmp_path), "cutouts", now)
    with pytest.raises(PlanMismatchError, match=r"made by another job:\n  cutouts.size: was 64, now 32\n  variables: "):
        check_product(str(tmp_path), "cutouts", {**now, "cutouts.size": 32})


def test_the_real_catalogue_is_planned_without_the_archive(real_data, tmp_path):
    plan = make_plan(sdss_job(real_data / "sdss" / "sources.csv", tmp_path / "not-there", tmp_path / "out"))
    assert (plan.size("object"), plan.size("frame"), plan.invalid) == (878, 5, 0)
    assert not (tmp_path / "out").exists()


def test_settings_that_nothing_reads_for_one_reason_share_a_note(tmp_path):
    make_archive(tmp_path / "archive", 2)
    slurm = {"processes": 2, "walltime": "1:00:00", "partition": "standard", "account": "mine"}
    archive = {"survey": "lamost", "root": str(tmp_path / "archive")}
    keys = {"catalog": {"path": str(tmp_path / "archive" / "catalog.csv")}, "archive": archive}
    plan = make_plan(lamost_job(keys, tmp_path / "out", ("spectra",), cluster=slurm))
    end = 'and that is "local"; set it, or leave this out'
    assert [note for note in plan.notes if note.startswith("cluster.")] == [
        f'cluster.processes: nothing reads it: it is for cluster.kind = "slurm" or "srun", {end}',
        "cluster.walltime, cluster.partition, cluster.account: nothing reads them: they are for cluster.kind = "
        f'"slurm", {end}',
    ]


def test_what_is_done_after_the_catalogue_is_read_is_said(tmp_path, caplog):
    rows = ["obsid,filename,ra,dec,kind", *(f"{row},{row}.fits,{row},0,{'AF'[row % 2]}" for row in range(8))]
    (tmp_path / "list.csv").write_text("\n".join(rows))
    catalog = {"path": str(tmp_path / "list.csv"), "label": "kind", "split": {}, "duplicates": {"by": ["id"]}}
    catalog["sample"] = {"total": 6}
    caplog.set_level("INFO", "survey_batch.core.steps")
    make_plan(lamost_job({"catalog": catalog, "archive": {"survey": "lamost", "root": "-"}}, tmp_path))
    said = [record.message for record in caplog.records if "event" in vars(record)]
    assert [text.partition(str(tmp_path))[0].strip() for text in said] == [
        "reading the catalogue",
        "leaving out duplicates",
        "drawing the sample",
        "splitting the objects into training and test",
        "laying out the work",
    ]


def test_a_stored_plan_is_told_from_another_one_and_from_one_that_is_damaged(tmp_path):
    job = Job.model_validate(
        {
            "name": "test",
            "output": str(tmp_path),
            "stages": ["spectra"],
            "catalog": {"path": "unused.csv"},
            "archive": {"survey": "lamost", "root": "/archive"},
        }
    )
    objects = pa.table({"object_id": ["a", "b"], "snr": [np.nan, 2.0], "problem": ["", ""]})
    plan = Plan(job, objects, pa.table({}))
    assert len(plan.not_stored()) == 2
    plan.store()
    assert plan.not_stored() == []
    assert Plan(job, objects.slice(1), pa.table({})).not_stored() == [table_path(str(tmp_path), "object")]
    path = tmp_path / "plan" / "objects.parquet"
    whole = path.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    for byte in range(4, footer):
        path.write_bytes(whole[:byte] + bytes([whole[byte] ^ 1 << byte % 8]) + whole[byte + 1 :])
        with suppress(DamagedFileError):
            assert hash_of(read_plan_part(str(tmp_path), objects.column_names)) == hash_of(objects)
    path.write_bytes(b"")
    with pytest.raises(DamagedFileError, match=r"objects.parquet is damaged and cannot be read .*survey-batch run"):
        planned_rows(str(tmp_path))
    assert plan.not_stored() == [table_path(str(tmp_path), "object")]
