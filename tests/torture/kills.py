"""Kills: who is hit, and at which moment of a run."""

import re
import signal
from functools import partial
from pathlib import Path

from tests.processes import command, dask_cluster
from tests.torture.rounds import Outcome, Round, Scenario
from tests.torture.scene import CLUSTER, IMAGES, NOISE, SPECTRA, STAGES, Scene, gap
from tests.torture.strikes import Strike, striking

LIMIT = 300
"""Seconds after which a run hangs: on a busy machine it takes one tenth."""
RUNS = 8
"""Runs after which a job must be done, whatever was killed."""

WHOLE_RUN = [
    ("link", r"/lock\.json$"),
    ("write", r"/log/[^/]*\.jsonl$"),
    ("rename", r"/plan/objects\.parquet$"),
    ("rename", r"/out/zarr\.json$"),
    ("rename", r"/out/problems\.parquet$"),
    ("rename", r"/out/run\.json$"),
    ("remove", r"/lock\.json$"),
]
"""What the client alone does, in the order of a run."""


def moments(scene: Scene) -> list[tuple[str, str]]:
    """All moments of a run, in order: events and paths."""
    found = list(WHOLE_RUN[:4])
    for stage in STAGES[scene.name]:
        product = rf"/out/{stage}\.zarr/"
        found += [
            ("rename", product + r"(.*/)?zarr\.json$"),
            ("read", r"/archive/.*\.fits" if stage in ("spectra", "frames") else r"/out/(spectra|cutouts)\.zarr/.*/c/"),
            ("write", product + r"(?!status/).*/c/"),
            ("rename", product + r"(?!status/).*/c/"),
            ("rename", rf"/out/problems/{stage}-"),
            ("write", product + "status/c/"),
            ("rename", product + "status/c/"),
        ]
    return found + WHOLE_RUN[4:]


def chosen(this: Round, scene: Scene, number: int, by: str = "any", **strike: object) -> list[Strike]:
    """Choose strikes by chance, in the order of a run."""
    possible = moments(scene)
    if by == "worker":
        possible = [each for each in possible if each not in WHOLE_RUN and not each[1].endswith(r"zarr\.json$")]
    places = sorted(this.chance.sample(range(len(possible)), number))
    return [
        Strike(
            *possible[place],
            nth=1 if possible[place] in WHOLE_RUN or "problems" in possible[place][1] else this.chance.randrange(1, 4),
            delay=this.chance.choice((0, 0, 0.001, 0.01, 0.1)),
            by=by,
            **strike,
        )
        for place in places
    ]


def told(strikes: list[Strike]) -> str:
    """Say what was to be struck, and when."""
    return "; ".join(
        ("" if each.command else f"{signal.Signals(each.signal).name} to {each.victim} ")
        + f"at {each.event} {each.nth} of {plain(each.path)} + {each.delay} s"
        for each in strikes
    )


def plain(expression: str) -> str:
    """Write a regular expression as a person would name the file."""
    return re.sub(r"[\\^$]|/out/", "", expression)


def until_done(this: Round, outcome: Outcome, job: object, struck: object, ends: tuple[int, ...]) -> None:
    """Run the same command until it ends well; a run that was struck may end in one of these ways, no other one."""
    for _ in range(RUNS):
        before = len(struck())
        with command(job, this.folder, process_group=0) as running:
            code = running.wait(LIMIT)
            messages = running.messages
        hit = len(struck()) > before
        outcome.wrong += [f"{noise!r} in {messages[-2000:]}" for noise in NOISE if noise in messages]
        if code == 0:
            return
        if not hit or code not in ends:
            outcome.wrong.append(f"exit code {code}, {'' if hit else 'not '}struck: {messages[-2000:]}")
    raise AssertionError(f"not done after {RUNS} runs")


def judged(
    this: Round, scene: Scene, outcome: Outcome, strikes: list[Strike], times: list[float], output: Path | None = None
) -> Outcome:
    """Compare the products, and note what was done."""
    output = output or this.folder / "out"
    outcome.faults, outcome.what = len(times), f"{scene.name}: {told(strikes)}"
    outcome.verdict, outcome.standstill = scene.judge(output), gap(output, times)
    if (output / "lock.json").exists():
        outcome.wrong.append("the lock is still there")
    return outcome


def alone(this: Round, *, scene: str, kills: int, ends: tuple[int, ...], **strike: object) -> Outcome:
    """Strike a run on a local cluster."""
    here = this.scenes[scene]
    strikes = chosen(this, here, kills, **strike)
    outcome = Outcome()
    with striking(this.folder / "strikes", strikes) as struck:
        until_done(this, outcome, here.job(this.folder / "out"), struck, ends)
    return judged(this, here, outcome, strikes, struck())


def on_cluster(this: Round, *, scene: str, ends: tuple[int, ...], **strike: object) -> Outcome:
    """Strike a run that joined a cluster; where it cannot go on, a local cluster takes over."""
    here = this.scenes[scene]
    strikes = chosen(this, here, 1, **strike)
    outcome = Outcome()
    with striking(this.folder / "strikes", strikes) as struck, dask_cluster(this.folder / "dask") as (address, _):
        job = here.job(this.folder / "out", cluster={**CLUSTER, "kind": address})
        with command(job, this.folder, process_group=0) as running:
            code = running.wait(LIMIT)
            messages = running.messages
        outcome.wrong += [f"{noise!r} in {messages[-2000:]}" for noise in NOISE if noise in messages]
        if code not in ((0, *ends) if struck() else (0,)):
            outcome.wrong.append(f"exit code {code}: {messages[-2000:]}")
    until_done(this, outcome, here.job(this.folder / "out"), list, ())
    return judged(this, here, outcome, strikes, struck())


KILLED, LOST, STOPPED = (-signal.SIGKILL,), (1, 2), (130,)
"""Exit codes. A scheduler that is lost before the run has joined it is a wrong setting of the job."""

SCENARIOS = [
    scenario
    for name, share in ((SPECTRA, 2), (IMAGES, 1))
    for scenario in (
        Scenario(f"client, {name}", partial(alone, scene=name, kills=3, ends=KILLED, victim="client"), 12 * share),
        Scenario(f"worker, {name}", partial(alone, scene=name, kills=2, ends=(), by="worker"), 12 * share),
        Scenario(
            f"driver with SIGTERM, {name}",
            partial(alone, scene=name, kills=3, ends=STOPPED, victim="client", signal=signal.SIGTERM),
            8 * share,
        ),
        Scenario(
            f"Ctrl-C, {name}",
            partial(alone, scene=name, kills=3, ends=STOPPED, victim="group", signal=signal.SIGINT),
            8 * share,
        ),
        Scenario(f"scheduler, {name}", partial(on_cluster, scene=name, ends=LOST, victim="scheduler"), 8 * share),
        Scenario(f"nanny, {name}", partial(on_cluster, scene=name, ends=(), by="worker", victim="parent"), 8 * share),
        Scenario(
            f"worker of a joined cluster, {name}", partial(on_cluster, scene=name, ends=(), by="worker"), 4 * share
        ),
    )
]
