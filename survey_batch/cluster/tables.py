"""The tables `[cluster]` and `[cluster.gpu]`: which of them a run uses, and for which phases."""

from dataclasses import dataclass

from survey_batch.config.job import Job
from survey_batch.config.sections.cluster import GPU_PHASE, ClusterSection


@dataclass(frozen=True)
class Table:
    """One kind of worker.

    Attributes
    ----------
    name : str
        Of the table in the job file.
    section : ClusterSection
        The section that a run would use in these phases.
    phases : str
        In words, for a person.
    predicts : bool
        Whether the phase that predicts is among them.
    """

    name: str
    section: ClusterSection
    phases: str
    predicts: bool

    @property
    def where(self) -> str:
        """The name of such a worker in findings."""
        return f"worker of [{self.name}], {self.phases}"


def tables_of(job: Job) -> list[Table]:
    """List the tables that a run of the job would ask for workers."""
    predicts, section = "predictions" in job.stages, job.cluster.for_phase("ingest")
    if job.cluster.gpu is None or not predicts:
        return [Table("cluster", section, "all phases", predicts)]
    return [
        Table("cluster", section, "before predictions", predicts=False),
        Table("cluster.gpu", job.cluster.for_phase(GPU_PHASE), "predictions", predicts=True),
    ]
