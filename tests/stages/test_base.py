"""What all stages share: blocks, shapes of products, and the parts in which a stage learns."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.core.status import Status
from survey_batch.stages import make_stage
from survey_batch.stages.base import FIT_SHARDS, fit_groups, take
from survey_batch.store.schema import cut_into_shards
from tests.jobs import lamost_job, sdss_job

UNUSED = {"catalog": {"path": "unused"}, "archive": {"survey": "lamost", "root": "unused"}}


@given(st.integers(1, 200))
def test_each_shard_is_learnt_from_once_and_the_division_does_not_depend_on_how_many_follow(count):
    shards = cut_into_shards("object", count, 1)
    groups = fit_groups(shards)
    assert [shard for group in groups for shard in group] == shards
    assert max(map(len, groups)) <= FIT_SHARDS
    longer = fit_groups(cut_into_shards("object", count + 50, 1))
    assert longer[: len(groups) - 1] == groups[:-1]


def test_an_empty_block_holds_nothing_and_is_ok():
    stage = make_stage(lamost_job(UNUSED, "out", ["spectra"]), "spectra")
    block = stage.empty_block(3)
    assert block.status.tolist() == [Status.OK] * 3
    assert block.problems == []
    for values in block.data.values():
        assert len(values) == 3
        assert np.isnan(values).all() if values.dtype.kind == "f" else not values.any()


def test_a_row_that_fails_has_its_reason_and_the_others_stay():
    block = make_stage(lamost_job(UNUSED, "out", ["spectra"]), "spectra").empty_block(3)
    block.fail(1, Status.UNREADABLE, "cut short", "a.fits")
    assert block.status.tolist() == [Status.OK, Status.UNREADABLE, Status.OK]
    (problem,) = block.problems
    assert (problem.row, problem.status, problem.message) == (1, Status.UNREADABLE, "cut short")


def test_a_frame_fails_band_by_band():
    block = make_stage(sdss_job("c", "a", "out"), "frames").empty_block(2)
    block.fail_band(1, 3, Status.NOT_FOUND, "no such file", "a.fits")
    assert block.status.shape == (2, 5)
    assert np.argwhere(block.status != Status.OK).tolist() == [[1, 3]]


def test_the_shape_of_a_product_follows_from_its_rows_and_shards():
    job = sdss_job("c", "a", "out", cutouts={"size": 24})
    cutouts, frames = (make_stage(job, name).schema(100) for name in ("cutouts", "frames"))
    assert (cutouts.sizes["object"], cutouts.shard_rows) == (100, 64)
    assert [variable.name for variable in cutouts.variables[:5]] == ["object_id", "ra", "dec", "label", "split"]
    assert (frames.sizes["frame"], frames.shard_rows) == (100, 1)
    assert "object_id" not in {variable.name for variable in frames.variables}
    assert frames.status.dims == ("frame", "band")


def test_a_stage_depends_on_the_columns_of_those_it_works_on():
    job = lamost_job(UNUSED, "out", ["spectra", "features"])
    spectra, features = (make_stage(job, name) for name in ("spectra", "features"))
    assert features.upstream == "spectra"
    assert set(spectra.columns_read()) <= set(features.columns_read())
    assert features.other("spectra").settings() == spectra.settings()


def test_rows_are_taken_of_every_column():
    rows = {"a": np.arange(4), "b": np.array(list("wxyz"), object)}
    assert {name: values.tolist() for name, values in take(rows, slice(1, 3)).items()} == {"a": [1, 2], "b": ["x", "y"]}
    assert take(rows, rows["a"] % 2 == 0)["b"].tolist() == ["w", "y"]
