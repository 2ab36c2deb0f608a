"""The tables `[cluster]` and `[cluster.gpu]`: which of them a run uses, and for which phases."""

from dataclasses import dataclass

import psutil
from dask.utils import parse_bytes

from survey_batch.cluster import connect, worker_count
from survey_batch.config.job import ClusterSection, Job
from survey_batch.config.sections.cluster import GPU_PHASE
from survey_batch.core.paths import is_url, join
from survey_batch.core.wording import size
from survey_batch.doctor.findings import Findings, Place

TABLE_ADVICE = "look at the table [cluster]"


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
        """The place that findings on such a worker name."""
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


def doctor_folder(job: Job) -> str:
    """Return the folder for scripts and logs of the doctor's own workers, apart from those of a run."""
    return join("survey-batch" if is_url(job.output) else join(job.output, "log"), "doctor")


def check_table(place: Place, job: Job) -> Findings[bool]:
    """Check a cluster without SLURM: processes of this machine, or a scheduler that is already running."""
    if job.cluster.kind == "local":
        yield from _local(place, job.cluster)
        return True
    with connect(job.cluster) as connection:
        count = len(connection.client.scheduler_info(n_workers=-1)["workers"])
        found = f"{job.cluster.kind} answers: {count} workers, {connection.size().slots} threads; versions agree"
    yield place.ok("cluster", found)
    return True


def _local(place: Place, section: ClusterSection) -> Findings[None]:
    workers, memory = worker_count(section), psutil.virtual_memory().total
    limit = parse_bytes(section.memory)
    found = f"{workers} workers of up to {section.memory} on a machine with {size(memory)}"
    if limit > memory:
        yield place.failed("cluster", found, "lower cluster.memory: the machine would swap, or kill a worker")
    elif workers * limit > memory:
        advice = "lower cluster.workers or cluster.memory if workers come near their limit (see memory)"
        yield place.warning("cluster", found, advice)
    else:
        yield place.ok("cluster", found)
