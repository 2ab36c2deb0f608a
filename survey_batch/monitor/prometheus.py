"""The figures of runs for Prometheus, on the scheduler's page `/metrics` next to Dask's own figures."""

from collections.abc import Iterator

import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from survey_batch.monitor.run_figures import MonitorFigures, with_pending


class RunCollector(Collector):
    """Collector that reads a `Monitor` whenever Prometheus asks."""

    def __init__(self, monitor: MonitorFigures) -> None:
        self.monitor = monitor

    def collect(self) -> Iterator[Metric]:
        """Yield all figures."""
        yield from self._stages()
        yield from self._archive()
        gpu = GaugeMetricFamily(
            "survey_batch_gpu_utilization_ratio", "Utilisation of a worker's GPU", labels=["worker"]
        )
        for worker, share in self.monitor.gpus.items():
            gpu.add_metric([worker], share)
        yield gpu

    def remove(self) -> None:
        """Unregister the collector."""
        if _shown == [self]:
            prometheus_client.REGISTRY.unregister(_shown.pop())

    def _stages(self) -> Iterator[Metric]:
        rows = GaugeMetricFamily(
            "survey_batch_rows", "Objects or frames of a stage by status", labels=["job", "stage", "status"]
        )
        others = {
            "rate": _by_stage("survey_batch_rows_per_second", "Rows per second of a stage, over the last minute or so"),
            "total": _by_stage("survey_batch_rows_planned", "Rows of a stage"),
            "seconds_left": _by_stage("survey_batch_left_seconds", "Time left for a stage at its rate"),
        }
        for run in self.monitor.runs.values():
            for stage in run.stages:
                labels = [run.job, stage["name"]]
                for status, count in with_pending(stage).items():
                    rows.add_metric([*labels, status], count)
                for key, family in others.items():
                    if stage[key] is not None:
                        family.add_metric(labels, stage[key])
        yield from (rows, *others.values())

    def _archive(self) -> Iterator[Metric]:
        counts, (connections, allowed) = self.monitor.downloaded, self.monitor.connections
        for name, text in (
            ("bytes", "Bytes of files that came from archives"),
            ("requests", "Requests to archives"),
            ("retries", "Repeated requests to archives, after the first for a file"),
            ("cache_hits", "Files that were in the cache"),
        ):
            yield CounterMetricFamily(f"survey_batch_archive_{name}", text, value=counts[name])
        yield GaugeMetricFamily("survey_batch_archive_connections", "Requests under way", value=connections)
        yield GaugeMetricFamily("survey_batch_archive_connections_allowed", "Requests at a time", value=allowed)


def add_collector(monitor: MonitorFigures) -> RunCollector:
    """Add a monitor's figures to Dask's; if schedulers in one process share a page, only the last one's are shown."""
    for other in tuple(_shown):
        other.remove()
    collector = RunCollector(monitor)
    prometheus_client.REGISTRY.register(collector)
    _shown.append(collector)
    return collector


_shown: list[RunCollector] = []
"""The collector registered in this process."""


def _by_stage(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=["job", "stage"])
