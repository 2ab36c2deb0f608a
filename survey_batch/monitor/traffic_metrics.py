"""On each worker: what was downloaded, told to the scheduler with every heartbeat."""

from typing import Any

from distributed import WorkerPlugin

from survey_batch.archive.traffic import OF_THIS_PROCESS

METRIC = "survey_batch"


class TrafficMetrics(WorkerPlugin):  # type: ignore[misc]
    """Adds the process' `Traffic` so far to what a worker says of itself."""

    name = "survey-batch meter"

    def setup(self, worker: Any) -> None:
        """Be called on each worker, also on those that come later."""
        worker.metrics[METRIC] = traffic


def traffic(worker: Any) -> dict[str, float]:  # noqa: ARG001 - as Dask calls it
    """Counts as plain numbers."""
    return OF_THIS_PROCESS.total._asdict()
