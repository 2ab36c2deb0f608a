"""A worker that is visited."""

import os

import pytest
from distributed import KilledWorker

from survey_batch.cluster.tables import tables_of
from survey_batch.doctor import visit as module
from survey_batch.doctor.visit import visited
from tests.jobs import lamost_job
from tests.lamost_files import make_archive

LOCAL = {"workers": 1, "memory": "1 GB"}


@pytest.fixture(scope="module")
def visit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("visit")
    job = lamost_job(make_archive(folder / "archive", 8), folder / "out", cluster=LOCAL)
    with visited(job, tables_of(job)[0], lambda _: None) as visit:
        yield visit


def test_a_question_that_kills_the_worker_is_an_error_and_the_next_one_is_answered(visit):
    with pytest.raises(KilledWorker):
        visit.ask(os._exit, 1)
    assert visit.ask(os.getpid) != os.getpid()


def test_an_error_from_very_deep_in_a_question_comes_back(visit, monkeypatch):
    def deep(calls):
        if calls:
            deep(calls - 1)
        raise LookupError("nothing there")

    monkeypatch.setattr(module, "ANSWER_SECONDS", 60.0)
    with pytest.raises(LookupError, match="nothing there"):
        visit.ask(deep, 600)
