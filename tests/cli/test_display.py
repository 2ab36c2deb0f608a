"""What is shown while a verb works: on a terminal one line that changes, elsewhere a line for each step."""

import io
import logging
import re
import subprocess
import sys

import pytest
from rich.console import Console

from survey_batch.cli.display import StepDisplay
from survey_batch.core.steps import detail, step
from survey_batch.monitor.progress import LiveProgress
from tests.terminal import in_terminal


def shown(lines=True, **console):
    stream = io.StringIO()
    with StepDisplay(Console(file=stream, width=80, **console), lines=lines):
        step("reading the catalogue stars.csv")
        detail("reading the catalogue stars.csv: 100,000 rows")
        step("starting workers")
    return stream.getvalue()


def test_where_lines_stay_there_is_one_for_each_step():
    assert shown() == "reading the catalogue stars.csv\nstarting workers\n"


def test_details_are_told_again_after_a_while(monkeypatch):
    monkeypatch.setattr("survey_batch.cli.display.DETAIL_SECONDS", -1.0)
    assert "100,000 rows" in shown()


def test_verbs_that_answer_line_by_line_stay_silent():
    assert shown(lines=False) == ""


def test_a_terminal_shows_one_line_and_takes_it_away():
    text = shown(force_terminal=True)
    assert "starting workers" in text
    assert text.endswith("\x1b[1A\x1b[2K"), "up one line, and empty it"
    assert text.count("\n") == 1


def test_steps_stand_beside_the_table_of_a_run():
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    with StepDisplay(console, lines=True), LiveProgress(console) as progress:
        progress.stage("spectra", 8)
        step("starting workers")
        progress.live.refresh()
        assert "starting workers" in console.file.getvalue()
    assert "0/8" in console.file.getvalue()


def test_nothing_is_shown_after_the_verb():
    stream = io.StringIO()
    with StepDisplay(Console(file=stream), lines=True):
        pass
    logging.getLogger("survey_batch.core.steps").info("later")
    assert stream.getvalue() == ""


COLOUR = re.compile(r"\x1b\[(?:\d+;)*3\dm")
MOVES = ("\x1b[2K", "\x1b[1A", "\x1b[?25l")


@pytest.mark.parametrize(
    ("environment", "colours", "moves"),
    [({}, True, True), ({"NO_COLOR": "1"}, False, True), ({"TERM": "dumb"}, False, False)],
)
def test_a_terminal_gets_colours_and_moves_unless_it_says_no(job, environment, colours, moves):
    code, raw, text = in_terminal(["catalog", job], job.parent, **environment)
    assert code == 0, text
    assert bool(COLOUR.search(raw)) is colours
    assert any(move in raw for move in MOVES) is moves
    assert "next: survey-batch plan" in text


def test_a_pipe_that_asks_for_colours_gets_no_moves(job, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    words = [sys.executable, "-m", "survey_batch", "catalog", str(job)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert not any(move in done.stdout + done.stderr for move in MOVES)
    assert "\x1b[1m" in done.stdout
