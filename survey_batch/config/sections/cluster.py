"""The table `[cluster]` of the job file: where the work runs. No result depends on it."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from dask.utils import parse_bytes
from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from survey_batch.config.sections.base import Section, Unit, WrongKeyError
from survey_batch.config.sections.slurm_values import (
    asks_for_gpu,
    check_directives,
    check_one_line,
    options_in,
    walltime_seconds,
)
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.plugins import CLUSTERS, load, offered, unknown

GPU_PHASE = "predict"

RUNNING = "running"
"""Name of the kind if `cluster.kind` is the address of a running scheduler, or its scheduler file."""

SHARED = ("kind", "workers", "threads", "memory", "gpu", "allow_cpu")
"""Keys that all kinds of cluster read; a kind names the others that it reads."""

_LOOPBACK = re.compile(r"127\.\d+\.\d+\.\d+")

LEAST_MEMORY = 2**20
"""Minimum in bytes; a smaller value is probably a number without its unit."""


class WorkersSection(Section):
    """The workers, and for SLURM the jobs they run in; keys that are not set come from the site's YAML file."""

    workers: Annotated[PositiveInt | None, Field(examples=[32])] = None
    """Worker processes. The default on this machine is one per core; SLURM has no default."""
    threads: PositiveInt = 1
    """Threads of a worker; each works on a shard of its own."""
    memory: Annotated[str, Unit("kB, MB, GB, …, in the text")] = "4 GB"
    """Memory limit per worker."""
    processes: PositiveInt = 1
    """Workers in one SLURM job."""
    cores: Annotated[PositiveInt | None, Field(examples=[8])] = None
    """Cores of one SLURM job; by default one per thread."""
    walltime: Annotated[str | None, Field(examples=["4:00:00"])] = None
    """Time limit of a job, such as `"4:00:00"`, `"1-00:00:00"` or `"UNLIMITED"`. Jobs that reach it are replaced."""
    drain_seconds: Annotated[Annotated[int, Field(ge=0)] | None, Field(examples=[300]), Unit("s")] = None
    """How long before the end of its walltime a worker stops taking work; must exceed the time of the longest shard. By
    default a fifth of the walltime, at most five minutes."""
    partition: Annotated[str | None, Field(examples=["standard"])] = None
    """SLURM partition of the jobs."""
    account: Annotated[str | None, Field(examples=["my-project"])] = None
    """SLURM account that the jobs are charged to."""
    qos: Annotated[str | None, Field(examples=["normal"])] = None
    """SLURM quality of service of the jobs."""
    gres: Annotated[str | None, Field(examples=["gpu:1"])] = None
    """Generic resources, such as `"gpu:1"`."""
    directives: Annotated[tuple[str, ...], Field(examples=[["--constraint=haswell"]])] = ()
    """Further options of `sbatch`, such as `"--constraint=haswell"`; options that have a key here are refused."""
    prologue: Annotated[tuple[str, ...], Field(examples=[["module load python"]])] = ()
    """Shell lines to run before a worker starts, such as `"module load python"` or the activation of an environment."""
    python: Annotated[str | None, Field(examples=["/software/envs/survey-batch/bin/python"])] = None
    """Python interpreter of the workers; by default that of this process."""
    interface: Annotated[str | None, Field(examples=["ib0"])] = None
    """Network interface of scheduler and workers, such as `"ib0"`."""
    scratch: Annotated[str | None, Field(examples=["$TMPDIR"])] = None
    """Fast folder on a node for Dask's temporary files, such as `"$TMPDIR"`."""
    maximum_jobs: Annotated[PositiveInt | None, Field(examples=[20])] = None
    """Maximum number of jobs at a time, including jobs that wait in the queue."""
    options: Annotated[Mapping[str, Any], Field(examples=[{"scheduler_options": {"port": 8800}}])] = {}
    """Options of a kind that have no key here. For SLURM any others of `dask_jobqueue.SLURMCluster`: lists and tables
    are added to existing values; options that would replace these are refused."""

    @field_validator("memory")
    @classmethod
    def _some_memory(cls, memory: str) -> str:
        try:
            enough = parse_bytes(memory) >= LEAST_MEMORY
        except ValueError:
            enough = False
        if not enough:
            raise ValueError(f'{memory!r} is not an amount of memory that a worker can use: write, for example, "4 GB"')
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


class GpuSection(WorkersSection):
    """Keys of `[cluster]` that differ in the phase that predicts; the presence of this table requests GPUs."""

    processes: Literal[1] = 1
    """A job has one GPU and one worker that uses it; to use more GPUs, set more workers."""
    threads: PositiveInt = 3
    """One thread computes at a time; the others read and prepare the next shard and write the last one."""
    allow_cpu: bool = False
    """Whether a worker that sees no GPU may still predict."""


