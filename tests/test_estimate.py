import shutil
from collections import namedtuple
from dataclasses import replace

import pytest

from survey_batch.errors import ConfigurationError
from survey_batch.estimate import estimate, refuse_what_cannot_fit
from survey_batch.stages.cutouts import CutoutsStage
from tests.test_plan import plan_of

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
    with pytest.raises(ConfigurationError, match="0.0 GB free"):
        refuse_what_cannot_fit(plan, estimate(plan))


def test_a_job_that_fits_is_let_through(tmp_path):
    plan = plan_of(ROWS, output=str(tmp_path))
    refuse_what_cannot_fit(plan, estimate(plan))
