"""Workers as SLURM jobs: a scheduler in this process, scripts by dask-jobqueue, jobs kept by the reconciler."""

import logging
import math
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import dask
from distributed import Client, Scheduler, SchedulerPlugin, Security, SpecCluster

from survey_batch.cluster.base import (
    MEMORY_FIRST,
    MORE_MEMORY,
    SCHEDULER_SETTINGS,
    Connection,
    Death,
    Say,
    Size,
    client_of,
    register,
)
from survey_batch.cluster.credentials import credentials, dashboard_settings, stored
from survey_batch.cluster.dashboard import WITHOUT_PAGES
from survey_batch.cluster.drain import Drain, walltime_of
from survey_batch.cluster.folders import KEYS, run_folder
from survey_batch.cluster.kind import worker_count
from survey_batch.cluster.launch import Launcher
from survey_batch.cluster.reconcile import LEAVE_SECONDS, Reconciler
from survey_batch.cluster.slurm_script import drain_margin, job_of, worker_job
from survey_batch.cluster.words import Meaning, is_guilty
from survey_batch.config.job import ClusterSection
from survey_batch.config.sections.cluster import is_loopback
from survey_batch.core import interrupt
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.steps import step

log = logging.getLogger(__name__)

TOO_LONG = "it takes longer than the walltime: raise cluster.walltime, or lower shards.objects (in a new output)"

TOO_LARGE = f"it needs more memory than its worker has: {MORE_MEMORY}"

ADVICE = {Meaning.TIME: TOO_LONG, Meaning.MEMORY: TOO_LARGE}
"""What to change where a shard has ended so many jobs in such a way that it is set aside."""

BY_ITSELF = "its process died while its job {} went on"


@contextmanager
def slurm_cluster(
    section: ClusterSection, launcher: type[Launcher], output: str, say: Say, name: str
) -> Iterator[Connection]:
    """Start a scheduler here and workers in SLURM; both end with the `with` block.

    Raises
    ------
    ConfigurationError
        SLURM or dask-jobqueue is missing, workers would have no time to work, or SLURM accepts no job.
    """
    security = _security(section)
    _allow_open_files()
    with (
        run_folder(output, "slurm") as folder,
        dask.config.set(
            {**SCHEDULER_SETTINGS, **dashboard_settings(section), "distributed.comm.timeouts.connect": "60s"}
        ),
        closing(_start(section, security)) as cluster,
        client_of(cluster) as client,
    ):
        keys = None if security is None else stored(security, folder / KEYS)
        workers = SlurmWorkers(cluster, client, launcher(folder), name, keys, section, say)
        keeper = workers.reconciler
        try:
            workers.begin(section)
            dashboard = _dashboard(client, section)
            yield Connection(
                client,
                dashboard,
                workers.size,
                keeper.check,
                workers.change,
                workers.death_of,
                workers.launcher.leave_out,
            )
            workers.finish()
        finally:
            keeper.stop()


