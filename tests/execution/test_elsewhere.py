"""`survey_batch.execution.elsewhere`: what only some workers may do does not wait for workers that have gone."""

from types import SimpleNamespace

import pytest

from survey_batch.execution import elsewhere
from survey_batch.execution.chain import Chain
from survey_batch.execution.elsewhere import Elsewhere
from survey_batch.store.schema import Shard

SHARD = Shard("object", 0, 0, 4)


class Cluster:
    """Has one worker, and finishes no task."""

    def __init__(self):
        self.workers, self.cancelled, self.submitted = {"tcp://b": {}}, [], []

    def scheduler_info(self):
        return {"workers": self.workers}

    def submit(self, *_, **how):
        self.submitted.append(how["workers"])
        return SimpleNamespace()

    def cancel(self, futures):
        self.cancelled += futures


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
def made(cluster, monkeypatch):
    monkeypatch.setattr(elsewhere, "LOOK_SECONDS", 0.0)
    connection = SimpleNamespace(client=cluster, wait=lambda *_: bool(cluster.workers.clear()))
    return Elsewhere(connection, SimpleNamespace(others=lambda _: list(cluster.workers)))


def chain(*workers):
    ended, waits = (SimpleNamespace(done=lambda answer=answer: answer) for answer in (True, False))
    return Chain(SHARD, ["a", "b"], workers=list(workers), futures=[ended, waits])


def test_only_what_waits_for_workers_that_have_all_gone_is_cancelled(made, cluster):
    bound, free, one_left = chain("tcp://a"), chain(), chain("tcp://a", "tcp://b")
    for each in (bound, free, one_left):
        made.note(each)
    made.check()
    assert [each.freed for each in (bound, free, one_left)] == [True, False, False]
    assert cluster.cancelled == bound.futures[1:]
    made.check()
    assert cluster.cancelled == bound.futures[1:], "once"


def test_what_is_done_is_no_longer_watched(made, cluster):
    done = chain("tcp://a")
    made.note(done)
    done.futures.clear()
    made.check()
    assert (made.bound, done.freed) == ([], False)


def test_a_task_for_workers_that_go_meanwhile_is_given_up(made, cluster):
    assert made.done(print, key="a", avoid={"a"}) is None
    assert cluster.submitted == [["tcp://b"]]


def test_without_a_node_to_avoid_any_worker_is_asked(made, cluster):
    made.connection.wait = lambda *_: True
    assert made.done(print, key="a", avoid=()) is not None
    assert cluster.submitted == [None]
