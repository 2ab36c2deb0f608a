"""How many shards and workers one scheduler can serve: the engine against stubs of workers that compute nothing.

    python -m benchmarks.cluster_scale [--shards 100000] [--only NUMBER ...]

Each row of the table has a scheduler, a client and one process of stubs (`stub_cluster.py`) of its own. A task of 0 s
shows what scheduler and client can do; a task that holds its worker for a time without using a CPU shows when they
keep the workers waiting. `tasks/s` is that of this machine with everything on its cores; `per CPU-second of the
scheduler` is what a core of its own would do, whatever runs beside it. Takes about twenty minutes.
"""

import argparse
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil

from benchmarks.stub_cluster import Account, Ask, prepare_process, stub_cluster
from benchmarks.timing import machine
from survey_batch.cluster.running import joined
from survey_batch.config.job import Job
from survey_batch.execution.engine import Engine
from survey_batch.execution.runlog import run_log
from survey_batch.monitor.record import Record
from survey_batch.preflight.phases import Group, make_groups
from survey_batch.stages import make_stages
from survey_batch.store.schema import cut_into_shards

OBJECTS = 1024
"""In a shard; the default of `shards.objects`."""
CHAINS = {"images": ("sdss", ["frames", "cutouts", "composites", "features"]), "spectra": ("lamost", ["spectra"])}
"""Whose last phase is run: three tasks for each shard, or one."""
MIDDLE = (0.25, 0.75)
"""Shares of the records between which idle time is counted: without the first shards and the last."""


@dataclass(frozen=True)
class Case:
    """One row: workers, seconds that a task takes, shards, which chain, and where the scheduler is."""

    workers: int
    seconds: float
    shards: int
    chain: str = "images"
    inside: bool = False
    """Whether the scheduler is in the client's process, as on SLURM."""
    answer_seconds: float = 0.0
    """How long a worker takes to answer for a result."""


@dataclass
class Measured:
    """What one case took; CPU in seconds, memory in bytes."""

    case: Case
    records: int
    seconds: float
    scheduler_cpu: float
    client_cpu: float
    first_task: float
    first_record: float
    idle: float
    memory: np.ndarray
    """Records, resident bytes of the scheduler and of the client, at about one time a second: (sample, 3)."""
    log_bytes: int
    complete: bool


def cases(shards: int) -> list[Case]:
    """Rows of the table; the last one does all `shards`."""
    free = [Case(1, 0, 1000), Case(10, 0, 1500), Case(100, 0, 1500), Case(1000, 0, 2500)]
    held = [Case(100, 0.2, 1000), Case(100, 1, 800), Case(1000, 2, 2500), Case(1000, 10, 2500), Case(1000, 30, 2500)]
    like = [Case(1000, 0, 2500, inside=True), Case(100, 1, 800, answer_seconds=0.05)]
    return [*free, *held, *like, Case(100, 0, shards, "spectra")]


def main() -> None:
    """Measure each case in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cluster_scale", description=(__doc__ or "").split(":")[0]
    )
    parser.add_argument("--shards", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=900, help="after which a row is cut short")
    parser.add_argument("--only", type=int, nargs="+", help="rows, from 0")
    options = parser.parse_args()
    chosen = cases(options.shards)
    chosen = [chosen[number] for number in options.only] if options.only else chosen
    print(f"{machine()}\n\n{HEAD}\n|{' --- |' * HEAD.count(' | ')} --- |", flush=True)
    context = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        done = []
        for case in chosen:
            done.append(pool.submit(measure, case, options.seconds).result())
            print(line(done[-1]), flush=True)
    longest = max(done, key=lambda one: one.records)
    print(f"\nMemory while {longest.records:,} records came in:\n\n{growth(longest)}")


def measure(case: Case, limit: float) -> Measured:
    """Run one case's shards through the engine, or as many as it does within a time."""
    prepare_process()
    group, job = _group(case.chain)
    with (
        tempfile.TemporaryDirectory() as output,
        stub_cluster(case.workers, case.seconds, case.answer_seconds, case.inside) as (client, scheduler, ask),
        run_log(output) as log,
    ):
        watch = Watch(ask, len(group.stored) * case.shards, scheduler, limit)
        engine = Engine(joined(client), job, group, watch.record, watch.tick)
        before, begun = (_cpu(scheduler), _cpu(None), ask()), time.time()
        with suppress(EnoughError):
            engine.run(cut_into_shards(group.stages[0].axis, case.shards * OBJECTS, OBJECTS))
        watch.accounts.append(ask())
        seconds, first = time.time() - begun, ask().first or begun
        return Measured(
            case, watch.records, seconds, _cpu(scheduler) - before[0], _cpu(None) - before[1], first - begun,
            watch.first - begun, watch.idle(case.workers), np.array(watch.memory), Path(log).stat().st_size,
            watch.records == len(group.stored) * case.shards,
        )  # fmt: skip


