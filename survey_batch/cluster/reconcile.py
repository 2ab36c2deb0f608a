"""Hold the number of worker jobs: replace what walltime, preemption, `scancel` or a dead node took.

Dask's `adapt()` does not do this: jobs that end by themselves are not submitted again (dask-jobqueue#691, #611), and
one that was cancelled before its worker had connected never is.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from survey_batch.cluster.base import Say
from survey_batch.cluster.launch import JobState, Launcher, LaunchError
from survey_batch.config.job import ClusterSection
from survey_batch.core import interrupt
from survey_batch.core.errors import ConfigurationError, SurveyBatchError

log = logging.getLogger(__name__)

FAILURES_ALLOWED = 3
"""Jobs in a row, and more than there are at a time, that end before their worker reached the scheduler: a mistake that
would go on forever."""


class NoWorkersError(SurveyBatchError):
    """SLURM gave no worker within the time that the job allows; the same command goes on later."""


@dataclass
class Submitted:
    """A worker job of ours that has not been seen to end."""

    state: JobState
    connected: bool = False


class Reconciler:
    """Keeps worker jobs in SLURM's queue.

    Parameters
    ----------
    launcher
        Starts, watches and ends them.
    script
        What each runs.
    target
        How many there shall be, running or pending.
    connected
        Says the jobs of which a worker has ever reached the scheduler.
    alive
        Says how many workers there are now.
    section
        Patience.
    say
        Told what a user should know.
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
        self.error: SurveyBatchError | None = None
        self.last_worker = self.last_told = now()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="survey-batch reconciler", daemon=True)

    def start(self) -> None:
        """Submit the first jobs, then look after them until `stop`."""
        self.step()
        self._thread.start()

    def stop(self) -> None:
        """End all jobs; an impatient second Ctrl-C would leave them in the queue."""
        with interrupt.held():
            self._ended.set()
            if self._thread.is_alive():
                self._thread.join()
            self.launcher.cancel(self.jobs)

    def check(self) -> None:
        """Raise what made it give up."""
        if self.error is not None:
            raise self.error

    def _loop(self) -> None:
        while not self._ended.wait(self.section.poll_seconds) and self.error is None:
            try:
                self.step()
            except SurveyBatchError as error:
                self.error = error
            except Exception as error:  # noqa: BLE001 - a thread that died silently would leave the run waiting
                self.error = SurveyBatchError(f"looking after worker jobs failed ({type(error).__name__}: {error})")

    def step(self) -> None:
        """Look once: note what ended, submit what is missing, say what takes long."""
        states = self.launcher.states()
        if states is not None:  # where the controller does not answer, what was there is taken to be there
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
                f"{self.failures} worker jobs in a row ended before their worker reached the scheduler. Look at "
                f"cluster.prologue, cluster.python and cluster.interface; the last one (job {number}, logs in "
                f"{self.launcher.folder}) wrote:\n{self.launcher.log_of(number) or 'nothing'}"
            )

    def _fill(self) -> None:
        try:
            while len(self.jobs) < self.target:
                with interrupt.held():  # a job that SLURM has is one that is known here
                    number = self.launcher.submit(self.script)
                    self.jobs[number] = Submitted(JobState("PENDING", "just submitted"))
                extra = {"event": "worker job submitted", "slurm_job": number}
                log.info("worker job %s submitted", number, extra=extra)
                self.refused = ""
        except LaunchError as error:
            if not self.jobs and not self.connected():
                raise ConfigurationError(
                    f"SLURM takes no worker job: {error}; correct the table [cluster], or ask why SLURM does not answer"
                ) from error
            if str(error) != self.refused:  # a limit on jobs, mostly: those that run do the work
                self.refused = str(error)
                self.say(f"SLURM takes no further worker job ({error}); trying again")

    def _watch(self) -> None:
        now = self.now()
        if self.alive():
            self.last_worker = self.last_told = now
        if now - self.last_told < self.section.pending_seconds:
            return
        self.last_told = now
        reasons = Counter(f"{job.state.state} ({job.state.reason or 'no reason'})" for job in self.jobs.values())
        told = ", ".join(f"{number} {reason}" for reason, number in reasons.items()) or "none in the queue"
        text = f"no worker for {now - self.last_worker:.0f} s; SLURM says of the worker jobs: {told}"
        if self.section.when_pending == "stop":
            raise NoWorkersError(f"{text}. The same command goes on later (cluster.when_pending).")
        self.say(f"{text}; waiting")
