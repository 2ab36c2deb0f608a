"""What the scheduler knows of runs."""

import re
from collections import namedtuple

import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.archive.limits import SEMAPHORE_PREFIX
from survey_batch.monitor.prometheus import add_collector
from survey_batch.monitor.run_figures import Moment, rates, with_pending
from survey_batch.monitor.traffic_metrics import METRIC

Worker = namedtuple("Worker", "server_id name metrics")
STAGE = {"name": "cutouts", "total": 10, "done": 4, "worked": 4, "counts": {"ok": 3, "failed": 1}, "rate": 2.0}


def worker(number, **metrics):
    return Worker(f"Worker-{number}", number, metrics)


def test_what_a_worker_downloaded_counts_after_it_has_gone(monitor):
    monitor.scheduler.workers = {"a": worker(1, **{METRIC: {"bytes": 100, "requests": 2}})}
    assert monitor.downloaded == {"bytes": 100, "requests": 2}
    monitor.scheduler.workers = {"a": worker(2, **{METRIC: {"bytes": 11, "requests": 1}})}  # at the same address
    assert monitor.downloaded == {"bytes": 111, "requests": 3}
    assert monitor.downloaded == {"bytes": 111, "requests": 3}


def test_connections_are_those_to_archives_alone(monitor):
    semaphores = monitor.scheduler.extensions["semaphores"]
    semaphores.max_leases = {f"{SEMAPHORE_PREFIX}host 4": 4, "of somebody else": 9}
    semaphores.leases = {f"{SEMAPHORE_PREFIX}host 4": {"x": 0, "y": 0}, "of somebody else": {"z": 0}}
    assert monitor.connections == (2, 4)


def test_gpu_utilisation_is_that_of_workers_with_a_gpu(monitor):
    assert monitor.gpus == {}
    monitor.scheduler.workers = {"a": worker(1, gpu_utilization=80), "b": worker(2, gpu_utilization=40), "c": worker(3)}
    assert monitor.gpus == {"1": 0.8, "2": 0.4}


def test_the_run_heard_of_last_comes_last(monitor):
    for output in ("a", "b", "a"):
        monitor.progress("job", output, [STAGE])
    assert list(monitor.runs) == ["b", "a"]
    assert len(monitor.runs["a"].history) == 2


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


def test_of_two_schedulers_in_one_process_the_later_one_is_told_of(make_monitor):
    def told():
        return set(re.findall(r'survey_batch_rows{job="(.*?)"', prometheus_client.generate_latest().decode()))

    collectors = []
    for name in ("first", "second"):
        monitor = make_monitor()
        monitor.progress(name, name, [{**STAGE, "seconds_left": None}])
        collectors.append(add_collector(monitor))
    assert told() == {"second"}
    collectors[0].remove()
    assert told() == {"second"}
    collectors[1].remove()
    assert told() == set()
