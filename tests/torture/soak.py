"""Soak: `python -m tests.torture.soak --minutes 120` runs small jobs one after another, and then one long run.

The client's memory, objects, open files, threads and temporary files are counted after each job, and those of the
workers all through the long run. A table compares the first tenth with the last; the exit code is 1 if the last is
larger than a run of noise allows.
"""

import argparse
import gc
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from tests.jobs import lamost_job
from tests.lamost_files import make_archive

WARM = 3
"""Jobs before the first that counts: what is imported and cached once."""
LONG_SHARE = 0.3
"""Share of the time for the one long run."""
LOOK_SECONDS = 2.0
"""Time between two looks at the workers."""
ALLOWED = {"memory [MB]": 0.05, "objects": 0.01, "open files": 0.0, "threads": 0.0, "temporary files": 0.0}
"""Growth from the first tenth to the last that is noise, as a share."""
OF_WORKERS = "workers: "


@dataclass
class Watch:
    """Counts over time, and their table."""

    seen: dict[str, list[float]] = field(default_factory=dict)

    def note(self, name: str, count: float) -> None:
        """Add a count."""
        self.seen.setdefault(name, []).append(count)

    def rows(self) -> list[tuple[str, float, float, bool]]:
        """Return, for each count, its median in the first and the last tenth, and whether it grew too much."""
        rows = []
        for name, counts in self.seen.items():
            tenth = max(len(counts) // 10, 1)
            first, last = median(counts[:tenth]), median(counts[-tenth:])
            rows.append((name, first, last, last > first * (1 + ALLOWED[name.removeprefix(OF_WORKERS)])))
        return rows

    def table(self) -> str:
        """Show the rows."""
        lines = [f"{'':26}{'looks':>8}{'first tenth':>14}{'last tenth':>14}"]
        lines += [
            f"{name:26}{len(self.seen[name]):8}{first:14,.1f}{last:14,.1f}{'  GREW' if grew else ''}"
            for name, first, last, grew in self.rows()
        ]
        return "\n".join(lines)


def look(watch: Watch, process: Any, temporary: Path | None = None, prefix: str = "") -> None:
    """Note a process' counts."""
    watch.note(f"{prefix}memory [MB]", process.memory_info().rss / 1e6)
    watch.note(f"{prefix}open files", process.num_fds())
    watch.note(f"{prefix}threads", process.num_threads())
    if temporary is not None:
        gc.collect()
        watch.note("objects", len(gc.get_objects()))
        watch.note("temporary files", sum(1 for _ in temporary.rglob("*")))


def many_jobs(folder: Path, seconds: float, watch: Watch) -> int:
    """Run small jobs until the time is over; return how many."""
    import survey_batch as sb

    archive, temporary = make_archive(folder / "small", 16), Path(tempfile.gettempdir())
    deadline, jobs, own = time.monotonic() + seconds, 0, psutil.Process()
    while time.monotonic() < deadline:
        output = folder / f"output-{jobs}"
        summary = sb.run(lamost_job(archive, output, stages=("spectra",), cluster={"workers": 1, "memory": "1 GB"}))
        if dict(summary.counts) != {"ok": 16}:
            raise AssertionError(f"job {jobs} ended with {summary.counts}")
        shutil.rmtree(output)
        jobs += 1
        if jobs > WARM:
            look(watch, own, temporary)
    return jobs


def long_run(folder: Path, seconds: float, watch: Watch) -> int:
    """Run one job over and over on one cluster, and look at its workers meanwhile; return how often."""
    import dask
    from distributed import Client, LocalCluster

    import survey_batch as sb
    from survey_batch.cluster.base import SCHEDULER_SETTINGS
    from survey_batch.core.environment import compute_like_a_worker

    compute_like_a_worker()
    archive = make_archive(folder / "large", 200)
    with (
        # As on a cluster of ours: by default Dask keeps far more for its developers.
        dask.config.set(SCHEDULER_SETTINGS),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        workers = [psutil.Process(process) for process in client.run(os.getpid).values()]
        stop = threading.Event()
        watcher = threading.Thread(target=_watch_workers, args=(workers, watch, stop.is_set))
        deadline, times = time.monotonic() + seconds, 0
        while time.monotonic() < deadline:
            sb.run(lamost_job(archive, folder / "long", shards={"objects": 20}), client=client)
            shutil.rmtree(folder / "long")
            times += 1
            if times == WARM:
                watcher.start()
        stop.set()
        if watcher.ident:
            watcher.join()
    return times


def _watch_workers(workers: Sequence[Any], watch: Watch, stopped: Callable[[], bool]) -> None:
    while not stopped():
        for worker in workers:
            look(watch, worker, prefix=OF_WORKERS)
        time.sleep(LOOK_SECONDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=120)
    seconds = 60 * parser.parse_args(arguments).minutes
    watch = Watch()
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as parent:  # a worker may still clean up
            folder, scratch = Path(parent) / "work", Path(parent) / "tmp"
            folder.mkdir()
            scratch.mkdir()
            os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)  # of this process and its workers alone
            os.environ["DASK_TEMPORARY_DIRECTORY"] = str(scratch)
            jobs = many_jobs(folder, (1 - LONG_SHARE) * seconds, watch)
            sys.stdout.write(f"{jobs} jobs, one after another\n")
            times = long_run(folder, LONG_SHARE * seconds, watch)
            sys.stdout.write(f"one cluster for {times} jobs of 200 spectra\n")
    finally:  # hours of figures are not lost with a cluster that does not close in time
        sys.stdout.write(f"{watch.table()}\n")
    return 1 if any(grew for *_, grew in watch.rows()) else 0


if __name__ == "__main__":
    sys.exit(main())
