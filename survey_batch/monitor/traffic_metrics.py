"""Download counts of each worker, sent to the scheduler with every heartbeat."""

from typing import Any

from distributed import WorkerPlugin

from survey_batch.archive.traffic import OF_THIS_PROCESS

METRIC = "survey_batch"


class TrafficMetrics(WorkerPlugin):  # type: ignore[misc]
    """Plugin that adds the process's `Traffic` so far to a worker's metrics."""

    name = "survey-batch meter"

    def setup(self, worker: Any) -> None:
        """Run on each worker, including workers that join later."""
        worker.metrics[METRIC] = traffic


def traffic(worker: Any) -> dict[str, float]:  # noqa: ARG001 - as Dask calls it
    """Return the counts as plain numbers."""
    return OF_THIS_PROCESS.total._asdict()
