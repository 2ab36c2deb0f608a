"""`survey-batch status --follow`: when it looks again, and when it ends."""

import json
from types import SimpleNamespace

import pytest

from survey_batch.cli import status as module
from survey_batch.cli.status import MOST_OF_THE_TIME, WAITING, _line, looks
from survey_batch.core.errors import ConfigurationError
from survey_batch.report.stage_status import StageStatus
from survey_batch.report.summary import RunStatus

STAGE = StageStatus("cutouts", "object", 1200, {"ok": 1000, "failed": 3, "pending": 197}, 197, 3, 10, 8)
WORK = RunStatus("out", {"name": "test"}, 1200, STAGE.counts, (STAGE,))


def look(running, complete):
    return SimpleNamespace(running=running, complete=complete)


@pytest.fixture
def following(monkeypatch):
    """Follow an output whose statuses are given; return what was seen, and the pauses between."""

    def follow(*statuses, every=5.0, seconds=0.0):
        coming, now, pauses = iter(statuses), [0.0], []

        def summarize(_):
            now[0] += seconds
            if (found := next(coming)) is None:
                raise ConfigurationError("nothing there")
            return found

        monkeypatch.setattr("survey_batch.report.summary.summarize", summarize)
        monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
        monkeypatch.setattr(module.time, "sleep", pauses.append)
        return list(looks("out", every)), pauses

    return follow


def test_a_run_is_waited_for_and_followed_to_its_end(following):
    statuses = (None, look(False, False), look(True, False), look(True, False), look(False, False))
    seen, pauses = following(*statuses, look(True, True))
    assert seen == list(statuses)
    assert pauses == [5.0] * 4


def test_a_job_that_is_complete_is_looked_at_once(following):
    seen, pauses = following(look(False, True), look(False, True))
    assert len(seen) == 1
    assert pauses == []


def test_an_output_that_takes_long_to_read_is_read_less_often(following):
    _, pauses = following(look(True, False), look(False, True), every=5.0, seconds=3.0)
    assert pauses == [3.0 * MOST_OF_THE_TIME]


def test_a_line_tells_the_stages_the_state_and_the_commonest_reasons():
    problems = tuple(("cutouts", "failed", f"reason {number}", number) for number in (3, 2, 1))
    line = _line(RunStatus(**{**vars(WORK), "problems": problems}), as_json=False)
    assert "cutouts 1,003/1,200 (1,000 ok, 3 failed, 197 pending); not complete: run it again" in line
    assert line.endswith("; 3 cutouts failed: reason 3; 2 cutouts failed: reason 2")


def test_before_there_is_anything_a_line_says_so():
    assert _line(None, as_json=False) == WAITING
    assert _line(None, as_json=True) == "null"


def test_a_line_for_programs_is_json():
    assert json.loads(_line(WORK, as_json=True))["objects"] == 1200
