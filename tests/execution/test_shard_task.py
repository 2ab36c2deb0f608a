"""One shard on a worker, without any cluster."""

import traceback

import numpy as np
import pytest
import xarray as xr

from survey_batch.config.job import Job
from survey_batch.core.status import Status
from survey_batch.execution.shard_task import run_shard, set_aside
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.provenance import provenance_of
from survey_batch.stages import make_stage
from survey_batch.store.products import create_product, read_status
from survey_batch.surveys.lamost.reader import LamostSpectra
from tests.jobs import lamost_job
from tests.lamost_files import make_archive


def prepare(job: Job, *stages: str):
    plan = make_plan(job)
    plan.store()
    for name in stages:
        stage = make_stage(job, name)
        fitted = stage.fit(plan.shards("object")) if stage.requires_fit else None
        create_product(
            job.output, stage.schema(plan.size("object"), fitted), {"provenance": provenance_of(plan, stage)}
        )
        if name != stages[-1]:
            for shard in plan.shards("object"):
                run_shard(job, name, shard)
    return plan


@pytest.fixture
def job(tmp_path):
    return lamost_job(make_archive(tmp_path / "archive", 12), tmp_path / "out")


def test_a_shard_s_record_says_what_was_done(job):
    plan = prepare(job, "spectra")
    record = run_shard(job, "spectra", plan.shards("object")[1])
    assert record.counts == {"ok": 4}
    assert record.rows_done == 4
    assert record.nbytes > 4 * 3909 * 12


def test_a_record_carries_the_tracebacks_of_readers_once_each(job, monkeypatch):
    plan = prepare(job, "spectra")
    monkeypatch.setattr(LamostSpectra, "read", lambda *_: {}["FLUX"])
    record = run_shard(job, "spectra", plan.shards("object")[1])
    assert record.counts == {"failed": 4}
    assert [text.rstrip().rpartition("\n")[2] for text in record.tracebacks] == ["KeyError: 'FLUX'"]


def test_an_error_from_very_deep_leaves_with_a_traceback_that_can_be_sent(job, monkeypatch):
    def deep(calls):
        return deep(calls - 1) if calls else [][0]

    plan = prepare(job, "spectra")
    monkeypatch.setattr("survey_batch.stages.spectra.SpectraStage.compute", lambda *_: deep(600))
    with pytest.raises(IndexError) as found:
        run_shard(job, "spectra", plan.shards("object")[0])
    assert len(traceback.extract_tb(found.tb)) < 100


def test_a_committed_shard_is_left_alone(job):
    plan = prepare(job, "spectra")
    run_shard(job, "spectra", plan.shards("object")[0])
    again = run_shard(job, "spectra", plan.shards("object")[0])
    assert (again.counts, again.rows_done) == ({"ok": 8}, 0)


def test_a_shard_that_is_set_aside_keeps_its_ids_and_is_failed(job):
    plan = prepare(job, "spectra")
    record = set_aside(job, "spectra", plan.shards("object")[0], "it killed its worker")
    assert record.counts == {"failed": 8}
    ds = xr.open_zarr(f"{job.output}/spectra.zarr")
    assert ds.object_id.values[:8].tolist() == [str(1000 + number) for number in range(8)]
    assert ds.status.values[8:].tolist() == [Status.PENDING] * 4


def test_what_made_a_shard_fail_is_not_tried_when_it_is_set_aside(job, monkeypatch):
    plan = prepare(job, "spectra", "features")

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr("survey_batch.stages.spectral_features.SpectralFeaturesStage.prepare", fail)
    monkeypatch.setattr("survey_batch.execution.shard_task.read_rows", fail)
    shard = plan.shards("object")[0]
    with pytest.raises(MemoryError):
        run_shard(job, "features", shard)
    assert set_aside(job, "features", shard, "too little memory").counts == {"failed": 8}


def test_a_stage_passes_on_what_it_could_not_use(job):
    plan = prepare(job, "spectra", "features")
    shard = plan.shards("object")[0]
    status = read_status(job.output, "spectra", shard.rows)
    status[1], status[2] = Status.UNREADABLE, Status.PARTIAL
    from survey_batch.store.products import open_group

    open_group(job.output, "spectra")["status"][shard.rows] = status
    run_shard(job, "features", shard)
    ds = xr.open_zarr(f"{job.output}/features.zarr")
    assert ds.status.values[:4].tolist() == [Status.OK, Status.UNREADABLE, Status.PARTIAL, Status.OK]
    assert np.isnan(ds.value[1]).all()
    assert np.isfinite(ds.value[2]).any()


@pytest.mark.bits
def test_one_object_alone_has_the_features_it_has_in_a_shard(job, tmp_path):
    plan = prepare(job, "spectra", "features")
    for shard in plan.shards("object"):
        run_shard(job, "features", shard)
    whole = xr.open_zarr(f"{job.output}/features.zarr")
    stage = make_stage(job, "features")
    spectra = xr.open_zarr(f"{job.output}/spectra.zarr").isel(object=[5])
    inputs = {name: spectra[name].values for name in stage.input_variables}
    alone = stage.compute({"ra": spectra.ra.values}, inputs)
    np.testing.assert_array_equal(alone.data["value"][0], whole.value[5])
