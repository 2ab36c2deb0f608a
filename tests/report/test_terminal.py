"""A job's status in words for a terminal."""

import io

import pytest
from rich.console import Console

from survey_batch.core.pace import Pace
from survey_batch.report.stage_status import StageStatus
from survey_batch.report.summary import RunStatus
from survey_batch.report.terminal import render

HOLDER = {"pid": 7, "user": "me", "host": "n1", "since": "noon"}


def stage(pending=0, retryable=0, created=True, **keys):
    counts = {"ok": 100 - pending - retryable, "pending": pending, "failed": retryable}
    counts = {name: count for name, count in counts.items() if count}
    return StageStatus("cutouts", "object", 100, counts, pending, retryable, 10, 10 - pending // 10, created, **keys)


def status(*stages, **keys):
    return RunStatus("out", {"name": "test"}, 100, stages[0].counts, stages, **keys)


def shown(one):
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(render(one))
    return console.export_text()


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (status(stage()), "complete"),
        (status(stage(pending=30)), "not complete: run it again to continue"),
        (status(stage(pending=30), holder=HOLDER), "run under way: process 7 of me on n1, since noon; time left not"),
        (status(stage(pending=30), holder={"pid": 7}), "run under way: process 7 of ? on ?, since ?; "),
    ],
)
def test_the_state_says_whose_run_it_is_and_whether_to_go_on(one, said):
    assert one.state.startswith(said)


def test_time_left_is_that_of_the_pending_rows_at_the_rate(monkeypatch):
    one = status(stage(pending=60, rate=2.0, pace=Pace(2.0)), holder=HOLDER)
    assert one.state.endswith("; about 30 s left")


def test_rows_that_are_left_are_told_apart_from_those_to_try_again():
    text = shown(status(stage(pending=30, retryable=5, rate=12.0)))
    assert "30 + 5 to try again" in text
    assert "100 objects" in text
    assert "7/10" in text
    assert "nothing" in shown(status(stage()))
    assert "not started" in shown(status(stage(pending=100, created=False)))


def test_problems_are_listed_with_how_old_they_are():
    problems = (("cutouts", "failed", "no [disk] :star:", 1234),)
    text = shown(status(stage(retryable=5), problems=problems))
    assert "1,234" in text
    assert "no [disk] :star:" in text, "a user's text is no markup"
    assert "as of the last run" not in text
    assert "as of the last run that ended" in shown(status(stage(), problems=problems, problems_current=False))


def test_counts_are_words():
    assert stage().said == "100 ok"
    assert stage(created=False).said == "not started"


def test_a_narrow_terminal_breaks_lines_and_hides_nothing():
    one = stage(pending=30, retryable=5, rate=12.0)
    console = Console(width=40, record=True, file=io.StringIO())
    console.print(render(status(one)))
    assert "…" not in console.export_text()


def test_a_stage_of_one_row_is_counted_in_the_singular():
    one = StageStatus("cutouts", "object", 1, {"ok": 1}, 0, 0, 1, 1, True)
    assert " 1 object " in shown(status(one))
