"""Figures of a run: rows by status, and rates."""

from collections import namedtuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.monitor.run_figures import HISTORY, Moment, rates, with_pending
from survey_batch.monitor.traffic_metrics import METRIC

Worker = namedtuple("Worker", "server_id name metrics")
STAGE = {"name": "cutouts", "total": 10, "done": 4, "worked": 4, "counts": {"ok": 3, "failed": 1}, "rate": 2.0}


def test_rows_not_done_are_pending_and_a_frame_has_a_status_for_each_band():
    assert with_pending(STAGE) == {"ok": 3, "failed": 1, "pending": 6}
    frames = {"total": 4, "done": 2, "counts": {"ok": 9, "not_found": 1}}
    assert with_pending(frames) == {"ok": 9, "not_found": 1, "pending": 10}
    assert with_pending({"total": 3, "done": 0, "counts": {}}) == {"pending": 3}
    assert with_pending({"total": 3, "done": 3, "counts": {"ok": 3}}) == {"ok": 3}


@given(st.lists(st.tuples(st.floats(0.5, 30), st.integers(0, 50)), min_size=1, max_size=40), st.floats(0, 100))
def test_a_steady_flow_has_its_rate_at_every_moment(steps, speed):
    now, history = 0.0, []
    for seconds, _ in steps:
        now += seconds
        history.append(Moment(now, {}, speed * now))
    assert rates(history, "nbytes")[0] == 0
    assert rates(history, "nbytes")[1:] == pytest.approx([speed] * (len(history) - 1), abs=1e-6)


def test_a_rate_forgets_what_was_long_ago():
    history = [Moment(float(second), {"cutouts": min(second, 10)}, 0) for second in range(200)]
    found = rates(history, "worked", "cutouts")
    assert found[10] == pytest.approx(1.0)
    assert found[-1] == 0
    assert rates(history, "worked", "another") == [0.0] * 200


def test_progress_is_kept_with_what_was_downloaded_by_then(monitor):
    monitor.scheduler.workers = {"a": Worker("Worker-1", 1, {METRIC: {"bytes": 100, "requests": 2}})}
    monitor.progress("job", "out", [STAGE])
    monitor.scheduler.workers = {}
    monitor.progress("renamed", "out", [{**STAGE, "worked": 7}])
    (run,) = monitor.runs.values()
    assert run.job == "renamed"
    assert [moment.worked for moment in run.history] == [{"cutouts": 4}, {"cutouts": 7}]
    assert [moment.nbytes for moment in run.history] == [100, 100], "what a worker fetched counts after it has gone"


def test_only_the_last_hour_is_kept(monitor):
    for _ in range(HISTORY + 5):
        monitor.progress("job", "out", [STAGE])
    assert len(monitor.runs["out"].history) == HISTORY
