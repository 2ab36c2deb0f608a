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
from survey_batch.cluster.launch import JobState, Launcher, LaunchError, WorkerJob, request_of
from survey_batch.cluster.starts import FailedStarts
from survey_batch.cluster.words import End, Meaning, answer_of, job_words, never_starts
from survey_batch.config.job import ClusterSection
from survey_batch.core import interrupt
from survey_batch.core.errors import ConfigurationError, SurveyBatchError
from survey_batch.core.wording import duration

log = logging.getLogger(__name__)

LEAVE_SECONDS = 60.0
"""Time that jobs whose workers were closed have to end by themselves; then they are cancelled."""

LEAVING_POLL = 1.0
"""Maximum time between two looks at such jobs."""

TROUBLE = {
    Meaning.AWAY: "SLURM does not answer ({said}); what runs goes on, and the run waits for it",
    Meaning.FULL: "SLURM takes no more worker jobs now ({said}); trying again",
}
OVER = {
    Meaning.AWAY: "SLURM answers again, after {time}",
    Meaning.FULL: "SLURM takes worker jobs again, after {time}",
}


class NoWorkersError(SurveyBatchError):
    """SLURM started no worker within the time that the job allows; the same command continues later."""


@dataclass
class Submitted:
    """A worker job of ours that has not ended as far as we know."""

    state: JobState
    since: float
    connected: bool = False


