import shutil
from collections import namedtuple
from dataclasses import replace

import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.downloads import REQUEST_SECONDS
from survey_batch.preflight.estimate import estimate, refuse_what_cannot_fit
from survey_batch.preflight.less_room import less_room
from survey_batch.stages.cutouts import CutoutsStage
from tests.jobs import lamost_job
from tests.lamost_files import make_archive
from tests.planning.test_plan import plan_of

ROWS = [(field, "") for field in range(10)] * 4 + [(1, "bad")]


def test_an_estimate_counts_objects_files_and_bytes():
    cost = estimate(plan_of(ROWS, shards={"objects": 16}))
    frames, cutouts = cost.stages
    assert (cost.objects, cost.invalid, cost.fields) == (41, 1, 10)
    assert (frames.files, frames.shards, cutouts.files, cutouts.shards) == (50, 10, 0, 3)
    assert frames.product_bytes > 50 * 1489 * 2048 * 4
    assert cutouts.product_bytes > 41 * 5 * 64 * 64 * 4


def test_without_frames_the_cutouts_fetch_the_files():
    (cutouts,) = estimate(plan_of(ROWS, frames={"keep": False})).stages
    assert (cutouts.stage, cutouts.files) == ("cutouts", 50)


def test_a_job_that_cannot_fit_in_memory_is_refused_with_what_to_change():
    plan = plan_of(ROWS * 100, shards={"objects": 4096}, cutouts={"size": 256}, cluster={"memory": "2 GB"})
    with pytest.raises(ConfigurationError, match=r"'cutouts' needs about .* lower shards.objects \(now 4096\)"):
        refuse_what_cannot_fit(plan, estimate(plan))


def test_a_worker_too_small_for_anything_is_not_advised_to_take_smaller_shards():
    plan = plan_of(ROWS, cluster={"memory": "200 MB"}, shards={"objects": 16})
    with pytest.raises(ConfigurationError, match=r"is 200 MB: 300.0 MB of that are needed before any data; raise clus"):
        refuse_what_cannot_fit(plan, estimate(plan))


def test_more_threads_need_more_memory():
    plan = plan_of(ROWS * 20, cluster={"memory": "1 GB", "threads": 16}, shards={"objects": 1024})
    with pytest.raises(ConfigurationError, match="cluster.threads"):
        refuse_what_cannot_fit(plan, estimate(plan))


def test_a_table_for_gpus_changes_nothing_of_the_other_workers():
    plain, with_gpu = (estimate(plan_of(ROWS, cluster={"gpu": gpu})) for gpu in (None, {"threads": 8}))
    assert with_gpu.workers == plain.workers
    assert with_gpu.worker_bytes == plain.worker_bytes


def test_threads_share_what_a_process_needs_beside_its_shards(monkeypatch):
    def estimated(threads):
        return estimate(plan_of(ROWS, frames={"keep": False}, cluster={"threads": threads})).worker_bytes

    before = [estimated(1), estimated(3)]
    cost_of = CutoutsStage.cost
    monkeypatch.setattr(CutoutsStage, "cost", lambda *args: replace(cost_of(*args), process_bytes=10**9))
    assert [estimated(1) - before[0], estimated(3) - before[1]] == [10**9, 10**9]


def test_a_job_that_cannot_fit_on_the_disk_is_refused(monkeypatch, tmp_path):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 9, 1_000_000))
    plan = plan_of(ROWS, output=str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"1\.0 MB free: .*cutouts\.size or frames\.keep = false"):
        refuse_what_cannot_fit(plan, estimate(plan))


def test_advice_names_nothing_that_the_job_has_not(monkeypatch, tmp_path):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 9, 1_000))
    plan = make_plan(lamost_job(make_archive(tmp_path / "archive", 8), tmp_path / "out", ["spectra", "features"]))
    with pytest.raises(ConfigurationError) as told:
        refuse_what_cannot_fit(plan, estimate(plan))
    assert "frames" not in str(told.value)
    assert "cutouts" not in str(told.value)
    assert "spectra.keep" not in str(told.value), "features learns from all spectra, so they must be kept"
    assert less_room(plan_of(ROWS, frames={"keep": False}).job).endswith("fewer objects or a smaller cutouts.size")


def test_a_stage_of_fields_is_not_advised_to_have_fewer_objects_in_a_shard():
    plan = plan_of(ROWS, cluster={"memory": "350 MB", "threads": 2})
    with pytest.raises(ConfigurationError, match="'frames' needs .*: lower cluster.threads .now 2., or raise"):
        refuse_what_cannot_fit(plan, estimate(plan))


def test_a_run_takes_as_long_as_its_downloads_where_these_take_longer(tmp_path):
    tables = make_archive(tmp_path / "archive", 8)
    here = estimate(make_plan(lamost_job(tables, tmp_path / "out", ["spectra"])))
    tables["archive"]["root"] = "https://example.org"
    there = estimate(make_plan(lamost_job(tables, tmp_path / "out", ["spectra"])))
    assert here.download_seconds == 0
    assert here.seconds == here.work_seconds == there.work_seconds
    assert there.seconds - here.seconds == pytest.approx(8 * REQUEST_SECONDS / 8, rel=0.1)
    assert {"download_seconds", "work_seconds", "files_written"} <= there.as_dict().keys()


def test_frames_that_are_read_no_further_than_needed_cost_less_time_if_there_are_few_objects_in_each():
    def seconds(rows, *, correction):
        cutouts = {"aperture_correction": correction}
        return estimate(plan_of(rows, frames={"keep": False}, cutouts=cutouts)).cpu_seconds

    sparse = [(field, "") for field in range(1, 11)]
    assert 0.5 < seconds(sparse, correction=False) / seconds(sparse, correction=True) < 0.8
    assert seconds(sparse * 30, correction=False) == seconds(sparse * 30, correction=True)


def test_frames_that_are_fetched_no_further_than_needed_take_fewer_bytes_and_two_requests():
    def fetching(rows, *, correction=False, **archive):
        cutouts = {"aperture_correction": correction}
        plan = plan_of(rows, frames={"keep": False}, cutouts=cutouts, archive={"survey": "sdss", **archive})
        return estimate(plan).stages[0]

    url, sparse = "https://example.org", [(field, "") for field in range(1, 101)]
    whole, part = fetching(sparse, correction=True, root=url), fetching(sparse, root=url)
    assert part.files == whole.files == 500
    assert part.fetch_bytes == pytest.approx(0.6 * whole.fetch_bytes)
    assert part.download_seconds == pytest.approx(2 * part.files * REQUEST_SECONDS / 8), "its bytes take less"
    for one in (
        fetching(sparse * 30, root=url),
        fetching(sparse, root=url, cache="kept"),
        fetching(sparse, root=url, pause=0.1),
    ):
        assert one.fetch_bytes == whole.fetch_bytes


def test_what_nobody_has_measured_is_said_and_not_counted(monkeypatch):
    plan, cost_of = plan_of(ROWS * 50), CutoutsStage.cost
    assert estimate(plan).notes == ()
    monkeypatch.setattr(CutoutsStage, "cost", lambda *args: replace(cost_of(*args), unknown="what glue takes"))
    assert estimate(plan).notes == ("cutouts: it is not known what glue takes, and not counted",)


def test_a_job_that_fits_is_let_through(tmp_path):
    plan = plan_of(ROWS, output=str(tmp_path))
    refuse_what_cannot_fit(plan, estimate(plan))
