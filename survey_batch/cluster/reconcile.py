"""Keep the number of worker jobs: replace jobs ended by walltime, preemption, `scancel` or a dead node.

Dask's `adapt()` does not do this: jobs that end by themselves are not submitted again (dask-jobqueue#691, #611), nor is
a job that was cancelled before its worker connected.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from survey_batch.cluster.base import Say
from survey_batch.cluster.launch import JobState, Launcher, LaunchError, request_of
from survey_batch.config.job import ClusterSection
from survey_batch.core import interrupt
from survey_batch.core.errors import ConfigurationError, SurveyBatchError

log = logging.getLogger(__name__)

FAILURES_ALLOWED = 3
"""Jobs in a row (and more than run at a time) that end before their worker reaches the scheduler. This is a mistake
that would repeat forever."""


NEVER_STARTS = {
    "AccountNotAllowed",
    "BadConstraints",
    "InvalidAccount",
    "InvalidQOS",
    "PartitionConfig",
    "PartitionNodeLimit",
    "PartitionTimeLimit",
    "QOSNotAllowed",
}
"""SLURM's reasons for which a job waits until somebody changes it; `never_starts` knows limits per job as well."""


class NoWorkersError(SurveyBatchError):
    """SLURM started no worker within the time that the job allows; the same command continues later."""


@dataclass
class Submitted:
    """A worker job of ours that has not ended as far as we know."""

    state: JobState
    connected: bool = False


class Reconciler:
    """Keeper of the worker jobs in SLURM's queue.

    Parameters
    ----------
    launcher
        Starts, watches and ends the jobs.
    script
        The script that each job runs.
    target
        Number of jobs to keep, running or pending.
    connected
        Returns the jobs with a worker that has ever reached the scheduler.
    alive
        Returns the current number of workers.
    section
        Sets how long to wait.
    say
        Called with messages for the user.
    """

    def __init__(
        self,
        launcher: Launcher,
        script: str,
        target: int,
        connected: Callable[[], set[str]],
        alive: Callable[[], int],
        section: ClusterSection,
        say: Say,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.launcher, self.script, self.target = launcher, script, target
        self.connected, self.alive, self.section, self.say, self.now = connected, alive, section, say, now
        self.jobs: dict[str, Submitted] = {}
        self.failures = 0
        self.refused = ""
        self.warned: set[str] = set()
        self.error: SurveyBatchError | None = None
        self.last_worker = self.last_told = now()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="survey-batch reconciler", daemon=True)

    def start(self) -> None:
        """Submit the first jobs, then watch them until `stop`."""
        self.step()
        self._thread.start()

    def stop(self) -> None:
        """End all jobs; a second Ctrl-C is held back, because it would leave them in the queue."""
        with interrupt.held():
            self._ended.set()
            if self._thread.is_alive():
                self._thread.join()
            self.launcher.cancel(self.jobs)

    def check(self) -> None:
        """Raise the error that made the reconciler give up."""
        if self.error is not None:
            raise self.error

    def _loop(self) -> None:
        while not self._ended.wait(self.section.poll_seconds) and self.error is None:
            try:
                self.step()
            except SurveyBatchError as error:
                self.error = error
            except Exception as error:  # noqa: BLE001 - if the thread died silently, the run would wait forever
                self.error = SurveyBatchError(f"looking after worker jobs failed ({type(error).__name__}: {error})")

    def step(self) -> None:
        """Check once: note ended jobs, submit missing ones, and report long waits."""
        states = self.launcher.states()
        if states is not None:  # if the controller does not answer, assume that all jobs are still there
            self._compare(states)
        self._fill()
        self._watch()

    def _compare(self, states: Mapping[str, JobState]) -> None:
        known = self.connected()
        for number, job in list(self.jobs.items()):
            job.connected = job.connected or number in known
            if number in states:
                job.state = states[number]
            else:
                self._note_end(number, self.jobs.pop(number))

    def _note_end(self, number: str, job: Submitted) -> None:
        extra = {"event": "worker job ended", "slurm_job": number}
        log.info("worker job %s ended and is replaced", number, extra=extra)
        self.failures = 0 if job.connected else self.failures + 1
        if self.failures >= max(FAILURES_ALLOWED, self.target + 1) and not self.alive():
            raise ConfigurationError(
                f"{self.failures} worker jobs in a row ended before their worker reached the scheduler. "
                f"{self._explain(number)}"
            )

    def _explain(self, number: str) -> str:
        """Say what a job that ended too early left, and what to check."""
        folder, wrote = self.launcher.folder, self.launcher.log_of(number)
        if wrote is None:  # SLURM opens the log on the node; if it cannot, the job ends without a word
            return (
                f"The last one (job {number}) left no log in {folder}: its node does not see this folder, or the job "
                "was cancelled before it started. Choose an output that all nodes see, and give its full path"
            )
        return (
            f"Check cluster.prologue, cluster.python and cluster.interface, and that workers see {folder} (also from "
            f"within a container); the last one (job {number}, logs there) wrote:\n{wrote or 'nothing'}"
        )

    def _fill(self) -> None:
        try:
            while len(self.jobs) < self.target:
                with interrupt.held():  # every job that SLURM accepts must be recorded here
                    number = self.launcher.submit(self.script)
                    self.jobs[number] = Submitted(JobState("PENDING", "just submitted"))
                extra = {"event": "worker job submitted", "slurm_job": number}
                log.info("worker job %s submitted", number, extra=extra)
                self.refused = ""
        except LaunchError as error:
            if not self.jobs and not self.connected():
                raise ConfigurationError(
                    f"SLURM accepts no worker job ({request_of(self.section)}): {error}; correct [cluster], with what "
                    "survey-batch doctor says of it, or ask why SLURM does not answer"
                ) from error
            if str(error) != self.refused:  # mostly a limit on jobs; the running jobs do the work
                self.refused = str(error)
                self.say(f"SLURM accepts no more worker jobs ({error}); trying again")

    def _watch(self) -> None:
        now = self.now()
        self._warn_of_reasons()
        if self.alive():
            self.last_worker = self.last_told = now
        if now - self.last_told < self.section.pending_seconds:
            return
        self.last_told = now
        reasons = Counter(f"{job.state.state} ({job.state.reason or 'no reason'})" for job in self.jobs.values())
        told = ", ".join(f"{number} {reason}" for reason, number in reasons.items()) or "none in the queue"
        text = f"no worker for {now - self.last_worker:.0f} s; SLURM says of the worker jobs: {told}"
        if self.section.when_pending == "stop":
            raise NoWorkersError(f"{text}. Run the same command again later to continue (cluster.when_pending).")
        self.say(f"{text}; waiting")

    def _warn_of_reasons(self) -> None:
        """Say at once why jobs that SLURM has accepted will not start; many sites accept such jobs."""
        reasons = {job.state.reason for job in self.jobs.values() if never_starts(job.state.reason)} - self.warned
        if reasons:
            self.warned |= reasons
            self.say(
                f"SLURM holds worker jobs back ({', '.join(sorted(reasons))}); as they are "
                f"({request_of(self.section)}) they would wait forever: stop this run, correct [cluster] with what "
                "survey-batch doctor says of it, and start it again"
            )


def never_starts(reason: str) -> bool:
    """Tell whether a job that waits for this reason waits until somebody changes the job or SLURM's limits."""
    return reason in NEVER_STARTS or reason.endswith(("PerJob", "PerJobLimit"))
