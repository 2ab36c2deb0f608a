from datetime import datetime

import pytest

from survey_batch.report import runs
from survey_batch.report.runs import Rate, paces, rates, read_newest_log, totals
from tests.report.outputs import shard_line, spectra_job, write_log

TIMING = {"rows_done": 100, "wall_seconds": 50.0, "cpu_seconds": 20.0, "nbytes": 7}


def test_rate_of_shards_done_at_the_same_time_counts_their_time_once(tmp_path):
    job = spectra_job(tmp_path)
    write_log(job, [shard_line("spectra", 0), shard_line("spectra", 1)])
    assert rates((), read_newest_log(job.output))["spectra"] == Rate(16, 10.0, 8.0, 200)


@pytest.mark.parametrize(("now", "rate", "stalled"), [("00:00:40", 0.2, False), ("00:01:40", 0.0, True)])
def test_a_run_in_which_no_shard_ends_slows_down_and_then_stands_still(tmp_path, now, rate, stalled):
    job = spectra_job(tmp_path)
    write_log(job, [shard_line("spectra", 0)])
    pace = paces(read_newest_log(job.output), datetime.fromisoformat(f"2026-01-01T{now}Z"))["spectra"]
    assert (pace.rate, pace.stalled) == (pytest.approx(rate), stalled)


def test_the_last_run_that_worked_on_a_stage_counts():
    before, last = {"stages": {"spectra": TIMING}}, {"stages": {"spectra": {"counts": {"ok": 100}}}}
    assert rates([before, last], None)["spectra"].rows_per_second == 2.0


def test_a_log_without_work_is_passed_over(tmp_path):
    job = spectra_job(tmp_path)
    write_log(job, [shard_line("spectra", 0)])
    (tmp_path / "log" / "20270101T000000.jsonl").write_text('{"event": "finished"}\n')
    log = read_newest_log(job.output)
    assert log is not None
    assert log.name == "20260101T000000.jsonl"


def test_of_a_long_log_only_whole_lines_of_both_ends_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "HEAD_BYTES", 4000)
    monkeypatch.setattr(runs, "TAIL_BYTES", 2000)
    job = spectra_job(tmp_path)
    write_log(job, [shard_line("spectra", index) for index in range(200)])
    log = read_newest_log(job.output)
    assert log is not None
    assert log.job is not None
    assert log.shards[-1]["record"]["shard"] == 199
    assert 5 < len(log.shards) < 50


def test_totals_add_all_runs_up():
    run = {"stages": {"spectra": TIMING}}
    assert totals([run, run, {"stages": {"spectra": {}}}]) == {"spectra": Rate(200, 100.0, 40.0, 14)}
