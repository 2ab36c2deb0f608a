"""A worker that is visited."""

import os

import pytest
from distributed import KilledWorker

from survey_batch.cluster.tables import tables_of
from survey_batch.doctor.visit import visited
from tests.jobs import lamost_job
from tests.lamost_files import make_archive

LOCAL = {"workers": 1, "memory": "1 GB"}


@pytest.fixture
def archive(tmp_path):
    return make_archive(tmp_path / "archive", 8)


def test_a_question_that_kills_the_worker_is_an_error_and_the_next_one_is_answered(archive, tmp_path):
    job = lamost_job(archive, tmp_path / "out", cluster=LOCAL)
    with visited(job, tables_of(job)[0], lambda _: None) as visit:
        with pytest.raises(KilledWorker):
            visit.ask(os._exit, 1)
        assert visit.ask(os.getpid) != os.getpid()
