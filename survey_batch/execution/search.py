"""The search for objects on frames, which comes before the work on them and ends with their list."""

from collections.abc import Sequence

from survey_batch.catalog.detected import detected, detections_path
from survey_batch.config.job import Job
from survey_batch.core.paths import remove
from survey_batch.core.status import Status
from survey_batch.core.steps import step
from survey_batch.execution.plan_runner import Runner
from survey_batch.execution.run_cluster import RunCluster
from survey_batch.monitor.progress import LineProgress
from survey_batch.planning.plan import plan_fields
from survey_batch.stages import Stage


class Search(Runner):
    """One run of the search.

    Parameters
    ----------
    job, stages, progress, retry
        As of every run; the stages are those of the search.
    begun
        Whether work on the objects has begun: then their list must stay as it is. Otherwise it is removed before the
        search may change, so that no old list is left if the run is killed.
    """

    def __init__(
        self, job: Job, stages: Sequence[Stage], progress: LineProgress, retry: frozenset[Status], *, begun: bool
    ) -> None:
        super().__init__(plan_fields(job), stages, progress, retry)
        self.begun = begun

    def _begin_anew(self) -> None:
        if not self.begun:
            remove(detections_path(self.job))

    def _run(self, cluster: RunCluster) -> None:
        super()._run(cluster)
        if detected(self.job) or any(self.unfinished(stage) for stage in self.stages):
            return
        from survey_batch.execution.detections import write_detections  # takes two seconds to import

        step("listing the detections")
        write_detections(self.job)
