"""A kind of cluster: each worker is a plain `dask worker` process of this machine."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from survey_batch.cluster import ClusterKind, worker_count
from survey_batch.cluster.tables import Table
from survey_batch.config.job import ClusterSection
from survey_batch.config.sections.base import WrongKeyError
from survey_batch.core.environment import worker_exports
from survey_batch.core.errors import SurveyBatchError
from survey_batch.core.findings import Findings, Site

if TYPE_CHECKING:
    from survey_batch.cluster.base import Connection, Say, Size


class ProcessesKind(ClusterKind):
    """One `dask worker` for each worker of the table; `options = { nice = 10 }` lowers their priority."""

    reads = ("dashboard", "dashboard_open_to_network", "python", "options")
    elsewhere = False

    def check_file(self, section: ClusterSection) -> None:
        """Refuse options other than `nice`."""
        if unknown := sorted(set(section.options) - {"nice"}):
            raise WrongKeyError(f"options: {unknown[0]!r} is not known; there is nice, from 0 to 19", "options")

    def findings(self, site: Site, tables: list[Table], folder: str) -> Findings[list[Table]]:
        """Look for the interpreter of each table."""
        usable = []
        for table in tables:
            python = table.section.python or sys.executable
            if shutil.which(python):
                yield site.ok(table.name, f"{worker_count(table.section)} processes of {python}")
                usable.append(table)
            else:
                yield site.failed(table.name, f"{python} cannot be run", f"correct {table.name}.python")
        return usable

    @contextmanager
    def connect(self, section: ClusterSection, output: str, say: "Say", name: str) -> Iterator["Connection"]:
        """Start a scheduler in this process, and the workers beside it."""
        import dask  # here, not above: every job file that names this kind imports this module
        from distributed import LocalCluster

        from survey_batch.cluster.base import SCHEDULER_SETTINGS, Connection, client_of
        from survey_batch.cluster.credentials import credentials, dashboard_settings, stored, worker_arguments
        from survey_batch.cluster.folders import KEYS, run_folder

        security = credentials()
        with (
            run_folder(output, "processes") as folder,
            dask.config.set(SCHEDULER_SETTINGS | dashboard_settings(section)),
            LocalCluster(
                n_workers=0, host="127.0.0.1", security=security, dashboard_address=section.dashboard
            ) as cluster,
            client_of(cluster) as client,
        ):
            keys = worker_arguments(stored(security, folder / KEYS))
            workers = Processes(folder, [cluster.scheduler_address, *keys])
            try:
                workers.change(section)
                yield Connection(client, client.dashboard_link, workers.size, workers.check, workers.change)
            finally:
                workers.end()


class Processes:
    """The workers, which are those of one table at a time."""

    def __init__(self, folder: Path, scheduler: list[str]) -> None:
        self.folder, self.scheduler, self.started = folder, scheduler, 0
        self.running: dict[int, subprocess.Popen[bytes]] = {}

    def change(self, section: ClusterSection) -> None:
        """End the workers, and start those of another table."""
        self.end()
        self.section = section
        for _ in range(worker_count(section)):
            self.running[self.started] = _start(section, self.scheduler, self.folder / f"{self.started}.log")
            self.started += 1

    def size(self) -> "Size":
        """Return the size of the cluster."""
        from survey_batch.cluster.base import Size

        return Size(len(self.running), len(self.running) * self.section.threads, self.section.wants_gpu)

    def check(self) -> None:
        """Raise an error if a worker ended by itself."""
        for number, worker in self.running.items():
            if worker.poll() is not None:
                log = self.folder / f"{number}.log"
                raise SurveyBatchError(f"worker {number} ended with {worker.returncode}; its log is {log}")

    def end(self) -> None:
        """End the workers."""
        for worker in self.running.values():
            worker.terminate()
        for worker in self.running.values():
            worker.wait()
        self.running.clear()


def _start(section: ClusterSection, scheduler: list[str], log: Path) -> subprocess.Popen[bytes]:
    nice = ["nice", "-n", str(section.options["nice"])] if "nice" in section.options else []
    worker = [section.python or sys.executable, "-m", "distributed.cli.dask_worker", *scheduler]
    limits = ["--nthreads", str(section.threads), "--memory-limit", section.memory]
    others = ["--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0", "--death-timeout", "60"]
    gpu = ["--resources", "GPU=1"] if section.wants_gpu else []
    environment = {**os.environ, **worker_exports()}  # what results depend on
    with log.open("wb") as stream:
        return subprocess.Popen(
            [*nice, *worker, *limits, *others, *gpu],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches the run alone, which then ends its workers
        )
