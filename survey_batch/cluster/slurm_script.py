"""The script of a worker job, by dask-jobqueue: what a table `[cluster]` and the site's settings ask for."""

import math
import re
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dask
from dask.utils import format_bytes
from distributed import Security

from survey_batch.cluster.drain import END, margin_of, walltime_of
from survey_batch.cluster.launch import Launcher, WorkerJob, request_of
from survey_batch.config.job import ClusterSection
from survey_batch.config.sections.slurm_values import ADDED_OPTIONS, check_drain
from survey_batch.core.environment import worker_exports
from survey_batch.core.errors import ConfigurationError

NAME = "survey-batch"
"""Prefix of the names of workers."""

LONGEST_NAME = 40
"""Characters of a job's name that the names of its worker jobs keep."""


def job_of(worker: str) -> str:
    """Return a worker's job from its name: `survey-batch_<job>`, with `-<process>` if a job has several workers."""
    return worker.removeprefix(f"{NAME}_").split("-")[0]


def name_of(job: str, section: ClusterSection) -> str:
    """Return the name of a job's worker jobs: `sb-<job>-cpu` or `sb-<job>-gpu`, in characters that SLURM takes."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "-", job).strip("-")[:LONGEST_NAME]
    return f"sb-{plain or 'job'}-{'gpu' if section.wants_gpu else 'cpu'}"


def worker_job(
    section: ClusterSection, launcher: type[Launcher], job: str, folder: Path, address: str, keys: Security | None
) -> WorkerJob:
    """Make what each worker job of a table runs.

    Parameters
    ----------
    section
        The table.
    launcher
        How jobs are started.
    job
        The name of the survey_batch job.
    folder
        For the logs.
    address
        Of the scheduler.
    keys
        Names the files with the worker's certificate and key; None without TLS.

    Raises
    ------
    ConfigurationError
        An option is unknown, or dask-jobqueue is missing.
    """
    name = name_of(job, section)
    options: dict[str, Any] = {
        "cores": section.threads * section.processes,
        "processes": section.processes,
        "memory": format_bytes(request_of(section).memory),
        "job_cpu": section.cores,
        "queue": section.partition,
        "account": section.account,
        "walltime": section.walltime,
        "python": section.python,
        "interface": section.interface,
        "local_directory": section.scratch,
        "job_name": name,
        "log_directory": str(folder),
        "job_extra_directives": _directives(section),
        "job_script_prologue": _prologue(section, launcher),
        "worker_extra_args": _worker_arguments(section),
        "protocol": None if keys is None else "tls://",
        "security": keys,
    }
    made = _job_class()
    try:
        # The worker is named after its job.
        script = made(address, f"{NAME}_{launcher.number}", **with_options(options, section.options)).job_script()
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigurationError(f"the table [cluster] cannot be used: {error}") from error
    return WorkerJob(section, name, str(script))


def with_options(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Add the job's options to ours: lists are joined; `check_options` has refused any others that we set."""
    joined = {name: [*ours[name], *theirs[name]] for name in ADDED_OPTIONS if name in theirs}
    others = {name: value for name, value in theirs.items() if name != "scheduler_options"}
    return {**ours, **others, **joined}


def _job_class() -> Any:
    handler = signal.getsignal(signal.SIGINT)
    try:
        from dask_jobqueue.slurm import SLURMJob
    except ImportError as error:
        raise ConfigurationError('SLURM needs the extra "slurm": pip install "survey-batch[slurm]"') from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)  # dask-jobqueue replaces the handler at import
    return SLURMJob


def _directives(section: ClusterSection) -> list[str]:
    site = list(dask.config.get("jobqueue.slurm.job-extra-directives", None) or [])
    named = {"--qos": section.qos, "--gres": section.gres}
    # If SLURM requeued a job, it would run in addition to the job that replaces it.
    return [*site, "--no-requeue", *(f"{key}={value}" for key, value in named.items() if value), *section.directives]


def _prologue(section: ClusterSection, launcher: type[Launcher]) -> list[str]:
    site = list(dask.config.get("jobqueue.slurm.job-script-prologue", None) or [])
    exports = [f"export {name}={value}" for name, value in worker_exports().items()]
    walltime = walltime_of(section) if launcher.batch else math.inf
    end = [f"export {END}=$(($(date +%s) + {walltime:.0f}))"] if math.isfinite(walltime) else []
    return [*site, *exports, *end, *section.prologue]


def _worker_arguments(section: ClusterSection) -> list[str]:
    site = list(dask.config.get("jobqueue.slurm.worker-extra-args", None) or [])
    resources = ["--resources", "GPU=1"] if section.wants_gpu else []
    copies = ["--preload-nanny", "survey_batch.cluster.forkserver"] if section.processes > 1 else []
    return [*site, "--dashboard-address", "127.0.0.1:0", *resources, *copies]


def limit_said(seconds: float) -> str:
    """Return a time limit as text for users."""
    return f"{seconds:.0f} s" if math.isfinite(seconds) else "without limit"


def drain_margin(section: ClusterSection) -> float:
    """Return the seconds before the walltime's end at which workers drain.

    Raises
    ------
    ConfigurationError
        The workers would have no time left to work.
    """
    walltime = walltime_of(section)
    margin = margin_of(section.drain_seconds, walltime)
    try:
        check_drain(margin, walltime)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    return margin