class SlurmWorkers:
    """The workers of a cluster in SLURM, which are those of one table at a time."""

    def __init__(
        self,
        cluster: SpecCluster,
        client: Client,
        launcher: Launcher,
        name: str,
        keys: Security | None,
        section: ClusterSection,
        say: Say,
    ) -> None:
        self.cluster, self.client, self.launcher, self.name, self.keys = cluster, client, launcher, name, keys
        self.section = section
        self.arrivals = Arrivals(lambda job: self.reconciler.is_paused(job))
        cluster.scheduler.add_plugin(self.arrivals)
        self.reconciler = Reconciler(
            launcher,
            lambda: {job_of(name) for name in self.arrivals.addresses.copy()},
            lambda: len(cluster.scheduler.workers),
            self._dismiss,
            section,
            say,
        )

    def begin(self, section: ClusterSection) -> None:
        """Ask SLURM for the first workers."""
        self._prepare(section)
        self.reconciler.start(self._job(section), self._jobs())

    def change(self, section: ClusterSection) -> None:
        """Close all workers, whose jobs then end by themselves, and ask SLURM for those of another table."""
        step("changing the workers")
        self._prepare(section)
        self.reconciler.change(self._job(section), self._jobs())
        self._dismiss()

    def finish(self) -> None:
        """Close all workers, and wait a while for their jobs to end by themselves."""
        step("closing the workers")
        self.reconciler.change(None, 0)
        self._dismiss()
        deadline = time.monotonic() + LEAVE_SECONDS
        while not self.reconciler.gone() and time.monotonic() < deadline:
            time.sleep(0.1)
            interrupt.check()

    def size(self) -> Size:
        """Return the size that the cluster is to have."""
        workers = self._jobs() * self.section.processes
        return Size(workers, workers * self.section.threads, self.section.wants_gpu)

    def death_of(self, worker: str, address: str) -> Death:
        """Return what SLURM's words, and whether its process was started again, say of a worker's death."""
        number, look = job_of(worker), MEMORY_FIRST.format(logs=f"the job's log in {self.launcher.folder}")
        if address in self.arrivals.paused:
            return Death(guilty=False, told=f"its job {number} was suspended")
        if self.arrivals.addresses.get(worker, address) != address:
            return Death(guilty=True, told=BY_ITSELF.format(number), advice=look)
        if (end := self.reconciler.ends.get(number)) is not None:
            return Death(is_guilty(end), f"its job {number} {end}", ADVICE.get(end.words.meaning, look))
        return Death(guilty=None, told=f"what became of job {number} is not known yet")

    def _prepare(self, section: ClusterSection) -> None:
        """Take over a table; its workers leave in time before their walltime."""
        self.section = section
        times = (drain_margin(section), walltime_of(section)) if self.launcher.batch else (math.inf, math.inf)
        register(self.client, Drain(*times))

    def _job(self, section: ClusterSection) -> Any:
        address = self.cluster.scheduler.address
        return worker_job(section, type(self.launcher), self.name, self.launcher.folder, address, self.keys)

    def _jobs(self) -> int:
        """Return the number of jobs to keep."""
        jobs = -(-worker_count(self.section) // self.section.processes)
        return min(jobs, self.section.maximum_jobs or jobs)

    def _dismiss(self, jobs: set[str] | None = None) -> None:
        """Close the workers of some jobs, or all; between two phases they hold nothing that is still needed."""
        self.cluster.sync(self._remove, jobs)

    async def _remove(self, jobs: set[str] | None) -> None:
        scheduler = self.cluster.scheduler
        for address, worker in list(scheduler.workers.items()):
            if jobs is None or job_of(str(worker.name)) in jobs:
                await scheduler.remove_worker(address, expected=True, stimulus_id=f"survey-batch-{time.time()}")


class Arrivals(SchedulerPlugin):  # type: ignore[misc]
    """Record of the workers that have reached the scheduler: the last address of each name.

    It is also noted which of them went while their job was suspended. A suspended worker sends no heartbeat; when its
    job goes on, its process is started again, as if it had died by itself.

    Parameters
    ----------
    is_paused : callable
        Tells whether a job is suspended, as far as is known.
    """

    def __init__(self, is_paused: Callable[[str], bool]) -> None:
        self.is_paused = is_paused
        self.addresses: dict[str, str] = {}
        self.paused: set[str] = set()

    def add_worker(self, scheduler: Any, worker: str) -> None:
        """Note the address of a new worker."""
        self.addresses[str(scheduler.workers[worker].name)] = worker

    def remove_worker(self, scheduler: Any, worker: str, **_: Any) -> None:  # noqa: ARG002
        """Note a worker that went while its job was suspended."""
        name = next((name for name, address in self.addresses.items() if address == worker), "")
        if self.is_paused(job_of(name)):
            self.paused.add(worker)


def _start(section: ClusterSection, security: Security | None) -> SpecCluster:
    """Start the scheduler without workers."""
    scheduler = {"cls": Scheduler, "options": scheduler_options(section, security)}
    try:
        with interrupt.kept_from_children():
            return SpecCluster(scheduler=scheduler, security=security, silence_logs=logging.CRITICAL)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigurationError(f"the scheduler cannot start with the table [cluster]: {error}") from error


def scheduler_options(section: ClusterSection, security: Security | None) -> dict[str, Any]:
    """Return the options of the scheduler: ours, and those of `cluster.options.scheduler_options`."""
    theirs = dict(section.options.get("scheduler_options", {}))
    ours: dict[str, Any] = {
        "protocol": "tls://" if security else None,
        "security": security,
        "dashboard_address": section.dashboard,
        **WITHOUT_PAGES,
    }
    if not {"host", "interface"} & theirs.keys():
        ours["interface"] = section.interface or dask.config.get("jobqueue.slurm.interface", None)
    return {**theirs, **ours}


def _allow_open_files() -> None:
    """Raise this process's limit of open files to the maximum: each worker needs up to three sockets here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


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
