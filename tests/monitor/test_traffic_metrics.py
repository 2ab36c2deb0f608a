"""What a worker tells the scheduler of its downloads."""

from types import SimpleNamespace

from survey_batch.archive import traffic as counts
from survey_batch.archive.traffic import TrafficCounter
from survey_batch.monitor import traffic_metrics
from survey_batch.monitor.traffic_metrics import METRIC, TrafficMetrics


def test_a_worker_s_metrics_hold_all_downloads_of_its_process(monkeypatch):
    process = TrafficCounter()
    monkeypatch.setattr(traffic_metrics, "OF_THIS_PROCESS", process)
    worker = SimpleNamespace(metrics={"other": None})
    TrafficMetrics().setup(worker)
    assert set(worker.metrics) == {"other", METRIC}
    assert set(worker.metrics[METRIC](worker).values()) == {0}
    counts.TrafficCounter(process).add(requests=2, bytes=10)
    process.add(requests=1, seconds=0.5)
    counted = {"requests": 3, "retries": 0, "bytes": 10, "cache_hits": 0, "seconds": 0.5}
    for _ in range(2):  # counts stay, whoever reads them
        assert worker.metrics[METRIC](worker) == counted
