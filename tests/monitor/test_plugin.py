"""What the scheduler knows of runs."""

from collections import namedtuple

from survey_batch.archive.limits import SEMAPHORE_PREFIX
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
