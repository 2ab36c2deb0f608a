"""Rows of the benchmark: sides take turns, and the table says what was measured and what was not."""

import json
import subprocess
import sys
import time
from functools import partial

import pytest

from benchmarks import reaper
from benchmarks.rows import Result, Row, Side, measure
from benchmarks.table import as_json, duration, header, line, notes
from benchmarks.timing import Spent, spent


def a_row(**changes):
    sides = {"ours": Side("what we do", lambda: [lambda: None]), "floor": Side("the least", lambda: [lambda: None])}
    return Row("thing", 10, **{**sides, **changes})


def a_result(ours, floor, **changes):
    taken = {"ours": [Spent(cpu, cpu) for cpu in ours], "floor": [Spent(cpu, cpu) for cpu in floor]}
    return Result(a_row(**changes), taken)


def test_parts_of_all_sides_take_turns_and_every_other_round_begins_with_the_last():
    done = []
    sides = {
        name: Side(name, lambda name=name, parts=parts: [partial(done.append, f"{name}{n}") for n in range(parts)])
        for name, parts in (("floor", 2), ("ours", 1), ("other", 2))
    }
    row = Row("thing", 1, sides["ours"], sides["floor"], [sides["other"]], warm=False)
    result = measure(row, 2)
    assert done == [
        *["floor0", "ours0", "other0", "floor1", "other1"],
        *["other0", "ours0", "floor0", "other1", "floor1"],
    ]
    assert {name: len(taken) for name, taken in result.taken.items()} == {"floor": 2, "ours": 2, "other": 2}


def test_what_was_started_for_a_row_ends_when_a_side_fails():
    closed = []

    def fail():
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        measure(a_row(ours=Side("ours", lambda: [fail]), close=lambda: closed.append(1)), 1)
    assert closed == [1]


def test_the_ratio_is_the_median_of_the_rounds_and_its_range_is_told():
    result = a_result(ours=[0.01, 0.02, 0.04], floor=[0.005, 0.015, 0.01], aim=0.4)
    assert result.ratios() == [0.5, 0.75, 0.25]
    cells = [cell.strip() for cell in line("name", result).split("|")[1:-1]]
    assert cells == ["name", "thing", "1.00 ms", "2.00 ms", "0.50 (0.25 to 0.75)", "0.40 reached", ""]
    assert "MISSED" in line("name", a_result([0.01], [0.001], aim=0.4))


def test_a_side_with_a_count_of_its_own_is_told_for_one_of_them():
    row = a_row(peers=[Side("theirs", list, count=2), Side("rest", list, compared=False)])
    taken = {"ours": [Spent(1, 1)], "floor": [Spent(1, 1)], "theirs": [Spent(1, 1)], "rest": [Spent(20, 20)]}
    assert line("name", Result(row, taken)).endswith("theirs: 500 ms, 5 times ours; rest: 2.00 s |")


def test_what_is_not_installed_is_said_and_not_measured():
    row = a_row(peers=[Side("theirs", lambda: [pytest.fail], missing="not installed")])
    result = measure(row, 1)
    assert line("name", result).endswith("theirs: not installed |")
    assert as_json(result)["missing"] == {"theirs": "not installed"}


def test_a_row_by_the_clock_counts_the_clock():
    result = measure(a_row(ours=Side("sleeping", lambda: [partial(time.sleep, 0.05)]), clock="wall", warm=False), 1)
    assert result.each() >= 0.005
    assert result.each(clock="cpu") < result.each()
    assert "thing, by the clock" in line("name", result)
    assert "cpu" not in as_json(result)["sides"]["ours"]  # workers that run on are not counted


def test_another_version_is_compared_by_the_ratio_to_the_floor():
    before = json.loads(json.dumps(as_json(a_result(ours=[0.04], floor=[0.01]))))
    now = a_result(ours=[0.06], floor=[0.03])  # a slower machine
    cells = [cell.strip() for cell in line("name", now, before).split("|")]
    assert cells[7] == "2.00"
    assert len(cells) == len(header(against=True).splitlines()[0].split("|"))
    assert "1.50, no floor" in line(
        "name", Result(a_row(floor=None), {"ours": [Spent(0.04, 0.04)]}), before | {"ours": 0.006}
    )
    assert "| new " in line("name", now, {})


def test_notes_say_what_each_side_did():
    said = notes("name", a_result([1], [1], notes=lambda _: ["both made the same"]))
    assert said == ["name: what we do. Floor: the least.", "    both made the same"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (2.345e-5, "23.5 µs"),
        (9.996e-4, "1.00 ms"),
        (0.0345, "34.5 ms"),
        (0.714, "714 ms"),
        (45.6, "45.6 s"),
        (312, "312 s"),
    ],
)
def test_durations_have_three_digits(seconds, said):
    assert duration(seconds) == said


@pytest.mark.skipif(sys.platform != "linux", reason="only there may a process adopt orphans")
def test_cpu_time_of_a_process_that_outlives_its_parent_counts(tmp_path):
    busy = "import time\nwhile time.process_time() < 0.4: pass"
    orphan = f"import subprocess, sys; subprocess.Popen([sys.executable, '-S', '-c', {busy!r}])"
    command = [sys.executable, "-S", "-c", orphan]
    taken = spent(partial(subprocess.run, [sys.executable, reaper.__file__, *command], check=True, timeout=60))
    assert taken.cpu >= 0.4
    failing = [sys.executable, reaper.__file__, sys.executable, "-S", "-c", "raise SystemExit(3)"]
    assert subprocess.run(failing, check=False, timeout=60).returncode == 3
