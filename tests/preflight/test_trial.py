"""A trial of a few files of the archive: which rows, how many attempts, and when it ends."""

from traceback import extract_tb
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.core.status import Status
from survey_batch.core.tracebacks import INNER, OUTER
from survey_batch.preflight import trial
from survey_batch.preflight.trial import fetch_one, knock, sample_rows
from survey_batch.stages.base import Block
from tests.jobs import sdss_job
from tests.planning.test_plan import plan_of


@given(st.integers(1, 30), st.integers(1, 5))
def test_fields_from_the_first_to_the_last_are_tried_once_each(count, number):
    plan = plan_of([(field, "") for field in range(count)] + [(99, "no key")])
    tried = [row["field"].item() for row in sample_rows(plan, number)]
    assert len(tried) == len(set(tried)) == min(number, count)
    assert tried == sorted(tried)
    assert tried[0] == 0
    assert number == 1 or tried[-1] == count - 1


def test_where_no_row_names_a_file_none_is_tried():
    assert sample_rows(plan_of([(1, "no key")])) == []


@pytest.fixture
def answers(monkeypatch):
    """Let the first stage answer with given statuses; return the jobs that it was made for."""

    def answer(*statuses):
        coming, jobs = iter(statuses), []

        def compute(rows, inputs):
            block = Block({}, np.array([Status.OK], np.uint8))
            status = next(coming)
            if status is not Status.OK:
                block.fail(0, status, f"because of {rows['name']}", "url")
            return block

        def make_stage(job, name):
            jobs.append(job)
            return SimpleNamespace(compute=compute)

        monkeypatch.setattr(trial, "make_stage", make_stage)
        return jobs

    return answer


ROWS = [{"name": name} for name in "abc"]


def test_other_files_are_tried_until_one_is_there_or_the_archive_is_not(answers):
    job = sdss_job("c", "https://example.org", "out")
    answers(Status.NOT_FOUND, Status.OK)
    found = fetch_one(job, ROWS)
    assert [answer.status for answer in found] == [Status.NOT_FOUND, Status.OK]
    assert (found[0].message, found[0].source) == ("because of a", "url")
    assert found[1].message == ""
    answers(Status.UNREACHABLE)
    assert [answer.status for answer in fetch_one(job, ROWS)] == [Status.UNREACHABLE]


def test_a_user_does_not_wait_as_long_as_a_run(answers):
    archive = {"survey": "sdss", "root": "https://example.org", "attempts": 9, "timeout": 600, "cache": "/cache"}
    jobs = answers(Status.OK)
    fetch_one(sdss_job("c", "-", "out", archive=archive, frames={"bands": "gri"}), ROWS)
    (asked,) = jobs
    assert (asked.archive.attempts, asked.archive.timeout, asked.archive.cache) == (2, 20.0, None)
    assert asked.frames.bands == "r"


def test_patience_shorter_than_that_and_other_bands_are_kept(answers):
    archive = {"survey": "sdss", "root": "https://example.org", "attempts": 1, "timeout": 5}
    jobs = answers(Status.OK)
    fetch_one(sdss_job("c", "-", "out", archive=archive, frames={"bands": "uz"}), ROWS)
    assert (jobs[0].archive.attempts, jobs[0].archive.timeout, jobs[0].frames.bands) == (1, 5.0, "u")


def test_an_archive_that_does_not_answer_is_asked_for_all_files_at_once(answers):
    job = sdss_job("c", "https://example.org", "out")
    answers(Status.UNREACHABLE, Status.UNREACHABLE, Status.OK)
    assert sorted(answer.status for answer in knock(job, ROWS)) == [Status.OK, Status.UNREACHABLE, Status.UNREACHABLE]
    answers(Status.NOT_FOUND)
    assert [answer.status for answer in knock(job, ROWS)] == [Status.NOT_FOUND]


def test_an_error_from_very_deep_calls_is_short_enough_to_be_sent_to_the_client(monkeypatch):
    def deep(_job, calls):
        if calls:
            deep(_job, calls - 1)
        raise LookupError("nothing there")

    monkeypatch.setattr(trial, "_fetch", deep)
    with pytest.raises(LookupError, match="nothing there") as found:
        knock(sdss_job("c", "https://example.org", "out"), [600])
    assert len(extract_tb(found.tb)) <= OUTER + INNER + 1  # and the caller


def test_a_survey_whose_frames_are_not_stored_is_tried_with_objects(monkeypatch):
    plan = plan_of([(3, ""), (1, ""), (2, "bad")])
    monkeypatch.setattr(trial, "_first_stage", lambda _job: SimpleNamespace(axis="object"))
    rows = sample_rows(plan)
    assert len(rows) == 2
    assert all({"ra", "dec", "field"} <= row.keys() for row in rows)
