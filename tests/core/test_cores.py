"""Work on several cores makes what work on one makes, in the same order."""

import threading
import time

import pytest

from survey_batch.core import cores
from survey_batch.core.cores import do_on_cores, on_cores


@pytest.fixture(params=[1, 2, 4], ids="{} threads".format)
def threads(request, monkeypatch):
    monkeypatch.setattr(cores, "cores", lambda: request.param)
    return request.param


def test_what_is_made_comes_in_the_order_of_the_pieces(threads):
    assert list(on_cores(lambda wait: (time.sleep(wait), wait)[1], [0.02, 0, 0.01, 0])) == [0.02, 0, 0.01, 0]


@pytest.mark.parametrize("count", [0, 1])
def test_few_pieces_are_worked_on_too(threads, count):
    assert list(on_cores(str, range(count))) == ["0"][:count]


def test_pieces_are_asked_for_in_the_callers_thread_and_not_far_ahead(threads):
    asked = []

    def pieces():
        for number in range(20):
            asked.append(threading.current_thread())
            yield number

    made = on_cores(lambda number: number, pieces())
    assert next(made) == 0
    assert len(asked) <= threads + 1
    assert list(made) == list(range(1, 20))
    assert set(asked) == {threading.current_thread()}


def test_no_more_pieces_are_in_work_than_there_are_threads(threads):
    lock, now, most = threading.Lock(), 0, 0

    def work(_):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.001)
        with lock:
            now -= 1

    do_on_cores(work, range(20))
    assert most <= threads


def test_an_error_comes_in_its_turn_and_ends_the_work(threads):
    begun = []

    def work(number):
        begun.append(number)
        if number == 2:
            raise ValueError("piece 2")

    made = on_cores(work, range(50))
    next(made)
    next(made)
    with pytest.raises(ValueError, match="piece 2"):
        next(made)
    assert len(begun) <= 3 + threads


def test_the_number_of_threads_is_that_of_the_cores_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _: {3, 5, 7}, raising=False)
    assert cores.cores() == 3
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _: set(range(64)))
    assert cores.cores() == cores.MOST
    monkeypatch.delattr(cores.os, "sched_getaffinity")
    monkeypatch.setattr(cores.os, "cpu_count", lambda: None)
    assert cores.cores() == 1
