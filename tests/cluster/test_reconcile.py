"""The number of worker jobs is held, whatever becomes of them; against a SLURM that the test plays."""

import signal

import pytest

from survey_batch.cluster.launch import JobState, LaunchError
from survey_batch.cluster.reconcile import NoWorkersError, Reconciler
from survey_batch.config.job import ClusterSection
from survey_batch.core.errors import ConfigurationError


class Played:
    """A SLURM whose jobs the test starts and ends."""

    folder = "logs"

    def __init__(self):
        self.queue, self.submitted, self.cancelled, self.refusal, self.silent = {}, 0, [], "", False
        self.logs = True

    def submit(self, script):
        if self.refusal:
            raise LaunchError(self.refusal)
        self.submitted += 1
        self.queue[str(self.submitted)] = JobState("PENDING", "Resources")
        return str(self.submitted)

    def states(self):
        return None if self.silent else dict(self.queue)

    def cancel(self, jobs):
        self.cancelled += list(jobs)

    def log_of(self, job):
        return f"last words of {job}" if self.logs else None


@pytest.fixture
def slurm():
    return Played()


@pytest.fixture
def world(slurm):
    """A reconciler of three jobs, and what it looks at."""

    class World:
        connected, alive, said, clock = set(), 0, [], 0.0

        def make(self, **keys):
            section = ClusterSection(kind="slurm", pending_seconds=60, **keys)
            return Reconciler(
                slurm, "script", 3, lambda: self.connected, lambda: self.alive, section, self.said.append, self.now
            )

        def now(self):
            return self.clock

    return World()


def test_jobs_that_end_are_replaced_and_pending_ones_count(slurm, world):
    reconciler = world.make()
    for _ in range(3):
        reconciler.step()
    assert slurm.submitted == 3, "pending jobs are not submitted again"
    world.connected = {"1", "2", "3"}
    del slurm.queue["2"]
    reconciler.step()
    assert set(reconciler.jobs) == {"1", "3", "4"}


def test_a_controller_that_does_not_answer_costs_no_job(slurm, world):
    reconciler = world.make()
    reconciler.step()
    slurm.silent = True
    reconciler.step()
    assert (slurm.submitted, len(reconciler.jobs)) == (3, 3)


def test_a_slurm_that_never_answers_ends_the_run(slurm, world):
    slurm.silent, slurm.refusal = True, "Unable to contact slurm controller"
    with pytest.raises(ConfigurationError, match="Unable to contact slurm controller"):
        world.make().step()


def test_waiting_is_told_while_the_controller_is_silent(slurm, world):
    reconciler = world.make()
    reconciler.step()
    slurm.silent, world.clock = True, 61
    reconciler.step()
    assert "3 PENDING" in world.said[0]


def test_jobs_that_end_before_they_connect_are_not_replaced_for_ever(slurm, world):
    reconciler = world.make()
    reconciler.step()
    slurm.queue.clear()
    reconciler.step()
    assert slurm.submitted == 6, "all three at once may be somebody's scancel"
    del slurm.queue["4"]
    with pytest.raises(ConfigurationError, match=r"(?s)4 worker jobs in a row .*last words of 4"):
        reconciler.step()


def test_jobs_without_a_log_point_to_a_folder_that_nodes_do_not_see(slurm, world):
    slurm.logs = False
    reconciler = world.make()
    for _ in range(2):
        reconciler.step()
        slurm.queue.clear()
    with pytest.raises(
        ConfigurationError, match=r"left no log in logs: its node does not see .* output that all nodes"
    ):
        reconciler.step()


def test_walltimes_that_end_are_no_failures(slurm, world):
    reconciler = world.make()
    for first in range(1, 40, 3):
        reconciler.step()
        world.connected |= {str(number) for number in range(first, first + 3)}
        reconciler.step()
        slurm.queue.clear()
    assert slurm.submitted == 39
    assert reconciler.failures == 0


def test_a_limit_on_jobs_is_told_once_and_what_runs_goes_on(slurm, world):
    reconciler = world.make()
    reconciler.step()
    world.connected = {"1", "2", "3"}
    del slurm.queue["2"]
    slurm.refusal = "QOSMaxSubmitJobPerUserLimit"
    for _ in range(3):
        reconciler.step()
    assert len(world.said) == 1
    assert "QOSMaxSubmitJobPerUserLimit" in world.said[0]
    slurm.refusal = ""
    reconciler.step()
    assert len(reconciler.jobs) == 3


def test_a_job_that_slurm_never_takes_ends_the_run(slurm, world):
    slurm.refusal = "invalid partition"
    with pytest.raises(ConfigurationError, match=r"\(8 cores and 32.0 GB for 8 workers\): invalid partition"):
        world.make(processes=8, memory="4 GB").step()


def test_waiting_is_told_with_slurm_s_reason_and_again_after_the_same_time(slurm, world):
    reconciler = world.make()
    for seconds in (0, 30, 61, 90, 122):
        world.clock = seconds
        reconciler.step()
    assert world.said == [
        f"no worker for {seconds} s; SLURM says of the worker jobs: 3 PENDING (Resources); waiting"
        for seconds in (61, 122)
    ]


@pytest.mark.parametrize("reason", ["PartitionConfig", "PartitionTimeLimit", "QOSMaxWallDurationPerJobLimit"])
def test_jobs_that_slurm_took_but_never_starts_are_told_of_once_and_at_once(slurm, world, reason):
    reconciler = world.make(processes=4, memory="2 GB")
    reconciler.step()
    assert world.said == []
    slurm.queue = dict.fromkeys(slurm.queue, JobState("PENDING", reason))
    for _ in range(3):
        reconciler.step()
    (told,) = world.said
    assert f"({reason}); as they are (4 cores and 8.0 GB for 4 workers) they would wait forever" in told


def test_workers_end_the_waiting(slurm, world):
    reconciler = world.make()
    world.clock, world.alive = 61, 1
    reconciler.step()
    world.clock, world.alive = 120, 0
    reconciler.step()
    assert world.said == []


def test_a_run_that_shall_not_wait_ends(slurm, world):
    reconciler = world.make(when_pending="stop")
    reconciler.step()
    world.clock = 61
    with pytest.raises(NoWorkersError, match=r"PENDING \(Resources\)"):
        reconciler.step()


def test_an_error_of_the_thread_reaches_who_asks_and_all_jobs_are_cancelled(slurm, world):
    reconciler = world.make(poll_seconds=0.01)
    reconciler.start()
    reconciler.check()
    while reconciler._thread.is_alive():
        slurm.queue.clear()
    with pytest.raises(ConfigurationError, match="in a row"):
        reconciler.check()
    reconciler.stop()
    assert set(slurm.cancelled) == set(reconciler.jobs)


@pytest.mark.parametrize("when", ["submit", "cancel"])
def test_an_interruption_leaves_no_job_that_is_not_known_or_not_cancelled(slurm, world, monkeypatch, when):
    done = getattr(slurm, when)

    def interrupted(argument):
        result = done(argument) if when == "submit" else None
        signal.raise_signal(signal.SIGINT)
        return result if when == "submit" else done(argument)

    monkeypatch.setattr(slurm, when, interrupted)
    reconciler = world.make()

    def run():
        try:
            reconciler.step()
        finally:
            reconciler.stop()

    with pytest.raises(KeyboardInterrupt):
        run()
    assert set(slurm.cancelled) == set(slurm.queue) != set()
