"""Rounds of scenarios: what one came to, a line for each, and one table of all."""

import json
import random
import shutil
import statistics
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.torture.scene import Scene, Verdict

COLUMNS = (
    *("scenario", "rounds", "faults", "objects lost", "wrong statuses", "rounds with other bits"),
    *("standstill: median, longest", "longer than undisturbed", "rounds that failed"),
)
HEAD = f"| {' | '.join(COLUMNS)} |"
RULE = f"| --- |{' ---: |' * (len(COLUMNS) - 1)}"


@dataclass
class Round:
    """What a scenario is given: chance with a fixed seed, a folder of its own, and the jobs."""

    chance: random.Random
    folder: Path
    scenes: dict[str, Scene]


@dataclass
class Outcome:
    """What one round came to.

    Attributes
    ----------
    faults
        Kills, full disks or cut connections that really came; a run may end before its moment comes.
    verdict
        The disturbed run beside the undisturbed one.
    standstill
        Seconds from a fault to the next file written by the run that goes on, or by the next run.
    longer
        Seconds that the run took longer than an undisturbed one just before it, where that is measured.
    what
        The moments, in words.
    wrong
        What else was not as promised: exit codes, messages, processes left.
    """

    faults: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    standstill: float = 0.0
    longer: float | None = None
    what: str = ""
    wrong: list[str] = field(default_factory=list)

    @property
    def right(self) -> bool:
        return self.verdict.right and not self.wrong


@dataclass(frozen=True)
class Scenario:
    """A kind of trouble: its name, a function that does one round, and how many rounds the full set has."""

    name: str
    once: Callable[[Round], Outcome]
    rounds: int


def torture(
    scenarios: Sequence[Scenario], scenes: dict[str, Scene], folder: Path, minutes: float, seed: int = 1
) -> bool:
    """Do rounds in turn until all are done or the time is over; tell whether all went right."""
    end = time.monotonic() + 60 * minutes
    folder.mkdir(parents=True, exist_ok=True)
    done: dict[str, list[Outcome]] = {scenario.name: [] for scenario in scenarios}
    with (folder / "rounds.jsonl").open("w") as lines:
        for number in range(max(scenario.rounds for scenario in scenarios)):
            for scenario in (each for each in scenarios if number < each.rounds):
                if time.monotonic() > end:
                    break
                begun, here = time.monotonic(), folder / f"{scenario.name}-{number}".replace(" ", "-")
                shutil.rmtree(here, ignore_errors=True)
                outcome = _one(scenario, Round(random.Random(f"{seed}/{scenario.name}/{number}"), here, scenes))
                done[scenario.name].append(outcome)
                line = {"scenario": scenario.name, "round": number, "right": outcome.right, **asdict(outcome)}
                line["seconds"] = round(time.monotonic() - begun, 1)
                text = json.dumps(line)
                print(text, file=lines, flush=True)
                print(text, flush=True)
                if outcome.right:
                    shutil.rmtree(here, ignore_errors=True)
    text = table(done)
    (folder / "table.md").write_text(text)
    print(f"\n{text}\nrounds: {folder / 'rounds.jsonl'}; folders of rounds that went wrong are kept beside it")
    return all(outcome.right for outcomes in done.values() for outcome in outcomes)


def _one(scenario: Scenario, this: Round) -> Outcome:
    """Do one round; an error is an outcome, and the next round goes on."""
    try:
        return scenario.once(this)
    except Exception:
        return Outcome(wrong=[traceback.format_exc()[-3000:]])


def table(done: dict[str, list[Outcome]]) -> str:
    """Write one line for each scenario, and one for all."""
    rows = [_row(name, outcomes) for name, outcomes in done.items() if outcomes]
    every = [outcome for outcomes in done.values() for outcome in outcomes]
    return "\n".join([HEAD, RULE, *rows, _row("**all**", every), ""])


def _row(name: str, outcomes: list[Outcome]) -> str:
    waits = [outcome.standstill for outcome in outcomes if outcome.standstill] or [0.0]
    longer = [outcome.longer for outcome in outcomes if outcome.longer is not None]
    figures = (
        len(outcomes),
        sum(outcome.faults for outcome in outcomes),
        sum(outcome.verdict.lost for outcome in outcomes),
        sum(outcome.verdict.wrong for outcome in outcomes),
        sum(bool(outcome.verdict.differs) for outcome in outcomes),
        f"{statistics.median(waits):.1f} s, {max(waits):.1f} s",
        f"{statistics.median(longer):.0f} s, {max(longer):.0f} s" if longer else "",
        sum(not outcome.right for outcome in outcomes),
    )
    return f"| {name} | {' | '.join(map(str, figures))} |"
