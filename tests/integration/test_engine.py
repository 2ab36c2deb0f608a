"""Runs on a real LocalCluster: poison, errors, resume, and what is written beside the products."""

import asyncio
import json
import os
import signal
from contextlib import contextmanager

import numpy as np
import pyarrow.parquet as pq
import pytest
import xarray as xr
from distributed import WorkerPlugin

import survey_batch as sb
from survey_batch.cluster import connect
from survey_batch.cluster.base import Connection, Size
from survey_batch.config.job import ClusterSection
from survey_batch.core.status import Status
from survey_batch.execution import engine, shard_task
from survey_batch.execution.runner import run
from survey_batch.preflight.phases import make_groups
from survey_batch.stages import make_stages, spectra
from survey_batch.store.products import open_group, read_status, write_shard
from tests.compare import assert_equal_products
from tests.jobs import lamost_job
from tests.lamost_files import make_archive

OBJECTS, SHARD = 40, 8


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return make_archive(tmp_path_factory.mktemp("archive"), OBJECTS)


@pytest.fixture(scope="module")
def client(cluster):
    return cluster


@contextmanager
def one_worker(threads=1):
    with connect(ClusterSection(workers=1, threads=threads, memory="2 GB")) as connection:
        yield connection.client


class Trap(WorkerPlugin):
    """Does something terrible when the spectrum of one of some fibres is read."""

    name = "trap"

    def __init__(self, paths, how):
        self.paths, self.how = paths, how

    def setup(self, worker):
        self.original = read = spectra.read_file

        def trapped(archive, reader, file):
            if any(row["filename"] in self.paths for row in file.rows):
                if self.how == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                raise RuntimeError("a defect of ours")
            return read(archive, reader, file)

        spectra.read_file = trapped

    def teardown(self, worker):
        spectra.read_file = self.original


@pytest.fixture
def trap(client):
    def set_trap(how, path="spec-55000-TEST_sp01-013.fits"):
        client.register_plugin(Trap([path], how))

    yield set_trap
    client.unregister_worker_plugin("trap")


def test_a_job_ends_with_every_object_ok_and_its_accounts(archive, client, tmp_path):
    summary = run(lamost_job(archive, tmp_path / "out"), client=client)
    assert summary.counts == {"ok": OBJECTS}
    account = json.loads((tmp_path / "out" / "run.json").read_text())
    assert account["objects"] == OBJECTS
    assert account["runs"][0]["stages"]["spectra"]["rows_done"] == OBJECTS
    assert "numpy" in account["versions"]
    (log,) = (tmp_path / "out" / "log").iterdir()
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert events.count("shard") == 2 * OBJECTS // SHARD
    assert (events[0], events[-1]) == ("started", "ended")


def test_a_finished_job_runs_again_without_work(archive, client, tmp_path):
    job = lamost_job(archive, tmp_path / "out")
    run(job, client=client)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("c/*")}
    again = run(job, client=client)
    assert not again.worked
    assert again.counts == {"ok": OBJECTS}
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("c/*")}


@pytest.mark.slow
def test_a_shard_that_kills_its_worker_three_times_is_set_aside_and_the_run_goes_on(archive, client, tmp_path, trap):
    trap("kill")
    summary = run(lamost_job(archive, tmp_path / "out"), client=client)
    assert summary.counts == {"ok": OBJECTS - SHARD, "failed": SHARD}
    problems = pq.read_table(tmp_path / "out" / "problems.parquet").to_pylist()
    assert {note["status"] for note in problems} == {"failed"}
    assert len(problems) == SHARD
    assert "its worker died 3 times" in problems[0]["message"]
    ds = xr.open_zarr(tmp_path / "out" / "spectra.zarr")
    assert np.isnan(ds.flux[ds.status.values == Status.FAILED]).all()
    assert (ds.object_id != "").all()


@pytest.mark.slow
def test_a_shard_that_kills_the_only_worker_does_not_take_others_with_it(archive, tmp_path):
    with one_worker(threads=3) as client:
        client.register_plugin(Trap(["spec-55000-TEST_sp01-003.fits"], "kill"))
        shards = {"objects": 2}
        summary = run(lamost_job(archive, tmp_path / "out", ("spectra",), shards=shards), client=client)
    assert summary.counts == {"ok": OBJECTS - 2, "failed": 2}


