"""An output is read without being changed, at any moment of a run."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from survey_batch.core.status import Status
from survey_batch.report import reading
from survey_batch.report.reading import (
    jobs_of_products,
    planned_rows,
    problems_so_far,
    read_array,
    read_group,
    shard_rows,
    stored,
)
from survey_batch.store.products import open_group
from tests.planning.test_plan import plan_of
from tests.report.outputs import SHARD, make_spectra, problem_table, spectra_job


@pytest.fixture
def job(tmp_path):
    made = spectra_job(tmp_path)
    make_spectra(made, 12)
    return made


def test_a_product_is_read_whole_or_in_part_with_text_as_strings(job):
    group = read_group(job.output, "spectra")
    assert shard_rows(group) == SHARD
    assert read_array(group, "status").tolist() == [Status.OK] * 12
    names = read_array(group, "object_id", slice(2, 4))
    assert names.dtype == object
    assert names.tolist() == ["object-2", "object-3"]
    with pytest.raises(Exception, match="read-only"):
        stored(group, "status")[0:1] = np.zeros(1, np.uint8)


def test_a_product_that_is_not_there_or_not_yet_complete_is_none(job):
    assert read_group(job.output, "features") is None
    del open_group(job.output, "spectra").attrs["provenance"]
    assert read_group(job.output, "spectra") is None
    assert not list(jobs_of_products(job.output))


def test_each_product_holds_its_job(job, tmp_path):
    assert list(jobs_of_products(job.output)) == [job.model_dump(mode="json")]
    assert not list(jobs_of_products(str(tmp_path / "nowhere")))


def test_the_size_of_a_plan_is_known_as_soon_as_it_is_stored(tmp_path):
    assert planned_rows(str(tmp_path), "object") == 0
    plan_of([(1, ""), (2, ""), (2, "")], output=str(tmp_path)).store()
    assert planned_rows(str(tmp_path), "object") == 3
    assert planned_rows(str(tmp_path), "field") == planned_rows(str(tmp_path), "nothing") == 0


def write(path, *objects):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(problem_table(*((name, "spectra", "failed", "why") for name in objects)), path)


def test_problems_of_a_run_under_way_are_those_of_its_shards(tmp_path, monkeypatch):
    assert problems_so_far(str(tmp_path), ended=False)[1]
    write(tmp_path / "problems.parquet", "old")
    write(tmp_path / "problems" / "a.parquet", "x", "y")
    write(tmp_path / "problems" / "b.parquet", "z")
    found, current = problems_so_far(str(tmp_path), ended=False)
    assert (found["object_id"].to_pylist(), current) == (["x", "y", "z"], True)
    found, current = problems_so_far(str(tmp_path), ended=True)
    assert (found["object_id"].to_pylist(), current) == (["old"], True)
    monkeypatch.setattr(reading, "MAX_NOTES", 1)
    found, current = problems_so_far(str(tmp_path), ended=False)
    assert (found["object_id"].to_pylist(), current) == (["old"], False)
