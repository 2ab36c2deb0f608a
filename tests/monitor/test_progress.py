import io
from dataclasses import replace
from unittest import mock

import pytest
from rich.console import Console

from survey_batch.monitor.progress import LineProgress, LiveProgress, StageProgress, make_progress
from survey_batch.monitor.record import Record
from survey_batch.store.schema import Shard


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


def test_a_stage_that_stands_still_says_for_how_long_instead_of_a_time_left(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("survey_batch.monitor.progress.time.monotonic", lambda: now[0])
    stage = StageProgress("spectra", 40, started=0.0)
    for index in range(4):
        now[0] += 10
        stage.add(record(index), 4)
    assert stage.line() == "spectra: 16/40 (ok=16) 0.4/s, 60 s left"
    now[0] += 540
    assert stage.line() == "spectra: 16/40 (ok=16) 0/s, last shard finished 9 min ago"
    assert stage.seconds_left is None


def test_the_commonest_reasons_of_a_stage_are_kept():
    stage = StageProgress("spectra", 40)
    for index in range(3):
        reasons = (("not_found", f"/data/{index}.fits: no such file", 2), ("invalid", "no id", 1))
        stage.add(replace(record(index), reasons=reasons), 4)
    assert stage.reasons.most() == [("not_found", "/data/0.fits: no such file", 6), ("invalid", "no id", 3)]


def test_a_remark_with_brackets_is_shown_whole():
    stream = io.StringIO()
    with LiveProgress(Console(file=stream, force_terminal=True, width=100)) as progress:
        progress.say("there: runs/[abc]/out")
    assert "runs/[abc]/out" in stream.getvalue()


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


LOSSY = [("not_found", "no such file: 1.fits", 2), ("partial", "band z is missing", 3), ("unreadable", "no END", 1)]


def lossy(index, stage="spectra", ok=1):
    counts = {"not_found": 2, "unreadable": 1, "partial": 3, "ok": ok}
    return replace(record(index, 6 + ok, **counts), stage=stage, reasons=LOSSY)


@pytest.mark.parametrize("live", [False, True])
def test_a_run_that_finds_too_little_says_so_once_with_the_commonest_reason(live):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=200)
    progress = LiveProgress(console) if live else LineProgress()
    progress.say = said = mock.Mock()
    progress.stage("spectra", 700)
    for index in range(20):
        progress.record(lossy(index))
    progress.stage("features", 700)
    for index in range(20):
        progress.record(lossy(index, "features"))
    said.assert_called_once_with(
        "note: spectra: 20 not_found, 10 unreadable of 70 so far; most often: no such file: 1.fits. "
        "The run goes on; Ctrl-C stops it"
    )


@pytest.mark.parametrize(
    ("total", "shards", "ok", "told"),
    [
        (700, 9, 1, False),  # less than a tenth is done
        (700, 10, 1, True),
        (100_000, 142, 1, False),
        (100_000, 143, 1, True),  # a thousand rows
        (900, 12, 3, False),  # a third is lost, not more
        (70, 10, 1, False),  # the end of the run says it
    ],
)
def test_only_a_large_loss_among_enough_rows_is_told(total, shards, ok, told):
    stage = StageProgress("spectra", total)
    for index in range(shards):
        stage.add(lossy(index, ok=ok), 6 + ok)
    assert bool(stage.loss()) == told


@pytest.mark.parametrize(("bad", "told"), [(1, ""), (2, "frames: 2 not_found of 5 so far")])
def test_a_loss_among_the_frames_of_a_field_is_one_of_frames_not_of_fields(bad, told):
    stage = StageProgress("frames", 5)
    stage.add(replace(record(0, 1, not_found=bad, ok=5 - bad), stage="frames", reasons=[]), 1)
    assert stage.loss() == told


def test_a_note_is_shown_once_even_if_two_runs_have_it(capsys):
    progress = LineProgress()
    for _ in range(2):
        with progress:
            progress.note("column 'z' is ignored")
    assert capsys.readouterr().err == "note: column 'z' is ignored\n"


def test_a_live_table_can_be_shown_again_for_a_second_run():
    stream = io.StringIO()
    progress = LiveProgress(Console(file=stream, force_terminal=True, width=100))
    for stage in ("spectra", "predictions"):
        with progress:
            progress.stage(stage, 8)
            progress.record(replace(record(0), stage=stage))
    assert stream.getvalue().count("4/8") >= 3


def test_statuses_of_shards_that_were_taken_back_are_shown_no_more():
    stage = StageProgress("spectra", 8)
    stage.add(record(0, not_found=4), 4)
    stage.add(replace(record(0, not_found=-4), rows_done=0, again=True), -4)
    stage.add(record(0), 4)
    assert stage.line().startswith("spectra: 4/8 (ok=4) ")


def test_reasons_of_shards_that_were_taken_back_are_told_no_more():
    stage, bad = StageProgress("spectra", 12), replace(record(0, not_found=4), reasons=(("not_found", "no a.fits", 4),))
    stage.add(bad, 4)
    stage.add(replace(bad, reasons=(("not_found", "no file b.fits", 1),)), 4)
    stage.add(Record.taken_back("spectra", bad.shard, bad.counts, bad.reasons), -4)
    assert stage.reasons.most() == [("not_found", "no file b.fits", 1)]
    stage.add(Record.taken_back("spectra", bad.shard, bad.counts, [("not_found", "no file b.fits", 5)]), -4)
    assert stage.reasons.most() == []