class ClusterSection(WorkersSection):
    """Where the work runs; no result depends on it."""

    kind: str = "local"
    """`local`, `slurm` (a job per worker), `srun` (inside one allocation), the address of a running scheduler
    (`tcp://…`, `tls://…`), its scheduler file (`….json`), or a kind that another package offers."""
    dashboard: str = "127.0.0.1:0"
    """Address of the dashboard; port 0 is any that is free. A run prints what it became. Another address than that of
    this machine alone (`127.0.0.1`) needs the next key."""
    dashboard_open_to_network: bool = False
    """Whether the dashboard may listen on a network, for example with `dashboard = ":8787"`. It asks for no password:
    whoever reaches this machine can then read the names of tasks and files, and the workers' logs."""
    tls: bool = True
    """Encrypt and authenticate all traffic of `slurm` and `srun`, as `local` always does. Otherwise anyone who reaches
    the scheduler can run code as its user. For a running scheduler, its address decides."""
    tls_files: Annotated[
        Mapping[Literal["ca", "cert", "key"], str],
        Field(examples=[{"ca": "ca.pem", "cert": "client.pem", "key": "client-key.pem"}]),
    ] = {}
    """For `tls://…`: PEM files with the certificate authority, and the client's certificate and key."""
    poll_seconds: Annotated[PositiveFloat, Unit("s")] = 10.0
    """Time between two checks of SLURM's queue."""
    pending_seconds: Annotated[PositiveFloat, Unit("s")] = 600.0
    """Time without any worker after which SLURM's reason is reported."""
    when_pending: Literal["wait", "stop"] = "wait"
    """What to do then: wait, or end the run, which can continue later."""
    gpu: GpuSection | None = None
    """The table `[cluster.gpu]`: the phase that predicts has its own workers, each with a GPU."""

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        try:
            load_kind(kind)
        except ConfigurationError as error:
            raise ValueError(str(error)) from error
        return kind

    @model_validator(mode="after")
    def _phases_can_work(self) -> "ClusterSection":
        _check_phase(self.for_phase("ingest"))
        if self.gpu is not None:
            try:
                _check_phase(self.for_phase(GPU_PHASE))
            except WrongKeyError as error:
                if error.key and error.key[0] in self.gpu.model_fields_set:
                    raise WrongKeyError(f"gpu.{error}", "gpu", *error.key) from error
                raise
        return self

    @model_validator(mode="after")
    def _dashboard_is_here(self) -> "ClusterSection":
        if not (self.dashboard_open_to_network or is_loopback(self.dashboard)):
            reason = (
                f"dashboard = {self.dashboard!r} listens on a network, and asks for no password: write "
                '"127.0.0.1:8787" and reach it by ssh -L, or say dashboard_open_to_network = true'
            )
            raise WrongKeyError(reason, "dashboard")
        return self

    @property
    def wants_gpu(self) -> bool:
        """Whether each worker must have a GPU; use it on the result of `for_phase`."""
        added = self.options.get("job_extra_directives", ())
        return self.gpu is not None or asks_for_gpu(self.gres, (*self.directives, *added))

    def for_phase(self, phase: str) -> "ClusterSection":
        """Return the table for a phase; when it predicts, the keys of `[cluster.gpu]` replace those of the table."""
        if self.gpu is None:
            return self
        if phase != GPU_PHASE:
            return self.model_copy(update={"gpu": None})
        others = (self.gpu.model_fields_set | {"threads", "processes"}) - {"allow_cpu"}
        if not load_kind(self.kind).elsewhere:
            others.add("workers")  # the number of cores does not give the number of GPUs
        return self.model_copy(update={name: getattr(self.gpu, name) for name in others})


def is_running(kind: str) -> bool:
    """Tell whether `cluster.kind` is the address of a running scheduler, or its scheduler file."""
    return "://" in kind or kind.endswith(".json")


def is_loopback(address: str) -> bool:
    """Tell whether only this machine reaches each of the addresses `host:port`, separated by commas."""
    hosts = [part.strip().rpartition(":")[0] for part in address.split(",")]
    return all(host == "localhost" or _LOOPBACK.fullmatch(host) for host in hosts)


def load_kind(kind: str) -> Any:
    """Return the kind of cluster, a `survey_batch.cluster.ClusterKind`, that `cluster.kind` names.

    Raises
    ------
    ConfigurationError
        There is no such kind, or its package cannot be used.
    """
    name = RUNNING if is_running(kind) else kind
    if name not in offered(CLUSTERS):
        raise ConfigurationError(
            f"cluster.kind = {unknown(CLUSTERS, kind)}. A scheduler that is already running is named by its address, "
            'such as "tcp://host:8786", or its scheduler file (….json)'
        )
    found = load(CLUSTERS, name)
    try:
        return found()
    except TypeError as error:  # usually a class that lacks a method
        raise ConfigurationError(f"cluster.kind = {kind!r} cannot be used: {error}") from error


def _check_phase(section: ClusterSection) -> None:
    """Refuse jobs with too few cores, and what the kind of cluster refuses."""
    if section.cores is not None and section.processes > section.cores:
        reason = f"processes = {section.processes} in a job of cores = {section.cores}: each needs a core of its own"
        raise WrongKeyError(reason, "processes")
    if section.gres and any("--gres" in options_in(directive) for directive in section.directives):
        reason = f"directives: --gres would replace gres = {section.gres!r}; write all of them there"
        raise WrongKeyError(reason, "directives")
    load_kind(section.kind).check_file(section)