class Stumble(WorkerPlugin):
    """Ends a worker that begins to sum up a part, once for each part."""

    name = "stumble"

    def __init__(self, folder):
        self.folder = folder

    def setup(self, worker):
        from survey_batch.stages.spectral_features import SpectralFeaturesStage

        summed = SpectralFeaturesStage.fit_part

        def stumbling(stage, shards, *given):
            marker = self.folder / str(shards[0].index)
            if not marker.exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return summed(stage, shards, *given)

        SpectralFeaturesStage.fit_part = stumbling


@pytest.mark.slow
def test_what_is_learnt_survives_any_number_of_workers_if_each_part_kills_few(archive, client, tmp_path, monkeypatch):
    monkeypatch.setattr("survey_batch.stages.base.FIT_SHARDS", 2)
    keys = {"spectral_features": {"components": 2}, "spectra": {"wavelength_min": 4000, "wavelength_max": 4200}}
    run(lamost_job(archive, tmp_path / "calm", **keys), client=client)
    parts = tmp_path / "parts"
    parts.mkdir()
    with one_worker() as disturbed:
        disturbed.register_plugin(Stumble(parts))
        assert run(lamost_job(archive, tmp_path / "out", **keys), client=disturbed).counts == {"ok": OBJECTS}
    assert len(list(parts.iterdir())) == 3, "as many deaths as one part may have"
    assert_equal_products(tmp_path / "calm", tmp_path / "out", "features")


class NoRoom(WorkerPlugin):
    """A worker that puts no spectrum on the grid, and cannot write to the output."""

    name = "no room"

    def setup(self, worker):
        def fail(*_):
            raise OSError("No space left on device")

        def grid(*_):
            raise RuntimeError("a defect of ours")

        shard_task.set_aside, spectra.to_grid = fail, grid


def test_a_shard_that_cannot_even_be_set_aside_ends_the_run_with_both_reasons(archive, tmp_path):
    with one_worker() as client:
        client.register_plugin(NoRoom())
        with pytest.raises(
            sb.SurveyBatchError, match="a defect of ours; it could not be set aside either.*No space left"
        ):
            run(lamost_job(archive, tmp_path / "out", ("spectra",)), client=client)


def test_a_cluster_that_gives_up_while_records_are_fetched_ends_the_run(archive, client, tmp_path, monkeypatch):
    def give_up():
        raise sb.SurveyBatchError("no worker for 600 s")

    connection = Connection(client, "", lambda: Size(1, 1), give_up)
    (group,) = make_groups(make_stages(lamost_job(archive, tmp_path / "out", ("spectra",))))
    monkeypatch.setattr(client, "gather", lambda *_, **__: asyncio.sleep(60))
    with pytest.raises(sb.SurveyBatchError, match="no worker for 600 s"):
        engine.Engine(connection, None, group, print)._gather({(0, 0): None})


def test_a_cluster_that_grows_gets_more_work(archive, client, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "SIZE_SECONDS", -1)
    sizes = iter([Size(1, 1), Size(50, 50), Size(50, 50, gpu=True)])
    connection = Connection(client, "", lambda: next(sizes))
    (group,) = make_groups(make_stages(lamost_job(archive, tmp_path / "out", ("spectra",))))
    running = engine.Engine(connection, None, group, print)
    windows = []
    for _ in range(3):
        running._look()
        windows.append(running.window)
    assert windows == [4, 102, 52]


def test_a_defect_of_ours_sets_its_shard_aside_and_a_later_run_mends_it(archive, client, tmp_path, trap):
    trap("raise")
    job = lamost_job(archive, tmp_path / "out")
    assert run(job, client=client).counts == {"ok": OBJECTS - SHARD, "failed": SHARD}
    problems = pq.read_table(tmp_path / "out" / "problems.parquet").to_pylist()
    assert "RuntimeError: a defect of ours" in problems[0]["message"]
    client.unregister_worker_plugin("trap")
    try:
        assert run(job, client=client).counts == {"ok": OBJECTS}
        assert pq.read_table(tmp_path / "out" / "problems.parquet").num_rows == 0
        undisturbed = lamost_job(archive, tmp_path / "undisturbed", stages=("spectra",))
        run(undisturbed, client=client)
        assert_equal_products(tmp_path / "out", tmp_path / "undisturbed", "spectra")
    finally:
        client.register_plugin(Trap([], "raise"))


