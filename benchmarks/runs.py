"""Whole runs with Dask: what a start takes, and how much faster two workers are than one."""

import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Any

from distributed import Client

from benchmarks import reaper, spectra
from benchmarks.data import Data, repeat_catalog
from benchmarks.rows import Result, Row, Side
from benchmarks.timing import Work
from survey_batch.cluster import connect
from survey_batch.config.job import ClusterSection, Job
from survey_batch.execution.runner import run
from survey_batch.monitor.progress import LineProgress
from survey_batch.planning.plan import make_plan

FEW = 10
WORKERS = 2
COPIES, SHARD = 36, 256
"""So many that a run lasts long enough to tell something: what a run takes whatever it holds is a second at most."""
LONGEST = 600.0
"""Seconds after which a run of a few objects has failed."""
EMPTY = """
from distributed import Client, LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers={workers}, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            client.submit(sum, (1, 2)).result()
"""
"""A program that starts and ends a cluster of Dask and does nothing else."""

JOB = """
name = "start"
output = "{output}"
stages = ["spectra", "features"]
[catalog]
path = "{catalog}"
[archive]
survey = "lamost"
root = "{root}"
[cluster]
workers = {workers}
"""


def start_row(data: Data, scratch: Path) -> Row:
    """Set up the comparison of a run of a few objects with an empty cluster."""
    scratch.mkdir(parents=True, exist_ok=True)
    catalog = repeat_catalog(data.spectra, 1, scratch / "few.csv", separator="|", rows=FEW)
    output, file, empty = scratch / "output", scratch / "job.toml", scratch / "empty.py"
    file.write_text(JOB.format(output=output, catalog=catalog, root=data.lamost, workers=WORKERS), encoding="utf-8")
    empty.write_text(EMPTY.format(workers=WORKERS), encoding="utf-8")

    def ours() -> list[Work]:
        rmtree(output, ignore_errors=True)
        return [partial(called, scratch, "-m", "survey_batch", "run", str(file))]

    def clocks(result: Result) -> list[str]:
        wall, other = (result.each(name, "wall") for name in ("ours", "floor"))
        return [f"on the clock {wall:.1f} s, and {other:.1f} s; less where more cores are idle"]

    return Row(
        f"run of {FEW} objects",
        1,
        Side(f"`survey-batch run`: spectra and features of {FEW} files with {WORKERS} workers", ours),
        Side("a cluster of Dask with as many workers, begun and ended", lambda: [partial(called, scratch, str(empty))]),
        warm=False,
        notes=clocks,
    )


def called(scratch: Path, *arguments: str) -> None:
    """Run Python in a process of its own, and wait for all that it starts."""
    told_by(scratch, *arguments)


def told_by(scratch: Path, *arguments: str) -> str:
    """Do the same, and return what it printed on standard error."""
    command = [sys.executable, reaper.__file__, sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=scratch, timeout=LONGEST)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stderr


class Silent(LineProgress):
    """Progress that nobody needs to see."""

    def say(self, text: str) -> None:
        """Say nothing."""


def workers_row(data: Data, scratch: Path) -> Row:
    """Set up the comparison of two workers with one, on clusters that have begun and imported everything."""
    stack, sides = ExitStack(), {}
    for workers in (1, WORKERS):
        tables: dict[str, Any] = {"shards": {"objects": SHARD}, "spectral_features": {"components": 0}}
        job = spectra.copied(data, ["spectra", "features"], scratch / str(workers), copies=COPIES, **tables)
        client = stack.enter_context(connect(ClusterSection(workers=workers))).client
        sides[workers] = partial(ready_to_run, job, client)
    return Row(
        f"run of {make_plan(job).size('object'):,} spectra",
        1,
        Side(f"files to spectra and features (without components), {WORKERS} workers", sides[WORKERS]),
        Side("the same run with one worker", sides[1]),
        clock="wall",
        close=stack.close,
        notes=lambda result: [
            f"the ratio, {WORKERS} at best, means something where {WORKERS} cores are idle, and only there",
            "this process, with client, scheduler and display, took "
            + " and ".join(f"{result.each(name, 'cpu'):.1f}" for name in ("ours", "floor"))
            + f" CPU-seconds of them, with {WORKERS} workers and with one",
        ],
    )


def ready_to_run(job: Job, client: Client) -> list[Work]:
    """Remove what was made, and return the run as one part."""
    rmtree(job.output, ignore_errors=True)
    return [partial(run, job, Silent(), client=client)]
