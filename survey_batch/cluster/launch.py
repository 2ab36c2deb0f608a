"""Launchers that start, watch and end worker jobs: with `sbatch`, or with `srun` inside one allocation."""

import getpass
import os
import re
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from dask.utils import parse_bytes

from survey_batch.cluster.words import End, end_in_sacct, end_in_scontrol
from survey_batch.config.sections.cluster import ClusterSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.wording import counted, size

STEP = "SURVEY_BATCH_STEP"
"""Environment variable of a step with its identifier."""
COMMAND_SECONDS = 60.0
"""Time limit of a command; SLURM's commands wait about 15 s for a controller that does not answer."""


END_LINES = 100
"""Lines at the end of a job's log in which SLURM's own words are looked for."""


DIRECTIVE = "#SBATCH "
EXCLUDE = re.compile(r"^(?:--exclude[= ]|-x[= ]?)\s*(\S+)")
"""A directive that leaves out nodes; `sbatch` heeds only the last one."""


class LaunchError(Exception):
    """SLURM did not accept a job; the message is SLURM's."""


@dataclass(frozen=True)
class JobState:
    """SLURM's state of a job that has not ended, for example `PENDING` with the reason `Resources`."""

    state: str
    reason: str = ""


@dataclass(frozen=True)
class Request:
    """What one job asks for on one node."""

    workers: int
    cores: int
    memory: int
    """Bytes of all its workers."""

    def __str__(self) -> str:
        workers = f" for {self.workers} workers" if self.workers > 1 else ""
        return f"{counted(self.cores, 'core')} and {size(self.memory)}{workers}"


def request_of(section: ClusterSection) -> Request:
    """Return what a worker job of a table asks for."""
    cores = section.cores or section.threads * section.processes
    return Request(section.processes, cores, parse_bytes(section.memory) * section.processes)


@dataclass(frozen=True)
class WorkerJob:
    """What each job of a phase runs.

    Attributes
    ----------
    section : ClusterSection
        Says what it asks for.
    name : str
        As SLURM shows it.
    script : str
    """

    section: ClusterSection
    name: str
    script: str


class Launcher(ABC):
    """A way to start worker jobs.

    Attributes
    ----------
    commands
        SLURM's commands that it needs.
    batch
        Whether each is a batch job of its own, which has a time limit.
    number
        The job's identifier, for the shell that runs its script.
    """

    commands: ClassVar[Sequence[str]]
    batch: ClassVar[bool]
    number: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.left_out: list[str] = []
        if missing := [name for name in self.commands if shutil.which(name) is None]:
            raise ConfigurationError(
                f"SLURM's command {missing[0]} is not on the path of this machine: run on a login node of the cluster, "
                'or set cluster.kind = "local"'
            )

    def leave_out(self, node: str) -> None:
        """Start no more jobs on a node."""
        if node not in self.left_out:
            self.left_out.append(node)

    def exclusion(self, directives: Iterable[str]) -> list[str]:
        """Return the option that leaves out our nodes and those that the user's directives name; none if no node is."""
        theirs = [_node_list(found[1]) for line in directives if (found := EXCLUDE.search(line))]
        return [f"--exclude={','.join([*theirs, *self.left_out])}"] if self.left_out else []

    @abstractmethod
    def submit(self, job: WorkerJob) -> str:
        """Start one job; return its identifier. `LaunchError` says why SLURM did not accept it."""

    @abstractmethod
    def states(self) -> Mapping[str, JobState]:
        """Return the jobs that have not ended, by identifier; `LaunchError` says why SLURM does not answer."""

    @abstractmethod
    def cancel(self, jobs: Iterable[str]) -> None:
        """End jobs; a job that has already ended is no error."""

    @abstractmethod
    def end_of(self, job: str) -> End:
        """Return how a job ended, as far as it is known."""

    def log_of(self, job: str, lines: int = 5) -> str | None:
        """Return the last lines of a job's log; None if there is no log, not even an empty one."""
        found = sorted(path for path in self.folder.glob(f"*-{job}.*") if path.suffix != ".sh")
        if not found:
            return None
        wrote = [line for path in found for line in path.read_text(errors="replace").splitlines() if line.strip()]
        return "\n".join(wrote[-lines:])