def test_only_unfinished_rows_of_a_shard_are_done_again(archive, client, tmp_path):
    job = lamost_job(archive, tmp_path / "out", stages=("spectra",))
    run(job, client=client)
    from survey_batch.store.products import read_rows
    from survey_batch.store.schema import Shard

    shard = Shard("object", 1, SHARD, 2 * SHARD)
    names = ["object_id", "ra", "dec", "label", "split", "flux", "ivar", "mask", "redshift", "snr"]
    data = read_rows(job.output, "spectra", shard.rows, names)
    status = read_status(job.output, "spectra", shard.rows).copy()
    status[2], data["flux"][2], data["flux"][3] = Status.UNREACHABLE, np.nan, 7.0
    write_shard(job.output, "spectra", shard, data, status)
    summary = run(job, client=client)
    assert summary.stages["spectra"]["rows_done"] == 1
    flux = xr.open_zarr(tmp_path / "out" / "spectra.zarr").flux
    assert np.isfinite(flux[SHARD + 2]).all()
    assert (flux[SHARD + 3] == 7.0).all()


def test_a_changed_job_is_refused_with_the_differences(archive, client, tmp_path):
    run(lamost_job(archive, tmp_path / "out"), client=client)
    changed = lamost_job(archive, tmp_path / "out", spectral_features={"blocks": 6, "components": 3})
    with pytest.raises(sb.PlanMismatchError, match=r"spectral_features.blocks: was 5, now 6"):
        run(changed, client=client)


def test_a_harmless_change_goes_on(archive, client, tmp_path):
    run(lamost_job(archive, tmp_path / "out"), client=client)
    harmless = {**archive["archive"], "connections": 2, "attempts": 9}
    job = lamost_job({**archive, "archive": harmless}, tmp_path / "out", cluster={"workers": 7})
    assert not run(job, client=client).worked


def test_a_stage_can_be_added_later(archive, client, tmp_path):
    run(lamost_job(archive, tmp_path / "out", stages=("spectra",)), client=client)
    summary = run(lamost_job(archive, tmp_path / "out"), client=client)
    assert "rows_done" not in summary.stages["spectra"]
    assert summary.stages["features"]["counts"] == {"ok": OBJECTS}


def test_unreadable_and_missing_files_keep_their_status_in_every_later_product(client, tmp_path):
    archive = make_archive(tmp_path / "archive", 20)
    (tmp_path / "archive" / "spec-55000-TEST_sp01-003.fits").unlink()
    (tmp_path / "archive" / "spec-55000-TEST_sp01-007.fits").write_text("<html>maintenance</html>")
    catalog = tmp_path / "archive" / "catalog.csv"
    catalog.write_text(catalog.read_text().replace("|10.11|", "|411.0|"))
    summary = run(lamost_job(archive, tmp_path / "out"), client=client)
    assert summary.counts == {"ok": 17, "not_found": 1, "unreadable": 1, "invalid": 1}
    spectra, features = (xr.open_zarr(tmp_path / "out" / f"{name}.zarr") for name in ("spectra", "features"))
    assert (spectra.status.values == features.status.values).all()
    assert (spectra.object_id.values == features.object_id.values).all()
    assert np.isnan(features.value[features.status.values != Status.OK]).all()
    problems = {note["object_id"]: note for note in pq.read_table(tmp_path / "out" / "problems.parquet").to_pylist()}
    assert {note["status"] for note in problems.values()} == {"not_found", "unreadable", "invalid"}
    assert problems["1002"]["source"].endswith("spec-55000-TEST_sp01-003.fits")


def test_shards_that_are_done_are_not_sent_to_the_cluster_again(archive, client, tmp_path):
    job = lamost_job(archive, tmp_path / "out", stages=("spectra",))
    run(job, client=client)
    status = open_group(job.output, "spectra")["status"]
    status[SHARD : SHARD + 1] = np.array([Status.UNREACHABLE], np.uint8)
    run(job, client=client)
    (_, second) = sorted((tmp_path / "out" / "log").iterdir())
    events = [json.loads(line) for line in second.read_text().splitlines()]
    assert [event["record"]["shard"] for event in events if event["event"] == "shard"] == [1]