class Reconciler:
    """Keeper of the worker jobs in SLURM's queue.

    Parameters
    ----------
    launcher
        Starts, watches and ends the jobs.
    connected
        Returns the jobs with a worker that has ever reached the scheduler.
    alive
        Returns the current number of workers.
    dismiss
        Called with jobs that are no longer wanted: closes the workers that they have now.
    section
        Sets how long to wait.
    say
        Called with messages for the user.
    """

    def __init__(
        self,
        launcher: Launcher,
        connected: Callable[[], set[str]],
        alive: Callable[[], int],
        dismiss: Callable[[set[str]], None],
        section: ClusterSection,
        say: Say,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.launcher, self.connected, self.alive, self.dismiss = launcher, connected, alive, dismiss
        self.section, self.say, self.now = section, say, now
        self.wanted: WorkerJob | None = None
        self.target = 0
        self.next: tuple[WorkerJob | None, int] | None = None
        self.jobs: dict[str, Submitted] = {}
        self.leaving: dict[str, float] = {}  # jobs that are no longer wanted, and when they are cancelled
        self.ends: dict[str, End] = {}
        self.accepted = False  # whether SLURM has taken a job as the present ones are
        self.starts = FailedStarts(section.poll_seconds, launcher.folder, say, now)
        self.trouble: dict[Meaning, float] = {}
        self.refused = ""
        self.warned: set[str] = set()
        self.error: SurveyBatchError | None = None
        self.last_worker = self.last_told = now()
        self._ended, self._wake = False, threading.Event()
        self._thread = threading.Thread(target=self._loop, name="survey-batch reconciler", daemon=True)

    def start(self, wanted: WorkerJob, target: int) -> None:
        """Submit the first jobs, then watch them until `stop`."""
        self.next = (wanted, target)
        self.step()
        self._thread.start()

    def change(self, wanted: WorkerJob | None, target: int) -> None:
        """Keep other jobs from now on, or none; the present ones leave."""
        self.next = (wanted, target)
        self._wake.set()

    def is_paused(self, number: str) -> bool:
        """Tell whether a job was suspended at the last look."""
        job = self.jobs.get(number)
        return job is not None and job_words(job.state.state).meaning is Meaning.PAUSED

    def gone(self) -> bool:
        """Tell whether no job is left, or nobody looks after them any more."""
        return not self._thread.is_alive() or not (self.next or self.jobs or self.leaving)

    def stop(self) -> None:
        """Cancel all jobs that are left; a second Ctrl-C is held back, because it would leave them in the queue."""
        with interrupt.held():
            self._ended = True
            self._wake.set()
            if self._thread.is_alive():
                self._thread.join()
            self.launcher.cancel([*self.jobs, *self.leaving])
            if Meaning.AWAY in self.trouble and (left := [*self.jobs, *self.leaving]):
                self.say(f"SLURM does not answer, so worker jobs may be left; later: scancel {' '.join(left)}")

    def check(self) -> None:
        """Raise the error that made the reconciler give up."""
        if self.error is not None:
            raise self.error

    def _loop(self) -> None:
        while self.error is None:
            poll = self.section.poll_seconds
            self._wake.wait(min(poll, LEAVING_POLL) if self.leaving else poll)
            self._wake.clear()
            if self._ended:
                return
            try:
                self.step()
            except SurveyBatchError as error:
                self.error = error
            except Exception as error:  # noqa: BLE001 - if the thread died silently, the run would wait forever
                self.error = SurveyBatchError(f"looking after worker jobs failed ({type(error).__name__}: {error})")

    def step(self) -> None:
        """Check once: note ended jobs, submit missing ones, and report long waits."""
        self._turn()
        said: dict[Meaning, str] = {}
        try:
            states = self.launcher.states()
        except LaunchError as error:  # assume that all jobs are still there
            said[Meaning.AWAY] = str(error)
        else:
            self._compare(states)
        if not said:
            self._fill(said)
        self._tell(said)
        self._watch()

    def _turn(self) -> None:
        """Take over what `change` asks for."""
        if self.next is None:
            return
        (self.wanted, self.target), self.next = self.next, None
        self.leaving |= dict.fromkeys(self.jobs, self.now() + LEAVE_SECONDS)
        self.jobs, self.accepted = {}, False
        self.last_worker = self.last_told = self.now()
        self.starts.forgive()

    def _compare(self, states: Mapping[str, JobState]) -> None:
        known = self.connected()
        for number, job in list(self.jobs.items()):
            worked = job.connected
            if number in known and not worked:
                job.connected = True
                self.starts.forgive()
            if number not in states:
                self._note_end(number, self.jobs.pop(number), self.launcher.end_of(number))
                continue
            job.state = states[number]
            if worked and job_words(job.state.state).meaning in (Meaning.WAITS, Meaning.OUTSIDE):
                # It was put back into the queue: it would start again minutes later, or never if it is held there.
                self.leaving[number] = self.now()
                self._note_end(number, self.jobs.pop(number), End("REQUEUED"))
        self._see_off(states)

    def _see_off(self, states: Mapping[str, JobState]) -> None:
        """Look after jobs that are no longer wanted: cancel those that wait, or that do not end by themselves."""
        for number in list(self.leaving):
            # After a job's script has ended, a site may still clean up for minutes.
            if number not in states or states[number].state == "COMPLETING":
                del self.leaving[number]
        late = [job for job, until in self.leaving.items() if states[job].state == "PENDING" or self.now() >= until]
        if late:
            self.launcher.cancel(late)
        if others := set(self.leaving) - set(late):
            self.dismiss(others)

    def _note_end(self, number: str, job: Submitted, end: End) -> None:
        self.ends[number] = end
        extra = {"event": "worker job ended", "slurm_job": number, "state": end.state, "node": end.node}
        told = job.connected and end.words.meaning is not Meaning.FINISHED  # of others `starts` tells
        log.log(logging.WARNING if told else logging.INFO, "worker job %s %s; it is replaced", number, end, extra=extra)
        if job.connected:
            return
        wrote = self.launcher.log_of(number)
        self.starts.note(number, end, self.now() - job.since, wrote)
        if not self.alive():
            self.starts.check(number, end, wrote)

    def _fill(self, said: dict[Meaning, str]) -> None:
        if self.wanted is None:
            return
        starting = sum(not job.connected for job in self.jobs.values())
        try:
            for _ in range(self.starts.most(self.target - len(self.jobs), starting)):
                self._submit(self.wanted)
        except LaunchError as error:
            meaning = answer_of(str(error))
            if meaning is not Meaning.REFUSED:
                said[meaning] = str(error)
            elif not self.accepted:
                raise ConfigurationError(
                    f"SLURM accepts no worker job ({self._asked}): {error}; correct [cluster], with what "
                    "survey-batch doctor says of it"
                ) from error
            elif str(error) != self.refused:  # it has taken such jobs before
                self.refused = str(error)
                self.say(f"SLURM accepts no more worker jobs ({error}); trying again")

    @property
    def _asked(self) -> str:
        return str(request_of(self.wanted.section)) if self.wanted else "nothing"

    def _submit(self, wanted: WorkerJob) -> None:
        with interrupt.held():  # every job that SLURM accepts must be recorded here
            number = self.launcher.submit(wanted)
            self.jobs[number] = Submitted(JobState("PENDING", "just submitted"), self.now())
        extra = {"event": "worker job submitted", "slurm_job": number}
        log.info("worker job %s submitted", number, extra=extra)
        self.accepted, self.refused = True, ""

    def _tell(self, said: Mapping[Meaning, str]) -> None:
        """Say once that SLURM does not answer or takes no jobs, and once that it does again."""
        for meaning, words in said.items():
            if meaning not in self.trouble:
                self.trouble[meaning] = self.now()
                self.say(TROUBLE[meaning].format(said=words))
        for meaning in set(self.trouble) - set(said):
            if meaning is Meaning.AWAY or not said:  # while it does not answer, nobody knows how many jobs it takes
                self.say(OVER[meaning].format(time=duration(self.now() - self.trouble.pop(meaning))))

    def _watch(self) -> None:
        now = self.now()
        self._warn_of_reasons()
        if self.alive() or not self.target:
            self.last_worker = self.last_told = now
        if now - self.last_told < self.section.pending_seconds:
            return
        self.last_told = now
        reasons = Counter(f"{job.state.state} ({job.state.reason or 'no reason'})" for job in self.jobs.values())
        told = ", ".join(f"{number} {reason}" for reason, number in reasons.items())
        told = told or ("nothing, as it does not answer" if Meaning.AWAY in self.trouble else "none in the queue")
        text = f"no worker for {now - self.last_worker:.0f} s; SLURM says of the worker jobs: {told}"
        if self.launcher.left_out:
            text += f"; this run has left out {', '.join(self.launcher.left_out)}"
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
                f"({self._asked}) they would wait forever: stop this run, correct [cluster] with what "
                "survey-batch doctor says of it, and start it again"
            )
