"""The number of worker jobs is held, whatever becomes of them; against a SLURM that the test plays."""

import signal

import pytest

from survey_batch.cluster.launch import JobState, LaunchError, WorkerJob
from survey_batch.cluster.reconcile import LEAVE_SECONDS, NoWorkersError, Reconciler
from survey_batch.cluster.starts import LONGEST_WAIT, ROUNDS_ALLOWED
from survey_batch.cluster.words import End
from survey_batch.config.job import ClusterSection
from survey_batch.core.errors import ConfigurationError

AWAY = "Unable to contact slurm controller (connect failure)"
FULL = "QOSMaxSubmitJobPerUserLimit"


class Played:
    """A SLURM whose jobs the test starts and ends."""

    folder = "logs"
    left_out = ()

    def __init__(self):
        self.queue, self.submitted, self.cancelled, self.refusal, self.silent = {}, 0, [], "", False
        self.logs, self.end = True, End("FAILED", "1:0", "n2")

    def submit(self, wanted):
        if self.refusal:
            raise LaunchError(self.refusal)
        self.submitted += 1
        self.queue[str(self.submitted)] = JobState("PENDING", "Resources")
        return str(self.submitted)

    def states(self):
        if self.silent:
            raise LaunchError(AWAY)
        return dict(self.queue)

    def cancel(self, jobs):
        self.cancelled += list(jobs)

    def log_of(self, job):
        return f"first words\nlast words of {job}" if self.logs else None

    def end_of(self, job):
        return self.end


@pytest.fixture
def slurm():
    return Played()


@pytest.fixture
def world(slurm):
    """A reconciler of three jobs, and what it looks at."""

    class World:
        connected, alive, clock = set(), 0, 0.0

        def __init__(self):
            self.said, self.dismissed = [], []

        def make(self, **keys):
            section = ClusterSection(kind="slurm", **{"pending_seconds": 60, "poll_seconds": 2, **keys})
            made = Reconciler(
                slurm, lambda: self.connected, lambda: self.alive, self.dismissed.append, section, self.said.append,
                self.now,
            )  # fmt: skip
            made.next = (WorkerJob(section, "sb-test-cpu", "script"), 3)
            return made

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


@pytest.mark.parametrize("state", ["PENDING", "SPECIAL_EXIT"])
def test_a_job_that_was_put_back_into_the_queue_is_cancelled_and_replaced(slurm, world, state):
    reconciler = world.make()
    reconciler.step()
    world.connected = {"1", "2"}
    slurm.queue = dict.fromkeys(slurm.queue, JobState("RUNNING"))
    reconciler.step()
    slurm.queue["1"] = slurm.queue["3"] = JobState(state, "BeginTime")
    reconciler.step()
    assert slurm.cancelled == ["1"], "a job that has not worked yet may wait"
    assert set(reconciler.jobs) == {"2", "3", "4"}
    assert reconciler.ends["1"].words.told == "was put back into the queue"
    del slurm.queue["1"]
    reconciler.step()
    assert not reconciler.leaving


def test_a_job_is_known_to_be_suspended_until_it_goes_on(slurm, world):
    reconciler = world.make()
    reconciler.step()
    world.connected = {"1"}
    for state in ("SUSPENDED", "RUNNING"):
        slurm.queue["1"] = JobState(state)
        reconciler.step()
        assert reconciler.is_paused("1") == (state == "SUSPENDED")
    assert not reconciler.is_paused("99")
    assert not slurm.cancelled


def test_a_controller_that_does_not_answer_costs_no_job(slurm, world):
    reconciler = world.make()
    reconciler.step()
    slurm.silent = True
    reconciler.step()
    assert (slurm.submitted, len(reconciler.jobs)) == (3, 3)


@pytest.mark.parametrize("said", [AWAY, FULL])
def test_a_slurm_that_takes_no_jobs_now_is_waited_for_from_the_start_and_told_of_once(slurm, world, said):
    slurm.silent, slurm.refusal = said == AWAY, said
    reconciler = world.make()
    for _ in range(3):
        reconciler.step()
    (told,) = world.said
    assert said in told
    slurm.silent, slurm.refusal, world.clock = False, "", 50
    for _ in range(2):
        reconciler.step()
    (_, back) = world.said
    assert "again, after 50 s" in back
    assert slurm.submitted == 3


def test_a_controller_that_is_away_when_the_phase_changes_is_waited_for(slurm, world):
    reconciler = world.make()
    reconciler.step()
    world.connected = {"1", "2", "3"}
    slurm.queue = dict.fromkeys(slurm.queue, JobState("RUNNING"))
    slurm.silent, slurm.refusal = True, AWAY
    reconciler.change(WorkerJob(reconciler.section, "sb-test-gpu", "other"), 1)
    for _ in range(3):
        reconciler.step()
    assert len(world.said) == 1
    assert not slurm.cancelled
    slurm.silent, slurm.refusal = False, ""
    slurm.queue.clear()
    reconciler.step()
    assert (slurm.submitted, list(reconciler.jobs), reconciler.leaving) == (4, ["4"], {})


def test_a_table_of_the_next_phase_that_slurm_never_takes_ends_the_run(slurm, world):
    reconciler = world.make()
    reconciler.step()
    slurm.refusal = "Invalid qos specification"
    reconciler.change(WorkerJob(reconciler.section, "sb-test-gpu", "other"), 1)
    with pytest.raises(ConfigurationError, match="Invalid qos specification"):
        reconciler.step()


