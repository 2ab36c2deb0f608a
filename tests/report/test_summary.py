"""How far a run is, from its products and small files."""

import io
import json
import os
import shutil
import socket
from datetime import datetime
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
from rich.console import Console

import survey_batch as sb
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.planning.plan import make_plan
from survey_batch.report.summary import summarize
from survey_batch.report.terminal import render
from survey_batch.store.marks import read_marks
from tests.jobs import lamost_job
from tests.lamost_files import make_archive
from tests.report.outputs import (
    make_predictions,
    make_spectra,
    problem_table,
    shard_line,
    spectra_job,
    write_accounts,
    write_log,
)


def shown(status) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(render(status))
    return console.export_text()


def test_an_output_where_nothing_has_started_is_refused_with_what_to_do(tmp_path):
    for output in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ConfigurationError, match="survey-batch run"):
            summarize(str(output))


def test_a_stage_whose_product_is_not_there_yet_counts_the_planned_rows_as_pending(tmp_path):
    job = lamost_job(make_archive(tmp_path / "archive", 12), tmp_path / "out")
    make_plan(job).store()
    write_log(job, [])
    status = summarize(job.output)
    assert [(s.name, s.rows, s.pending, s.shards, s.shards_done, s.created) for s in status.stages] == [
        ("spectra", 12, 12, 2, 0, False),
        ("features", 12, 12, 2, 0, False),
    ]
    assert status.counts == {"pending": 12}
    assert not status.complete
    assert "not started" in shown(status)


def test_a_product_that_was_deleted_by_hand_is_called_so(tmp_path):
    job = spectra_job(tmp_path)
    make_spectra(job)
    make_predictions(job)
    shutil.rmtree(tmp_path / "predictions.zarr")
    status = summarize(job.output)
    assert [stage.deleted for stage in status.stages] == [False, True]
    assert "deleted; the next run makes it again" in shown(status)
    assert "predictions" in repr(sb.open(job.output)).splitlines()[3], "the others open as before"


def test_shards_are_done_when_no_row_in_them_is_pending(tmp_path):
    job = spectra_job(tmp_path)
    make_spectra(job, objects=20, shards=2)
    stage = summarize(job.output).stages[0]
    assert (stage.rows, stage.shards, stage.shards_done, stage.pending) == (20, 3, 2, 4)
    assert stage.counts == {"pending": 4, "ok": 16}


def test_rows_that_another_run_tries_again_are_left_and_the_job_is_not_complete(tmp_path):
    job = spectra_job(tmp_path, stages=("spectra",))
    status = np.full(24, Status.OK, np.uint8)
    status[[1, 9]], status[3], status[4] = Status.UNREACHABLE, Status.FAILED, Status.NOT_FOUND
    make_spectra(job, status=status)
    summary = summarize(job.output)
    assert summary.stages[0].retryable == 3
    assert summary.stages[0].pending == 0
    assert not summary.complete
    assert "3 to try again" in shown(summary)


def test_final_counts_are_the_worst_of_all_stages(tmp_path):
    job = spectra_job(tmp_path)
    make_spectra(job, shards=2)
    assert summarize(job.output).counts == {}  # no plan is stored here: it is not known how many
    make_predictions(job)
    assert summarize(job.output).counts == {"pending": 8, "ok": 16}
    status = np.full(24, Status.OK, np.uint8)
    status[5:7] = Status.UNREADABLE, Status.PARTIAL
    make_spectra(job, status=status)
    assert summarize(job.output).counts == {"ok": 22, "partial": 1, "unreadable": 1}


def test_the_statuses_of_each_stage_are_read_once(tmp_path, monkeypatch):
    job, read = spectra_job(tmp_path), []
    make_spectra(job, shards=2)
    make_predictions(job)
    monkeypatch.setattr("survey_batch.report.summary.read_marks", lambda *of: read.append(of[1]) or read_marks(*of))
    assert summarize(job.output).counts == {"pending": 8, "ok": 16}
    assert sorted(read) == ["predictions", "spectra"]


