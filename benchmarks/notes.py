"""How long notes of problems take to be collected from S3 at the end of a run.

    python -m benchmarks.notes [--notes 1000] [--latency 50] [--connections 10 50]

A real S3 server runs on loopback behind the proxy of `benchmarks.requests`. The bucket has a note for each of many
shards. They are read one by one (a twentieth of them), and together through so many connections.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import fsspec
import numpy as np
import s3fs
from fsspec.config import conf

from benchmarks.requests import BUCKET, KINDS, Line, proxied
from benchmarks.timing import as_a_worker, machine
from survey_batch.core.paths import read_bytes
from survey_batch.core.status import Status
from survey_batch.store.notes import collect_problems, note_problems, problems_path, read_note
from survey_batch.store.problems import Problem
from survey_batch.store.schema import Shard, cut_into_shards
from tests.servers import s3_server

OUTPUT = f"s3://{BUCKET}/out"
ROWS = 8


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.notes", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--notes", type=int, default=1000)
    parser.add_argument("--latency", type=float, default=50.0, help="milliseconds before each answer")
    parser.add_argument("--connections", type=int, nargs="+", default=[10, 50], help="at a time")
    asked = parser.parse_args()
    as_a_worker("benchmarks.notes")
    with (
        tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as folder,
        s3_server(Path(folder) / "s3") as endpoint,
    ):
        s3fs.S3FileSystem().mkdir(BUCKET)
        line = Line(int(endpoint.rpartition(":")[2]))
        with proxied(line):
            shards = write_notes(asked.notes)
            print(f"{machine()}\n{asked.notes} notes: | {' | '.join(KINDS)} | s at {asked.latency:g} ms | CPU-s |")
            line.seconds = asked.latency / 1000
            some = shards[: max(asked.notes // 20, 1)]
            tell(line, f"{len(some)} one by one", lambda: one_by_one(some))
            for number in asked.connections:
                conf["s3"].setdefault("config_kwargs", {})["max_pool_connections"] = number
                fsspec.get_filesystem_class("s3").clear_instance_cache()
                tell(line, f"{number} at a time", lambda: collect_problems(OUTPUT, {"spectra": shards}))
            fsspec.get_filesystem_class("s3").clear_instance_cache()


def write_notes(count: int) -> list[Shard]:
    """Write a note for each of so many shards."""
    shards = cut_into_shards("object", ROWS * count, ROWS)
    problems = [Problem(row, Status.NOT_FOUND, f"no such file: spec-{row:05d}.fits.gz", "-") for row in (0, 3)]
    note_problems(OUTPUT, "spectra", shards[0], np.ones(ROWS, bool), problems, ["a", "b"])
    raw = read_bytes(problems_path(OUTPUT, "spectra", shards[0]))
    s3fs.S3FileSystem().pipe({problems_path(OUTPUT, "spectra", shard): raw for shard in shards})
    return shards


def one_by_one(shards: list[Shard]) -> int:
    """Read notes as a version without `read_notes` would."""
    return sum(read_note(problems_path(OUTPUT, "spectra", shard)).num_rows for shard in shards)


def tell(line: Line, name: str, work: Callable[[], int]) -> None:
    """Do some work, and print what it took."""
    before, wall, cpu = len(line.seen), time.monotonic(), time.process_time()
    rows = work()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    kinds = Counter(kind for kind, _ in line.seen[before:])
    counts = " | ".join(str(kinds[kind]) for kind in KINDS)
    print(f"{name}, {rows} problems | {counts} | {wall:.2f} | {cpu:.2f} |", flush=True)


if __name__ == "__main__":
    main()