def test_jobs_that_are_no_longer_wanted_end_by_themselves_and_only_late_ones_are_cancelled(slurm, world):
    reconciler = world.make()
    reconciler.step()
    slurm.queue = {"1": JobState("RUNNING"), "2": JobState("PENDING"), "3": JobState("RUNNING")}
    world.connected = {"1", "3"}
    reconciler.step()
    reconciler.change(None, 0)
    reconciler.step()
    assert slurm.cancelled == ["2"], "it has no worker that could end it"
    assert world.dismissed == [{"1", "3"}]
    slurm.queue = {"1": JobState("COMPLETING"), "3": JobState("RUNNING")}
    reconciler.step()
    assert set(reconciler.leaving) == {"3"}
    world.clock = LEAVE_SECONDS
    reconciler.step()
    assert slurm.cancelled == ["2", "3"]
    slurm.queue.clear()
    reconciler.step()
    assert slurm.submitted == 3
    assert not reconciler.leaving


def test_waiting_is_told_while_the_controller_is_silent(slurm, world):
    reconciler = world.make()
    reconciler.step()
    slurm.silent, world.clock = True, 61
    reconciler.step()
    assert "3 PENDING" in world.said[1]


def die_before_they_connect(slurm, world, reconciler, rounds):
    for _ in range(rounds):
        reconciler.step()
        slurm.queue.clear()
        reconciler.step()
        world.clock += 1000


def test_jobs_that_end_before_they_connect_are_tried_less_and_less_often_and_told_of(slurm, world):
    reconciler = world.make()
    reconciler.step()
    slurm.queue.clear()
    reconciler.step()
    assert slurm.submitted == 3, "nothing is submitted at once"
    assert world.said == [
        "worker job 1 failed on n2 (exit 1, FAILED), 0 s after it was submitted and before its worker reached the "
        "scheduler; its log ends: last words of 1. Trying again in 2 s"
    ]
    world.alive = 1  # on another node: the run goes on
    waits = []
    for _ in range(7):
        submitted, begun = slurm.submitted, world.clock
        while slurm.submitted == submitted:
            world.clock += 1
            reconciler.step()
        waits.append(world.clock - begun)
        assert slurm.submitted == submitted + 1, "one is enough to see whether it still fails"
        reconciler.step()
        slurm.queue.clear()
        reconciler.step()
    assert waits == [2, 4, 8, 16, 32, 32, 32]
    assert waits[-1] == 2 * LONGEST_WAIT
    assert len(world.said) == 8
    assert [number for number, told in enumerate(world.said) if '["--exclude=n2"]' in told] == [2]


def test_a_worker_that_reaches_the_scheduler_ends_the_waits(slurm, world):
    reconciler = world.make()
    die_before_they_connect(slurm, world, reconciler, 2)
    reconciler.step()
    assert len(reconciler.jobs) == 1
    world.connected = set(reconciler.jobs)
    reconciler.step()
    assert len(reconciler.jobs) == 3


def test_jobs_that_end_before_they_connect_are_not_replaced_for_ever(slurm, world):
    reconciler = world.make()
    die_before_they_connect(slurm, world, reconciler, ROUNDS_ALLOWED - 1)
    said = rf"(?s){ROUNDS_ALLOWED + 2} worker jobs in a row .*on n2.*exit 1.*last words of 7.*--exclude=n2"
    with pytest.raises(ConfigurationError, match=said):
        die_before_they_connect(slurm, world, reconciler, 1)


def test_jobs_that_are_cancelled_before_they_connect_are_no_mistake(slurm, world):
    slurm.end = End("CANCELLED", "0:0")
    die_before_they_connect(slurm, world, world.make(), ROUNDS_ALLOWED + 2)
    assert "worker job 1 was cancelled" in world.said[0]


def test_jobs_without_a_log_point_to_a_folder_that_nodes_do_not_see(slurm, world):
    slurm.logs = False
    reconciler = world.make()
    die_before_they_connect(slurm, world, reconciler, ROUNDS_ALLOWED - 1)
    with pytest.raises(
        ConfigurationError, match=r"left no log in logs: its node does not see .* output that all nodes"
    ):
        die_before_they_connect(slurm, world, reconciler, 1)


def test_walltimes_that_end_are_no_failures(slurm, world):
    reconciler = world.make()
    for first in range(1, 40, 3):
        reconciler.step()
        world.connected |= {str(number) for number in range(first, first + 3)}
        reconciler.step()
        slurm.queue.clear()
    assert slurm.submitted == 39
    assert world.said == []


def test_a_limit_on_jobs_is_told_once_and_what_runs_goes_on(slurm, world):
    reconciler = world.make()
    reconciler.step()
    world.connected = {"1", "2", "3"}
    del slurm.queue["2"]
    slurm.refusal = FULL
    for _ in range(3):
        reconciler.step()
    assert world.said == [f"SLURM takes no more worker jobs now ({FULL}); trying again"]
    slurm.refusal = ""
    reconciler.step()
    assert len(reconciler.jobs) == 3
    assert world.said[1:] == ["SLURM takes worker jobs again, after 0 s"]


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
    reconciler.start(*reconciler.next)
    reconciler.check()
    while reconciler._thread.is_alive():
        world.clock += 1000
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