class Sbatch(Launcher):
    """Worker jobs as separate batch jobs."""

    commands = ("sbatch", "squeue", "scancel")
    batch = True
    number = "$SLURM_JOB_ID"

    def submit(self, job: WorkerJob) -> str:
        """Hand the job's script to `sbatch`."""
        return self._sbatch("--parsable", job.script).stdout.strip().split(";")[0]

    def test(self, script: str) -> str:
        """Ask whether SLURM would accept a script, without submitting it; return when and where it would start."""
        return self._sbatch("--test-only", script).stderr.strip()

    def _sbatch(self, option: str, script: str) -> subprocess.CompletedProcess[str]:
        path = self.folder / "worker.sh"
        path.write_text(script, encoding="utf-8")
        asked = [line.removeprefix(DIRECTIVE) for line in script.splitlines() if line.startswith(DIRECTIVE)]
        done = call_slurm(["sbatch", option, *self.exclusion(asked), str(path)])
        if done.returncode:
            raise LaunchError(done.stderr.strip() or f"sbatch ended with {done.returncode}")
        return done

    def states(self) -> Mapping[str, JobState]:
        """Ask `squeue` for all jobs of this user; to ask for an ended job by its number is an error."""
        done = call_slurm(["squeue", "--noheader", f"--user={getpass.getuser()}", "--format=%i|%T|%r"])
        if done.returncode:
            raise LaunchError(done.stderr.strip() or f"squeue ended with {done.returncode}")
        rows = (line.split("|") for line in done.stdout.splitlines() if line.count("|") == 2)
        return {number.strip(): JobState(state, reason) for number, state, reason in rows}

    def cancel(self, jobs: Iterable[str]) -> None:
        """End jobs with `scancel`."""
        if numbers := list(jobs):
            call_slurm(["scancel", *numbers])

    def end_of(self, job: str) -> End:
        """Ask `scontrol`, which knows jobs that ended minutes ago, then `sacct`, which sites may lack."""
        end = end_in_scontrol(_answer("scontrol", "--oneliner", "show", "job", job))
        if not end.state:
            asked = ("--noheader", "--parsable2", "--allocations", f"--jobs={job}", "--format=State,ExitCode,NodeList")
            end = end_in_sacct(_answer("sacct", *asked))
        return replace(end, log=self.log_of(job, END_LINES) or "")


class Srun(Launcher):
    """Worker jobs as steps of the allocation in which this process runs."""

    commands = ("srun",)
    batch = False
    number = f"${STEP}"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        if "SLURM_JOB_ID" not in os.environ:
            raise ConfigurationError(
                'cluster.kind = "srun" starts workers inside an allocation, but this process is not in one: start it '
                'with sbatch or salloc, or set cluster.kind = "slurm"'
            )
        self.steps: dict[str, subprocess.Popen[bytes]] = {}

    def submit(self, job: WorkerJob) -> str:
        """Start a step that runs the job's script."""
        request, section, step = request_of(job.section), job.section, f"step{len(self.steps)}"
        options = [
            f"--job-name={job.name}",
            f"--cpus-per-task={request.cores}",
            f"--mem={request.memory // 2**20}M",
            *([f"--gres={section.gres}"] if section.gres else []),
            *section.directives,
            *self.exclusion(section.directives),
        ]
        path = self.folder / f"{job.name}-{step}.sh"
        path.write_text(job.script, encoding="utf-8")
        with (self.folder / f"{job.name}-{step}.log").open("wb") as log:
            self.steps[step] = subprocess.Popen(  # noqa: S603
                [_path("srun"), "--exact", "--ntasks=1", *options, "bash", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, STEP: step},
                start_new_session=True,  # Ctrl-C must reach only this process, which then ends the steps
            )
        return step

    def states(self) -> Mapping[str, JobState]:
        """Return the steps whose `srun` is running."""
        return {job: JobState("RUNNING") for job, step in self.steps.items() if step.poll() is None}

    def cancel(self, jobs: Iterable[str]) -> None:
        """End the `srun` of each job, which ends its step."""
        steps = [self.steps[job] for job in jobs if job in self.steps]
        for step in steps:
            step.terminate()
        for step in steps:
            try:
                step.wait(timeout=COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                step.kill()

    def end_of(self, job: str) -> End:
        """Take the exit code of `srun`, and SLURM's own words in the step's log."""
        code = self.steps[job].poll() or 0
        return End("" if code else "COMPLETED", f"{code}:0", log=self.log_of(job, END_LINES) or "")


def _node_list(nodes: str) -> str:
    """Return a list of nodes; SLURM takes one with a slash for a file that holds the list."""
    if "/" not in nodes:
        return nodes
    try:
        return ",".join(Path(nodes).read_text(encoding="utf-8").replace(",", " ").split())
    except OSError as error:
        raise LaunchError(f"the list of nodes {nodes} in cluster.directives cannot be read: {error}") from error


def _path(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise LaunchError(f"{name} is no longer on the path")
    return found


def _answer(command: str, *arguments: str) -> str:
    """Return what a command answers; "" if it fails or is not installed."""
    try:
        done = call_slurm([command, *arguments])
    except LaunchError:
        return ""
    return "" if done.returncode else done.stdout


def call_slurm(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a SLURM command; if it does not answer in time, return a failure with a message that says so."""
    try:
        return subprocess.run(  # noqa: S603
            [_path(command[0]), *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
            start_new_session=True,  # Ctrl-C must reach only this process: it could lose the job that `sbatch` submits
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(
            list(command), 1, "", f"{command[0]} did not answer in {COMMAND_SECONDS:.0f} s"
        )
