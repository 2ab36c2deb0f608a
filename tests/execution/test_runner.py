"""A run from its plan to its accounts, and the accounts of one that ends in an error."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError, PlanMismatchError, SurveyBatchError
from survey_batch.core.paths import read_json
from survey_batch.core.status import Status
from survey_batch.execution import accounts, shard_task
from survey_batch.execution.engine import Engine
from survey_batch.execution.runner import run
from survey_batch.store.products import open_group, product_exists, read_status
from tests.jobs import lamost_job
from tests.lamost_files import make_archive, write_spectrum

OBJECTS = 12


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return make_archive(tmp_path_factory.mktemp("archive"), OBJECTS, missing=[3])


@pytest.fixture
def job(keys, tmp_path):
    return lamost_job(keys, tmp_path / "out", ["spectra"], spectra={"wavelength_min": 4000, "wavelength_max": 4100})


def last_run(job):
    return read_json(f"{job.output}/run.json")["runs"][-1]


def test_a_run_accounts_for_every_object_and_another_has_nothing_to_do(job, client):
    done = run(job, client=client)
    assert done.worked
    assert done.complete
    assert done.counts == {"ok": 11, "not_found": 1}
    assert done.stages["spectra"]["counts"] == done.counts
    assert done.stages["spectra"]["rows_done"] == OBJECTS
    assert last_run(job)["ended"] == "complete"
    assert read_json(f"{job.output}/run.json")["counts"] == done.counts
    again = run(job, client=client)
    assert not again.worked
    assert again.counts == done.counts
    assert len(read_json(f"{job.output}/run.json")["runs"]) == 1


def test_what_a_killed_run_did_is_accounted_for_by_one_that_has_nothing_to_do(job, client):
    run(job, client=client)
    problems, account = Path(job.output, "problems.parquet"), Path(job.output, "run.json")
    before = problems.read_bytes()
    for path in (problems, account):
        path.unlink()
    again = run(job, client=client)
    assert not again.worked
    assert problems.read_bytes() == before
    assert (last_run(job)["ended"], read_json(str(account))["counts"]) == ("complete", again.counts)
    run(job, client=client)
    assert len(read_json(str(account))["runs"]) == 1, "nothing new is told twice"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_cannot_be_written_to_ends_the_run_at_once_with_a_sentence(job, client, monkeypatch, number):
    def write(*_):
        raise OSError(number, os.strerror(number), f"{job.output}/spectra.zarr/flux/c/0")

    with monkeypatch.context() as patch:
        patch.setattr(shard_task, "write_shard", write)
        with pytest.raises(
            ConfigurationError, match=r"cannot write to the disk of .*flux/c/0\). Mend this, then run the"
        ):
            run(job, client=client)
    assert run(job, client=client).counts == {"ok": 11, "not_found": 1}


def test_a_disk_that_is_full_before_the_first_product_ends_the_run_with_the_same_sentence(job, client, monkeypatch):
    def store(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("survey_batch.planning.plan.Plan.store", store)
    with pytest.raises(
        ConfigurationError, match="cannot write to the disk of .*: no space, or no inodes, are left. Mend"
    ):
        run(job, client=client)


@pytest.mark.parametrize("begun_anew", [False, True], ids=["gone", "empty"])
def test_an_output_that_vanishes_ends_the_run_with_a_sentence(job, client, monkeypatch, begun_anew):
    def vanish(*_):
        Path(job.output).rename(f"{job.output}-elsewhere")
        if begun_anew:  # by a write after the disk was unmounted
            Path(job.output).mkdir()
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", job.output)

    monkeypatch.setattr("survey_batch.planning.plan.Plan.store", vanish)
    with pytest.raises(ConfigurationError, match="/out is not there any more: its disk was unmounted, or"):
        run(job, client=client)


@pytest.mark.parametrize("step", ["load", "write_shard"])
def test_where_a_worker_meets_an_output_that_vanished_no_node_is_blamed_and_no_other_is_begun(
    job, client, monkeypatch, capsys, step
):
    real = getattr(shard_task, step)

    def vanish(*arguments):
        if Path(job.output).exists():
            Path(job.output).rename(f"{job.output}-elsewhere")
        return real(*arguments)

    monkeypatch.setattr(shard_task, step, vanish)
    with pytest.raises(ConfigurationError, match="/out is not there any more: its disk was unmounted, or"):
        run(job, client=client)
    assert "left out" not in capsys.readouterr().err
    assert not Path(job.output, "run.json").exists()


def test_only_shards_with_rows_left_are_done(job, client, monkeypatch):
    run(job, client=client)
    status = open_group(job.output, "spectra")["status"]
    status[8:9] = np.array([Status.UNREACHABLE], np.uint8)
    asked, do = [], Engine.run
    monkeypatch.setattr(Engine, "run", lambda self, shards: asked.extend(shards) or do(self, shards))
    done = run(job, client=client)
    assert [shard.index for shard in asked] == [1]
    assert done.stages["spectra"]["rows_done"] == 1
    assert done.counts == {"ok": 11, "not_found": 1}


def test_final_rows_are_tried_again_when_asked_for_and_no_others(job, client, keys):
    first = run(job, client=client)
    assert first.retried == {}
    absent = Path(keys["archive"]["root"]) / "spec-55000-TEST_sp01-003.fits"
    still = run(job, client=client, retry="not_found,unreadable")
    assert (still.worked, still.retried, still.counts) == (True, {"spectra": 1}, first.counts)
    write_spectrum(absent, 2)
    try:
        done = run(job, client=client, retry=["not_found"])
        none = run(job, client=client, retry=["not_found"])
    finally:
        absent.unlink()
    assert (done.retried, done.counts, done.stages["spectra"]["rows_done"]) == ({"spectra": 1}, {"ok": OBJECTS}, 1)
    assert (none.worked, none.retried, none.counts) == (False, {}, {"ok": OBJECTS})


def test_a_wrong_status_is_refused_before_anything_is_read(job, client):
    with pytest.raises(ConfigurationError, match="'lost' can be tried again: name one or more of partial, not_found"):
        run(job, client=client, retry="lost")
    assert not Path(job.output).exists()


def test_an_error_is_accounted_for_and_raised(job, client, monkeypatch):
    def fail(*_):
        raise SurveyBatchError("no worker is left")

    monkeypatch.setattr(Engine, "run", fail)
    with pytest.raises(SurveyBatchError, match="no worker is left"):
        run(job, client=client)
    assert (last_run(job)["ended"], last_run(job)["error"]) == ("error", "no worker is left")
    assert read_json(f"{job.output}/run.json")["counts"] == {"pending": OBJECTS}


def test_an_error_without_words_is_told_by_its_kind_and_none_in_the_accounts_hides_it(job, client, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(Engine, "run", fail)
    with pytest.raises(MemoryError):
        run(job, client=client)
    assert last_run(job)["error"] == "MemoryError"
    monkeypatch.setattr(accounts, "write_run", lambda *_: 1 / 0)
    with pytest.raises(MemoryError):
        run(job, client=client)


def test_rows_that_are_left_out_by_a_defect_are_no_quiet_end(job, client, monkeypatch):
    monkeypatch.setattr(Engine, "run", lambda *_: None)
    with pytest.raises(SurveyBatchError, match="rows of spectra are still pending after the run"):
        run(job, client=client)
    assert read_status(job.output, "spectra").tolist() == [Status.PENDING] * OBJECTS


def test_another_job_s_output_is_refused_before_any_work(job, keys, client):
    run(job, client=client)
    other = lamost_job(keys, job.output, ["spectra"], spectra={"wavelength_min": 4000, "wavelength_max": 4200})
    with pytest.raises(PlanMismatchError, match=r"spectra\.wavelength_max"):
        run(other, client=client)
    assert len(read_json(f"{job.output}/run.json")["runs"]) == 1


def test_a_product_says_what_it_was_made_with(job, client):
    run(job, client=client)
    attrs = dict(open_group(job.output, "spectra").attrs)
    assert attrs["title"] == "spectra of test"
    assert {"provenance", "fingerprint", "versions", "job", "history"} <= attrs.keys()
    assert not product_exists(job.output, "features")
