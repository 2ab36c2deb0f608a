"""Workers that leave before their walltime, and one that is at a task which no walltime is long enough for."""

import asyncio
import time
from types import SimpleNamespace

import dask
import pytest

from survey_batch.cluster import drain
from survey_batch.cluster.drain import Drain, margin_of
from survey_batch.cluster.slurm_script import drain_margin
from survey_batch.config.job import ClusterSection
from survey_batch.core.errors import ConfigurationError


def test_draining_begins_a_fifth_before_the_end_and_at_most_five_minutes():
    assert (margin_of(None, 600), margin_of(None, 86400), margin_of(90, 600)) == (120, 300, 90)


@pytest.mark.parametrize(("seconds", "refused"), [(47, False), (48, True), (300, True), (None, False)])
def test_workers_that_would_have_no_time_to_work_are_refused(seconds, refused):
    section = ClusterSection(kind="slurm", workers=1, drain_seconds=seconds)
    with dask.config.set({"jobqueue.slurm.walltime": "1"}):  # the site's
        if refused:
            with pytest.raises(ConfigurationError, match="it would never work.*drain_seconds"):
                drain_margin(section)
        else:
            assert drain_margin(section) == (seconds or 12)


class Worker:
    """A worker at one task, which began some seconds ago and ends when the worker has been asked a few times."""

    address = "tcp://a"

    def __init__(self, since, asked=None):
        self.begun, self.left, self.did = time.time() - since, asked, []
        self.scheduler = SimpleNamespace(retire_workers=self.retire)

    @property
    def state(self):
        self.left = None if self.left is None else max(self.left - 1, 0)
        executing = [] if self.left == 0 else [SimpleNamespace(start_time=self.begun)]
        return SimpleNamespace(executing=executing, executing_count=len(executing))

    async def retire(self, *, remove, **_):
        self.did.append("removed" if remove else "data copied")

    async def close(self, **_):
        self.did.append("closed")


@pytest.fixture
def leave(monkeypatch):
    monkeypatch.setattr(drain, "POLL_SECONDS", 0.001)

    def leave(worker, *, left, walltime=100):
        waits = asyncio.wait_for(Drain(10, walltime)._leave(worker, time.time() + drain.LAST_SECONDS + left), 0.1)
        try:
            asyncio.run(waits)
        except TimeoutError:
            worker.did.append("still there")
        return worker.did

    return leave


def test_a_worker_finishes_its_task_and_closes(leave):
    assert leave(Worker(since=80, asked=5), left=60) == ["removed", "closed"]


def test_a_worker_whose_task_was_begun_late_closes_and_the_scheduler_gives_the_task_to_another(leave):
    assert leave(Worker(since=30), left=0) == ["removed", "closed"]


def test_a_worker_whose_task_outlasts_the_walltime_stays_so_that_slurm_says_why_it_died(leave):
    assert leave(Worker(since=80), left=0) == ["data copied", "still there"]
    assert leave(Worker(since=80, asked=5), left=0) == ["data copied", "removed", "closed"]
