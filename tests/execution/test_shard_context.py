"""What a shard is made from, and which of its rows are left to do."""

import numpy as np
import pytest

from survey_batch.core.status import Status
from survey_batch.execution.shard_context import Passed, ShardContext
from survey_batch.monitor.record import Record
from survey_batch.planning.plan import make_plan
from survey_batch.stages import Block, make_stage
from survey_batch.store.products import create_product, open_group
from tests.jobs import lamost_job
from tests.lamost_files import make_archive


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return make_archive(tmp_path_factory.mktemp("archive"), 12)


@pytest.fixture
def make(keys, tmp_path):
    """A stored plan with the products named, in which no row is done; and a job whose spectra are kept or not."""

    def made(*products, keep=True):
        job = lamost_job(keys, tmp_path / "out", spectra={"keep": keep}, spectral_features={"components": 0})
        plan = make_plan(job)
        plan.store()
        for name in products:
            schema = make_stage(job, name).schema(plan.size("object"))
            create_product(job.output, schema, {"provenance": {}})
        return job, plan.shards("object")

    return made


def put(job, product, shard, *statuses):
    """Write the first statuses of a shard; the others are `ok`."""
    status = np.full(len(shard), Status.OK, np.uint8)
    status[: len(statuses)] = statuses
    open_group(job.output, product)["status"][shard.rows] = status


def test_rows_are_those_of_the_plan_with_their_places_in_the_shard(make):
    job, shards = make()
    assert [len(shard) for shard in shards] == [8, 4]
    rows = ShardContext.of(job, "spectra", shards[1]).rows()
    assert rows["object_id"].tolist() == [str(1000 + number) for number in range(8, 12)]
    assert rows["index_in_shard"].tolist() == [0, 1, 2, 3]


def test_the_first_stage_has_the_catalogue_s_problems_and_another_the_statuses_before_it(make):
    job, (shard, _) = make("spectra", "features")
    first, second = (ShardContext.of(job, name, shard) for name in ("spectra", "features"))
    assert (first.first, second.first) == (True, False)
    rows = {"problem": np.array(["", "no key", *[""] * 6], object)}
    assert first.inherited(rows).tolist() == [Status.OK, Status.INVALID, *[Status.OK] * 6]
    put(job, "spectra", shard, Status.NOT_FOUND, Status.PARTIAL)
    assert second.inherited({}).tolist()[:3] == [Status.NOT_FOUND, Status.PARTIAL, Status.OK]


def test_the_status_of_a_stored_product_is_what_is_stored(make):
    job, (shard, other) = make("spectra")
    put(job, "spectra", shard, Status.FAILED)
    assert ShardContext.of(job, "spectra", shard).status().tolist() == [Status.FAILED, *[Status.OK] * 7]
    assert ShardContext.of(job, "spectra", other).status().tolist() == [Status.PENDING] * 4


def test_of_a_product_that_is_handed_on_the_rows_are_made_that_others_still_need(make):
    job, (shard, _) = make("features", keep=False)
    put(job, "features", shard, Status.OK, Status.PENDING, Status.UNREACHABLE, Status.NOT_FOUND)
    wanted = ShardContext.of(job, "spectra", shard, needed_by=["features"])
    assert np.flatnonzero(wanted.status() == Status.PENDING).tolist() == [1, 2]
    assert ShardContext.of(job, "spectra", shard).status().tolist() == [Status.OK] * 8


def test_what_is_handed_on_is_read_from_memory(make):
    job, (shard, _) = make("features", keep=False)
    flux, status = np.arange(8.0), np.full(8, Status.PARTIAL, np.uint8)
    data = dict.fromkeys(make_stage(job, "features").input_variables, flux)
    context = ShardContext.of(job, "features", shard, Passed(Block(data, status), Record("spectra", shard, {})))
    assert not context.first
    assert context.inputs()["flux"] is flux
    assert context.inherited({}) is status


def test_a_record_in_place_of_a_block_says_that_it_was_finished_before(make):
    job, (shard, _) = make("features", keep=False)
    context = ShardContext.of(job, "features", shard, Record("spectra", shard, {}))
    assert context.given is None
    assert context.first, "it must note the catalogue's problems, as no product before it did"


def test_inputs_are_read_from_the_product_before(make):
    job, (shard, _) = make("spectra", "features")
    inputs = ShardContext.of(job, "features", shard).inputs()
    assert set(inputs) == set(make_stage(job, "features").input_variables)
    assert {len(values) for values in inputs.values()} == {8}


def test_a_row_without_a_spectrum_in_the_survey_s_list_is_outside(keys, tmp_path):
    """A list of positions, matched with the release's; a row's status is known before anything is fetched."""
    lines = ["name,ra,dec", "here,10,1", "away,50,1", "nowhere,,"]
    (tmp_path / "mine.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "release.csv").write_text("obsid,ra,dec,filename\n1000,10,1,spec-1-A_sp01-001.fits\n")
    match = {"path": str(tmp_path / "release.csv")}
    catalog = {"path": str(tmp_path / "mine.csv"), "id": "name", "match": match}
    job = lamost_job({**keys, "catalog": catalog}, tmp_path / "out")
    plan = make_plan(job)
    plan.store()
    (shard,) = plan.shards("object")
    context = ShardContext.of(job, "spectra", shard)
    status = dict(zip(plan.objects["object_id"].to_pylist(), context.inherited(context.rows()), strict=True))
    assert status == {"here": Status.OK, "away": Status.OUTSIDE, "nowhere": Status.INVALID}