def _group(chain: str) -> tuple[Group, Job]:
    survey, stages = CHAINS[chain]
    archive = {"survey": survey, "root": "nowhere"}
    tables = {"name": chain, "output": "nowhere", "stages": stages, "catalog": {"path": "none.csv"}, "archive": archive}
    job = Job.model_validate(tables)
    return make_groups(make_stages(job))[-1], job


class EnoughError(Exception):
    """The time for a case is over."""


class Watch:
    """Counts records, and looks at memory and at the stubs while they come in."""

    def __init__(self, ask: Ask, expected: int, scheduler: int, limit: float) -> None:
        self.end = time.time() + limit
        self.ask, self.processes = ask, (psutil.Process(scheduler), psutil.Process())
        self.marks = [int(share * expected) for share in MIDDLE]
        self.accounts: list[Account] = []
        self.records, self.first, self.looked = 0, 0.0, 0.0
        self.memory: list[tuple[int, int, int]] = []

    def record(self, _: Record) -> None:
        """Count one."""
        self.records += 1
        self.first = self.first or time.time()
        if self.records in self.marks:
            self.accounts.append(self.ask())

    def tick(self) -> None:
        """Look at memory, and at the clock."""
        if time.time() > self.end:
            raise EnoughError
        if time.time() - self.looked > 1:
            self.looked = time.time()
            scheduler, client = (process.memory_info().rss for process in self.processes)
            self.memory.append((self.records, scheduler, client))

    def idle(self, workers: int) -> float:
        """Share of the workers' time in which they had nothing to do."""
        begin, end, *_ = self.accounts if len(self.accounts) > 1 else self.accounts * 2
        return 1 - (end.worked - begin.worked) / max(end.time - begin.time, 1e-9) / workers


def _cpu(process: int | None) -> float:
    times = psutil.Process(process).cpu_times()
    return float(times.user + times.system)


HEAD = (
    "| workers | a task takes [s] | shards | records | tasks/s | per CPU-second of the scheduler | its CPU share "
    "| its peak [MB] | client: CPU per record [ms] | its peak [MB] | first task done [s] | first record [s] | idle |"
)


def line(done: Measured) -> str:
    """One row of the table."""
    case, peak = done.case, done.memory.max(axis=0) / 1e6
    notes = [
        *(["scheduler and client in one process"] if case.inside else []),
        *([f"answering in {case.answer_seconds:g} s"] if case.answer_seconds else []),
    ]
    cells = (
        " ".join([f"{case.workers:,}", *(f"({note})" for note in notes)]), f"{case.seconds:g}",
        f"{case.shards:,}{'' if done.complete else ', cut short'}", f"{done.records:,}",
        f"{done.records / done.seconds:.0f}",
        f"{done.records / done.scheduler_cpu:.0f}", f"{done.scheduler_cpu / done.seconds:.2f}", f"{peak[1]:.0f}",
        "" if case.inside else f"{1000 * done.client_cpu / max(done.records, 1):.2f}", f"{peak[2]:.0f}",
        f"{done.first_task:.1f}", f"{done.first_record:.1f}", f"{done.idle:.2f}" if case.seconds else "",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def growth(done: Measured) -> str:
    """Memory at shares of a run, and bytes that each record left behind in its second half."""
    at = [np.searchsorted(done.memory[:, 0], share * done.records) for share in (0.02, 0.1, 0.5, 1)]
    rows = [done.memory[min(index, len(done.memory) - 1)] for index in at]
    table = [f"| {records:,} | {scheduler / 1e6:.0f} | {client / 1e6:.0f} |" for records, scheduler, client in rows]
    late = done.memory[done.memory[:, 0] > done.records / 2]
    slopes = [np.polyfit(late[:, 0], late[:, column], 1)[0] for column in (1, 2)] if len(late) > 2 else [np.nan] * 2
    return "\n".join(
        [
            "| records | scheduler [MB] | client [MB] |", "| --- | --- | --- |", *table, "",
            f"Bytes left by a record in the second half: {slopes[0]:.0f} and {slopes[1]:.0f}; "
            f"in the run's log: {done.log_bytes / done.records:.0f}.",
        ]
    )  # fmt: skip


if __name__ == "__main__":
    main()
