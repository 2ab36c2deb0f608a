"""The table `[cluster]` of the job file: where the work runs. No result depends on it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from dask.utils import parse_bytes
from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from survey_batch.config.sections.base import Section
from survey_batch.config.sections.slurm_values import (
    asks_for_gpu,
    check_directives,
    check_drain,
    check_one_line,
    check_options,
    options_in,
    walltime_seconds,
)

GPU_PHASE = "predict"

LEAST_MEMORY = 2**20
"""Bytes; less is a number without its unit."""


class WorkersSection(Section):
    """What workers are, and for SLURM the jobs in which they are; what is not set is as the site's YAML file says."""

    workers: PositiveInt | None = None
    """Worker processes. On this machine one per core where this is not set; SLURM has to be told."""
    threads: PositiveInt = 1
    memory: str = "4 GB"
    """Memory limit per worker."""
    processes: PositiveInt = 1
    """Workers in one SLURM job."""
    cores: PositiveInt | None = None
    """Cores of one SLURM job; by default one for each thread."""
    walltime: str | None = None
    """Such as `"4:00:00"`, `"1-00:00:00"` or `"UNLIMITED"`. Jobs that it ends are replaced."""
    drain_seconds: Annotated[int, Field(ge=0)] | None = None
    """How long before its walltime's end a worker takes no more work: longer than the longest shard takes. By default a
    fifth of the walltime, at most five minutes."""
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    gres: str | None = None
    """Such as `"gpu:1"`."""
    directives: tuple[str, ...] = ()
    """Further options of `sbatch`, such as `"--constraint=haswell"`; what a key here says is refused."""
    prologue: tuple[str, ...] = ()
    """Lines of shell before a worker starts, such as `"module load python"` or the activation of an environment."""
    python: str | None = None
    """Interpreter of the workers; by default that of this process."""
    interface: str | None = None
    """Network interface of scheduler and workers, such as `"ib0"`."""
    scratch: str | None = None
    """Fast folder of a node for what Dask puts on disk, such as `"$TMPDIR"`."""
    maximum_jobs: PositiveInt | None = None
    """Jobs at a time at most, those that wait in the queue included."""
    options: Mapping[str, Any] = {}
    """Anything else that `dask_jobqueue.SLURMCluster` takes. Lists and tables are added to what is set already; what
    would replace that is refused."""

    @field_validator("memory")
    @classmethod
    def _some_memory(cls, memory: str) -> str:
        try:
            enough = parse_bytes(memory) >= LEAST_MEMORY
        except ValueError:
            enough = False
        if not enough:
            raise ValueError(f'{memory!r} is no memory that a worker can work in: write such as "4 GB"')
        return memory

    @field_validator("walltime")
    @classmethod
    def _time_limit(cls, walltime: str | None) -> str | None:
        if walltime is not None:
            walltime_seconds(walltime)
        return walltime

    @field_validator("partition", "account", "qos", "gres", "interface", "walltime")
    @classmethod
    def _one_line(cls, text: str | None) -> str | None:
        check_one_line(text or "")
        return text

    @field_validator("directives")
    @classmethod
    def _without_keys(cls, directives: tuple[str, ...]) -> tuple[str, ...]:
        check_directives(directives)
        return directives

    @field_validator("options")
    @classmethod
    def _added_alone(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        return check_options(options)


class GpuSection(WorkersSection):
    """Keys of `[cluster]` that are others for the phase that predicts; that the table is there asks for GPUs."""

    processes: Literal[1] = 1
    """A job has one GPU and one worker that uses it: ask for more workers."""
    threads: PositiveInt = 3
    """One computes at a time; meanwhile the others read and prepare the next shard and write the last."""
    allow_cpu: bool = False
    """Whether a worker that sees no GPU may predict all the same."""


class ClusterSection(WorkersSection):
    """Where the work runs; no result depends on it."""

    kind: str = "local"
    """`local`, `slurm` (a job per worker), `srun` (inside one allocation), the address of a running scheduler
    (`tcp://…`, `tls://…`), or its scheduler file (`….json`)."""
    dashboard: str = "127.0.0.1:0"
    tls: bool = True
    """Encrypt and authenticate all traffic of `slurm` and `srun`; whoever reaches a scheduler without it runs code as
    its user. A running scheduler is joined as its address says."""
    tls_files: Mapping[Literal["ca", "cert", "key"], str] = {}
    """For `tls://…`: certificate authority, certificate and key of the client, PEM files."""
    poll_seconds: PositiveFloat = 10.0
    """Time between two looks at SLURM's queue."""
    pending_seconds: PositiveFloat = 600.0
    """Time without any worker after which SLURM's reason is told."""
    when_pending: Literal["wait", "stop"] = "wait"
    """What then: go on waiting, or end the run; it can go on later."""
    gpu: GpuSection | None = None
    """The table `[cluster.gpu]`: the phase that predicts has workers of its own, of which each has a GPU."""

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in ("local", "slurm", "srun") and "://" not in kind and not kind.endswith(".json"):
            raise ValueError(
                f'cluster.kind = {kind!r} is not known; use "local", "slurm", "srun", or the address of a running '
                'scheduler such as "tcp://host:8786", or its scheduler file (….json)'
            )
        return kind

    @model_validator(mode="after")
    def _phases_can_work(self) -> "ClusterSection":
        for phase in ("ingest", GPU_PHASE):
            _check_jobs(self.for_phase(phase))
        return self

    @property
    def wants_gpu(self) -> bool:
        """Whether each worker is to have a GPU; asked of what `for_phase` returns."""
        added = self.options.get("job_extra_directives", ())
        return self.gpu is not None or asks_for_gpu(self.gres, (*self.directives, *added))

    def for_phase(self, phase: str) -> "ClusterSection":
        """The table with the keys of `[cluster.gpu]` in place of its own, in the phase that predicts."""
        if self.gpu is None:
            return self
        if phase != GPU_PHASE:
            return self.model_copy(update={"gpu": None})
        others = (self.gpu.model_fields_set | {"threads", "processes"}) - {"allow_cpu"}
        if self.kind == "local":
            others.add("workers")  # this machine's cores say nothing of its GPUs
        return self.model_copy(update={name: getattr(self.gpu, name) for name in others})


def _check_jobs(section: ClusterSection) -> None:
    """Refuse jobs that have too few cores, or whose workers would never work."""
    if section.cores is not None and section.processes > section.cores:
        raise ValueError(
            f"processes = {section.processes} in a job of cores = {section.cores}: each needs a core of its own"
        )
    if section.gres and any("--gres" in options_in(directive) for directive in section.directives):
        raise ValueError(f"--gres in directives would replace gres = {section.gres!r}: write all of them there")
    if section.kind == "slurm" and section.walltime is not None and section.drain_seconds is not None:
        check_drain(section.drain_seconds, walltime_seconds(section.walltime))
