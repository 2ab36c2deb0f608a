"""Workers as SLURM jobs: a scheduler in this process, scripts by dask-jobqueue, jobs kept by the reconciler."""

import logging
import math
import os
import resource
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import dask
from dask.utils import format_bytes
from distributed import Client, SchedulerPlugin, Security

from survey_batch.cluster.base import SCHEDULER_SETTINGS, Connection, Say, Size, client_of, job_folder, register
from survey_batch.cluster.credentials import credentials, dashboard_settings
from survey_batch.cluster.drain import END, Drain, margin_of, walltime_of
from survey_batch.cluster.kind import worker_count
from survey_batch.cluster.launch import Launcher, request_of
from survey_batch.cluster.reconcile import Reconciler
from survey_batch.config.job import ClusterSection
from survey_batch.config.sections.cluster import is_loopback
from survey_batch.config.sections.slurm_values import ADDED_OPTIONS, check_drain
from survey_batch.core import interrupt
from survey_batch.core.environment import worker_exports
from survey_batch.core.errors import ConfigurationError

log = logging.getLogger(__name__)

NAME = "survey-batch"
DUMMY = "dummy-name"
"""Name that dask-jobqueue gives the worker in the script that it shows."""


@contextmanager
def slurm_cluster(section: ClusterSection, launcher: type[Launcher], output: str, say: Say) -> Iterator[Connection]:
    """Start a scheduler here and workers in SLURM; both end with the `with` block.

    Raises
    ------
    ConfigurationError
        SLURM or dask-jobqueue is missing, workers would have no time to work, or SLURM accepts no job.
    """
    folder = job_folder(output, "slurm")
    margin = drain_margin(section) if launcher.batch else math.inf
    target = -(-worker_count(section) // section.processes)
    if section.maximum_jobs is not None:
        target = min(target, section.maximum_jobs)
    _allow_open_files()
    with (
        dask.config.set(
            {**SCHEDULER_SETTINGS, **dashboard_settings(section), "distributed.comm.timeouts.connect": "60s"}
        ),
        closing(_start(section, launcher, folder)) as cluster,
        client_of(cluster) as client,
    ):
        register(client, Drain(margin))
        arrivals = Arrivals()
        cluster.scheduler.add_plugin(arrivals)
        reconciler = Reconciler(
            launcher(folder, section),
            script_of(cluster, launcher),
            target,
            arrivals.jobs.copy,
            lambda: len(cluster.scheduler.workers),
            section,
            say,
        )
        try:
            reconciler.start()
            workers = target * section.processes
            size = Size(workers, workers * section.threads, section.wants_gpu)
            yield Connection(client, _dashboard(client, section), lambda: size, reconciler.check)
        finally:
            reconciler.stop()


def _start(section: ClusterSection, launcher: type[Launcher], folder: Path) -> Any:
    with interrupt.kept_from_children():
        return make_cluster(section, launcher, folder)


class Arrivals(SchedulerPlugin):  # type: ignore[misc]
    """Record of the jobs whose workers have reached the scheduler."""

    def __init__(self) -> None:
        self.jobs: set[str] = set()

    def add_worker(self, scheduler: Any, worker: str) -> None:
        """Note the job of a new worker."""
        self.jobs.add(job_of(str(scheduler.workers[worker].name)))


def job_of(worker: str) -> str:
    """Return a worker's job from its name: `survey-batch_<job>`, with `-<process>` if a job has several workers."""
    return worker.removeprefix(f"{NAME}_").split("-")[0]


def make_cluster(section: ClusterSection, launcher: type[Launcher], folder: Path) -> Any:
    """Start the scheduler without workers.

    Raises
    ------
    ConfigurationError
        An option is unknown, or TLS is requested and its package is missing.
    """
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
        "job_name": NAME,
        "log_directory": str(folder),
        "shared_temp_directory": str(folder),
        "job_extra_directives": _directives(section),
        "job_script_prologue": _prologue(section, launcher),
        "worker_extra_args": _worker_arguments(section),
        "security": _security(section),
        "scheduler_options": {"dashboard_address": section.dashboard},
        "silence_logs": logging.CRITICAL,
    }
    try:
        return _cluster_class()(**with_options(options, section.options))
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigurationError(f"the table [cluster] cannot be used: {error}") from error


def with_options(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Add the job's options to ours: lists are joined, tables merged; `check_options` has refused any others."""
    joined = {name: [*ours[name], *theirs[name]] for name in ADDED_OPTIONS if name in theirs}
    scheduler = {**theirs.get("scheduler_options", {}), **ours["scheduler_options"]}
    return {**ours, **theirs, **joined, "scheduler_options": scheduler}


def script_of(cluster: Any, launcher: type[Launcher]) -> str:
    """Return the script of a worker job, which names the worker after the job."""
    return str(cluster.job_script()).replace(DUMMY, f"{NAME}_{launcher.number}")


def _cluster_class() -> Any:
    handler = signal.getsignal(signal.SIGINT)
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError as error:
        raise ConfigurationError('SLURM needs the extra "slurm": pip install "survey-batch[slurm]"') from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)  # dask-jobqueue replaces the handler at import
    return SLURMCluster


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


def _allow_open_files() -> None:
    """Raise this process's limit of open files to the maximum: each worker needs up to three sockets here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


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


def _security(section: ClusterSection) -> Security | None:
    if not section.tls:
        if not (section.interface or dask.config.get("jobqueue.slurm.interface", None)):
            raise ConfigurationError(
                "cluster.tls is false, and without cluster.interface scheduler and workers would listen on all "
                "networks, where anyone who reaches them can run code as you: set one that only the cluster sees, "
                'such as "ib0"'
            )
        return None
    return credentials()


def _dashboard(client: Client, section: ClusterSection) -> str:
    """Return the address of the dashboard; if it listens on loopback, also how to see it from elsewhere."""
    link = str(client.dashboard_link)
    port = link.rpartition(":")[2].partition("/")[0]
    if not is_loopback(section.dashboard) or not port.isdigit():
        return link
    here = f"{os.environ.get('USER', '<user>')}@{socket.gethostname()}"
    return f"http://localhost:{port}/status (from elsewhere, first: ssh -L {port}:127.0.0.1:{port} {here})"
