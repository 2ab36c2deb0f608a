"""The command line and a Dask cluster as processes of their own, which a test can kill at a chosen moment."""

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.compare import rows_done
from tests.patience import PATIENCE
from tests.servers import free_ports

BIN = Path(sys.executable).parent


class Command:
    """A running `survey-batch run`."""

    def __init__(self, job, folder, **options):
        folder.mkdir(parents=True, exist_ok=True)
        self.job, self.messages_file = job, folder / f"messages-{len(list(folder.iterdir()))}.txt"
        job_file = write_job(job, folder)
        with self.messages_file.open("wb") as messages:
            # A shell that runs tests in the background has its children ignore Ctrl-C; a terminal's do not.
            self.process = psutil.Popen(
                [BIN / "survey-batch", "run", job_file],
                stdout=messages,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
                **options,
            )
        self.family = [self.process]

    @property
    def messages(self):
        """All that the user has seen."""
        return self.messages_file.read_text()

    @property
    def workers(self):
        """The worker processes that the command has started."""
        servers = [child for child in self._look() if "multiprocessing.forkserver" in " ".join(child.cmdline())]
        return [child for child in servers if child.parent() in servers]

    @property
    def children(self):
        """All that the command has started, and that a terminal's Ctrl-C reaches."""
        return self._look()

    def _look(self):
        children = self.process.children(recursive=True)
        self.family += [child for child in children if child not in self.family]
        return children

    def wait_for(self, rows, product="spectra"):
        """Wait until `rows` rows of a product are done."""
        deadline = time.monotonic() + PATIENCE
        while rows_done(self.job.output, product) < rows:
            assert self.process.poll() is None, f"ended too early:\n{self.messages}"
            assert time.monotonic() < deadline, f"hangs:\n{self.messages}"
            time.sleep(0.02)
        self._look()

    def wait(self, patience=PATIENCE):
        """Wait for the end; return the exit code. No process of the command may stay."""
        code = self.process.wait(patience)
        assert not psutil.wait_procs(self.family, PATIENCE)[1], "orphans"
        return code

    def end(self):
        """Kill whatever is left."""
        self.family += self.process.children(recursive=True) if self.process.is_running() else []
        kill(*self.family)


@contextmanager
def command(job, folder, **options):
    """Run `survey-batch run` on a job, with options of `Popen`; nothing of it outlives the context."""
    running = Command(job, folder, **options)
    try:
        yield running
    finally:
        running.end()


def complete(job, folder):
    """Run a job to its end; return what the user has seen."""
    with command(job, folder) as running:
        assert running.wait() == 0, running.messages
        return running.messages


@contextmanager
def dask_cluster(folder, workers=2):
    """Run `dask scheduler` and some `dask worker`; yields the address and the scheduler's process."""
    (port,) = free_ports(1)
    address = f"tcp://127.0.0.1:{port}"
    options = ["--host", "127.0.0.1", "--no-dashboard"]
    processes = [_dask(folder, "scheduler", "--port", str(port), *options)]
    try:
        worker = ("worker", address, "--nthreads", "1", *options)
        processes.extend(_dask(folder, *worker) for _ in range(workers))
        yield address, processes[0]
    finally:
        family = [p for process in processes if process.is_running() for p in process.children(recursive=True)]
        kill(*processes, *family)


def _dask(folder, *arguments):
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{arguments[0]}.txt").open("ab") as messages:
        return psutil.Popen([BIN / "dask", *arguments], stdout=messages, stderr=messages, cwd=folder)


def kill(*processes):
    """Kill with SIGKILL, which nothing can catch, and wait."""
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, PATIENCE)


def write_job(job, folder):
    """Write a job file to a folder."""
    path = folder / "job.toml"
    path.write_text(to_toml(job.model_dump(mode="json", exclude_none=True, exclude_unset=True)))
    return path


def to_toml(tables, prefix=""):
    """Write nested tables as TOML; JSON's values are TOML's, but for tables."""
    plain = {key: value for key, value in tables.items() if not isinstance(value, dict)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    for key, table in tables.items():
        if isinstance(table, dict):
            lines += ["", f"[{prefix}{key}]", to_toml(table, f"{prefix}{key}.")]
    return "\n".join(lines)
