"""What a run knows of the statuses in an object store is written now and then, and never ends the run."""

import itertools

import fsspec
import pytest

from survey_batch.core.paths import exists, join
from survey_batch.execution import checkpoint as module
from survey_batch.execution.checkpoint import PAUSE, SECONDS, Checkpoint
from survey_batch.store.marks import PROGRESS, etag_of, forget_marks, known_marks

OUTPUT = "memory://checkpoint"


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.time = 100.0

    def __call__(self):
        return self.time


@pytest.fixture
def clock():
    forget_marks()
    yield Clock()
    forget_marks()
    if exists(OUTPUT):
        fsspec.filesystem("memory").rm(OUTPUT, recursive=True)


def in_the_file():
    forget_marks()
    return sorted(known_marks(OUTPUT).values())


def test_shards_that_were_done_are_in_the_file_after_a_minute_and_not_before(clock):
    checkpoint = Checkpoint(OUTPUT, clock)
    checkpoint.note(b"one")
    assert not exists(join(OUTPUT, PROGRESS))
    clock.time += SECONDS
    checkpoint.note(b"two")
    assert in_the_file() == [b"one", b"two"]


def test_the_run_waits_little_for_a_file_that_takes_long_to_write(clock, monkeypatch):
    written = []

    def slow(output, etags):
        written.append(clock.time)
        clock.time += 10
        return 0

    monkeypatch.setattr(module, "store_marks", slow)
    checkpoint = Checkpoint(OUTPUT, clock)
    for _ in range(1000):
        clock.time += 1
        checkpoint.note(b"one")
    assert [later - earlier for earlier, later in itertools.pairwise(written)] == [10 + 10 * PAUSE] * 4


def test_a_store_that_fails_does_not_end_the_run(clock, monkeypatch, caplog):
    def fail(*_):
        raise OSError("no answer")

    monkeypatch.setattr(module, "store_marks", fail)
    checkpoint = Checkpoint(OUTPUT, clock)
    clock.time += SECONDS
    checkpoint.note(b"one")
    checkpoint.end()
    assert caplog.text.count("progress.parquet could not be written: no answer") == 2


def test_at_the_end_marks_that_no_product_has_are_left_out(clock, monkeypatch):
    monkeypatch.setattr(module, "marks_there", lambda _: {etag_of(b"two")})
    checkpoint = Checkpoint(OUTPUT, clock)
    checkpoint.note(b"one")
    checkpoint.note(b"two")
    checkpoint.end()
    assert in_the_file() == [b"two"]


def test_a_run_that_learnt_nothing_writes_nothing(clock, monkeypatch):
    monkeypatch.setattr(module, "store_marks", lambda *_: pytest.fail("written"))
    Checkpoint(OUTPUT, clock).end()


def test_a_folder_needs_none(clock, tmp_path):
    checkpoint = Checkpoint(str(tmp_path), clock)
    clock.time += SECONDS
    checkpoint.note(b"one")
    checkpoint.end()
    assert not list(tmp_path.iterdir())
