import io

import pytest
from rich.console import Console

from survey_batch.products import Shard
from survey_batch.progress import LineProgress, LiveProgress, clock, make_progress
from survey_batch.work import Record


def record(index, rows=4, **counts):
    return Record("spectra", Shard("object", index, index * rows, (index + 1) * rows), counts or {"ok": rows}, rows)


def test_lines_say_when_a_stage_ends(capsys):
    with LineProgress() as progress:
        progress.stage("spectra", 8)
        progress.record(record(0))
        assert capsys.readouterr().err == ""
        progress.record(record(1, ok=3, not_found=1))
    assert capsys.readouterr().err.startswith("spectra: 8/8 (not_found=1 ok=7) ")


def test_lines_say_now_and_then_how_far_it_is(capsys):
    with LineProgress(seconds=0) as progress:
        progress.stage("spectra", 8)
        progress.tick()
        assert capsys.readouterr().err == ""
        progress.record(record(0))
        progress.tick()
    assert "spectra: 4/8" in capsys.readouterr().err


def test_a_terminal_gets_a_live_table():
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100)
    with make_progress(console) as progress:
        assert isinstance(progress, LiveProgress)
        progress.stage("spectra", 8)
        progress.record(record(0))
    assert "4/8" in stream.getvalue()
    assert "ok=4" in stream.getvalue()


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (61, "1:01"), (3661, "1:01:01"), (90000, "25:00:00")])
def test_durations_read_as_clocks_do(seconds, text):
    assert clock(seconds) == text


def test_what_an_earlier_run_did_counts_as_done_but_not_for_the_rate(capsys):
    with LineProgress() as progress:
        progress.stage("spectra", 8, done=4, counts={"ok": 3, "not_found": 1})
        progress.record(record(1))
        assert progress.stages["spectra"].worked == 4
    assert capsys.readouterr().err.startswith("spectra: 8/8 (not_found=1 ok=7) ")


def test_a_remark_is_shown_as_it_is():
    stream = io.StringIO()
    with make_progress(Console(file=stream, force_terminal=True, width=100)) as progress:
        progress.say("note: name it: [catalog] columns")
    assert "note: name it: [catalog] columns" in stream.getvalue()