def test_rate_is_that_of_the_accounts_where_the_newest_log_tells_of_no_work(tmp_path):
    job = spectra_job(tmp_path, stages=("spectra",))
    make_spectra(job)
    write_accounts(job, {"spectra": {"counts": {"ok": 24}, "rows_done": 24, "wall_seconds": 12.0}})
    assert summarize(job.output).stages[0].rate == 2.0


def test_time_left_of_a_run_under_way_is_the_pending_rows_at_the_rate_so_far(tmp_path, monkeypatch):
    monkeypatch.setattr("survey_batch.report.summary.utc_now", lambda: datetime.fromisoformat("2026-01-01T00:00:20Z"))
    job = spectra_job(tmp_path, stages=("spectra",))
    make_spectra(job, objects=40, shards=2)
    write_log(job, [shard_line("spectra", 0), shard_line("spectra", 1, time="2026-01-01T00:00:16Z")])
    (tmp_path / "lock.json").write_text(json.dumps({"pid": 7, "host": "node1", "user": "vera", "since": "now"}))
    summary = summarize(job.output)
    assert summary.running
    assert summary.stages[0].rate == pytest.approx(16 / 20)  # from the first shard's start at 0 s to now at 20 s
    assert summary.seconds_left == pytest.approx(24 / (16 / 20))
    assert "process 7 of vera on node1" in shown(summary)
    assert "about 30 s left" in shown(summary)


def test_time_left_is_not_invented_where_a_stage_has_no_rate_yet(tmp_path):
    job = lamost_job(make_archive(tmp_path / "archive", 12), tmp_path / "out")
    make_plan(job).store()
    write_log(job, [])
    (tmp_path / "out" / "lock.json").write_text('{"host": "node1", "pid": 7}')
    status = summarize(job.output)
    assert status.running
    assert status.seconds_left is None
    assert "time left not known yet" in shown(status)


def test_a_lock_that_a_dead_process_left_is_no_run_under_way(tmp_path):
    job = spectra_job(tmp_path, stages=("spectra",))
    make_spectra(job, shards=1)
    me = {"host": socket.gethostname(), "pid": os.getpid(), "started": psutil.Process().create_time()}
    (tmp_path / "lock.json").write_text(json.dumps(me))
    assert summarize(job.output).running
    (tmp_path / "lock.json").write_text(json.dumps({**me, "started": me["started"] - 1000}))
    assert not summarize(job.output).running


def test_problems_of_a_run_that_has_not_ended_are_read_from_the_shards_notes(tmp_path):
    job = spectra_job(tmp_path, stages=("spectra",))
    make_spectra(job, shards=2)
    Path(tmp_path, "problems").mkdir()
    for index in range(2):
        table = problem_table((f"o{index}", "spectra", "not_found", f"a/spec-{index}.fits: no such file"))
        pq.write_table(table, tmp_path / "problems" / f"spectra-{index:06d}.parquet")
    summary = summarize(job.output)
    assert summary.problems == (("spectra", "not_found", "a/spec-0.fits: no such file", 2),)
    assert summary.problems_current


def test_a_line_of_the_log_that_is_being_written_is_left_out(tmp_path):
    job = spectra_job(tmp_path, stages=("spectra",))
    make_spectra(job, shards=1)
    write_log(job, [shard_line("spectra", 0)])
    with (tmp_path / "log" / "20260101T000000.jsonl").open("a") as stream:
        stream.write('{"time": "2026-01-0')
    assert summarize(job.output).stages[0].rate == pytest.approx(0.8)


def test_reading_changes_nothing_in_the_output(tmp_path):
    job = spectra_job(tmp_path)
    make_spectra(job)
    write_log(job, [])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    summarize(job.output)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_the_status_is_valid_json(tmp_path):
    job = spectra_job(tmp_path)
    make_spectra(job, shards=1)
    write_accounts(job, {}, notes=["a note"])
    values = json.loads(json.dumps(summarize(job.output).as_dict()))
    assert values["stages"][0]["pending"] == 16
    assert values["complete"] is False
    assert values["notes"] == ["a note"]


def test_an_output_may_be_a_url(tmp_path):
    job = spectra_job(tmp_path, stages=("spectra",))
    make_spectra(job)
    write_log(job, [shard_line("spectra", 0)])
    assert summarize(f"file://{tmp_path}").counts == {"ok": 24}
