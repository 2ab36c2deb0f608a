"""Catalogues of many rows, step by step: CPU-seconds and memory, in a process of its own.

    python -m benchmarks.catalogues [--rows 1000000] [--folder FOLDER] [--sample]

A catalogue is simulated, with duplicates by id and by position. It is then planned with duplicates left out and a split
by field; the plan is stored, compared, and read by shards; a product is created, its status is asked for, and its
catalogue is exported. With `--sample` a sample of each class is planned instead, and that is all. Memory is the peak of
each step: its own, and with files that are mapped, which the system drops where others need the room. Disk is the peak
of all files but the catalogue, which lie where `TMPDIR` says. More than ten million rows are the first ten million over
again, elsewhere on the sky and in other fields.
"""

import argparse
import itertools
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.timing import machine
from survey_batch.config.job import Job
from survey_batch.core import steps
from survey_batch.planning.plan import Plan, make_plan
from survey_batch.planning.stored import read_rows_of
from survey_batch.planning.stored_fields import PlannedFields
from survey_batch.preflight.provenance import fingerprint, provenance_of
from survey_batch.report.summary import summarize
from survey_batch.results.export import export_catalog
from survey_batch.simulate.catalog import simulate_catalog
from survey_batch.stages import make_stage
from survey_batch.store.products import PROVENANCE, create_product, read_status

BLOCK_ROWS = 10_000_000
"""Rows that are simulated; longer catalogues repeat them."""

NEEDED = [
    "specobjid",
    "ra",
    "dec",
    "rerun",
    "run",
    "camcol",
    "field",
    "plate",
    "mjd",
    "fiberid",
    "class",
    "snMedian",
    "z",
]
"""The columns of the long catalogue."""

WHOLE = {"duplicates": {}, "split": {"train": 0.7, "test": 0.3, "group": "field"}}

SAMPLE = {"sample": {"per_class": 10_000}}

ROUNDS = 20
"""Shards whose rows are read, spread over the plan."""


def main() -> None:
    """Simulate a catalogue, and measure in a new process."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.catalogues", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the catalogue stays; by default it is removed")
    parser.add_argument("--sample", action="store_true", help="plan a sample of 10,000 objects of each class")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.rows, sample=options.sample)
        return
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as scratch:
        folder = options.folder or Path(scratch)
        if not (folder / _name(options.rows)).exists():
            simulate(folder, options.rows)
        command = [sys.executable, "-m", "benchmarks.catalogues", "--measure", str(folder), "--rows", str(options.rows)]
        own = Path(scratch) / "tmp"
        own.mkdir()
        subprocess.run([*command, *["--sample"] * options.sample], check=True, env={**os.environ, "TMPDIR": str(own)})


def simulate(folder: Path, rows: int) -> None:
    """Write a catalogue; a long one takes a tenth of the time if most of it is written over again."""
    if rows <= BLOCK_ROWS:
        simulate_catalog(folder / _name(rows), objects=rows)
        return
    if not (folder / _name(BLOCK_ROWS)).exists():
        simulate(folder, BLOCK_ROWS)
    block = pq.ParquetFile(folder / _name(BLOCK_ROWS))
    schema = pa.schema([block.schema_arrow.field(name) for name in NEEDED])
    with pq.ParquetWriter(folder / _name(rows), schema) as writer:
        for copy in range(-(-rows // BLOCK_ROWS)):
            left = rows - copy * BLOCK_ROWS
            for batch in block.iter_batches(1 << 18, columns=NEEDED):
                writer.write_table(elsewhere(pa.table(batch).slice(0, max(left, 0)), copy))
                left -= len(batch)


def elsewhere(table: pa.Table, copy: int) -> pa.Table:
    """Give rows other ids, other runs of the telescope and another right ascension."""
    moved = {
        "specobjid": pc.add(table["specobjid"], copy * BLOCK_ROWS * 2048),
        "run": pc.add(table["run"], pa.scalar(copy * 1000, pa.int32())),
        "ra": pa.array((table["ra"].to_numpy() + 7.3 * copy) % 360),
    }
    return pa.table({name: moved.get(name, table[name]) for name in table.column_names})


def _name(rows: int) -> str:
    return f"catalogue-{rows}.parquet"


def measure(folder: Path, rows: int, *, sample: bool) -> None:
    """Plan a catalogue and use the plan, and print a line for each step."""
    with tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as output:
        job = make_job(folder / _name(rows), output, SAMPLE if sample else WHOLE)
        clock = Clock()
        print(f"{rows:,} rows", flush=True)
        plan = clock.of("planning", lambda: make_plan(job))
        print(f"    plan of {plan.objects.num_rows:,} objects, {plan.fields.num_rows:,} fields", flush=True)
        if sample:
            return
        clock.of("hashing", lambda: plan.hash_behind("object", plan.columns_behind("object")))
        clock.of("storing the plan", plan.store)
        clock.of("comparing the stored plan", plan.not_stored)
        clock.of("listing the shards", lambda: plan.shards("object"))
        read_shards(plan)
        clock.of("creating a product", lambda: create(plan))
        clock.of("reading its status", lambda: read_status(output, "cutouts"))
        clock.of("status", lambda: summarize(output))
        clock.of("export", lambda: export_catalog(job, f"{output}/catalog.parquet"))


def make_job(catalogue: Path, output: str, rows: dict[str, Any]) -> Job:
    """A job that takes some of the rows."""
    return Job.model_validate(
        {
            "name": "bench",
            "output": output,
            "stages": ["frames", "cutouts"],
            "catalog": {
                "path": str(catalogue),
                "id": "specobjid",
                "label": "class",
                **rows,
            },
            "archive": {"survey": "sdss", "root": "archive"},
            "frames": {"keep": False},
        }
    )


def create(plan: Plan) -> None:
    """Create the product of cutouts, as a run does before its first task."""
    stage = make_stage(plan.job, "cutouts")
    provenance = provenance_of(plan, stage)
    attrs = {
        "job": plan.job.model_dump(mode="json"),
        PROVENANCE: provenance,
        "fingerprint": fingerprint(provenance),
    }
    create_product(plan.job.output, stage.schema(plan.size("object"), {}), attrs)


def read_shards(plan: Plan) -> None:
    """Print what a task pays for its rows, and for finding the fields of a hundred objects."""
    shards = plan.shards("object")
    chosen = [shards[number] for number in np.linspace(0, len(shards) - 1, ROUNDS).astype(int)]
    read_rows_of(plan.job.output, chosen[0])
    milliseconds, found = [], []
    for shard in chosen:
        begun = time.process_time()
        rows = read_rows_of(plan.job.output, shard)
        milliseconds.append(1000 * (time.process_time() - begun))
        fields = list(zip(*(rows[name][:100].tolist() for name in plan.fields.column_names), strict=True))
        begun = time.process_time()
        planned = PlannedFields(plan.job.output)
        for field in fields:
            planned.index(field)
        found.append(1000 * (time.process_time() - begun))
    print(f"    a shard's rows: {np.median(milliseconds):.1f} ms CPU, at most {max(milliseconds):.1f}")
    print(f"    the fields of 100 objects: {np.median(found):.1f} ms CPU, at most {max(found):.1f}", flush=True)


def on_disk() -> float:
    """Return the gigabytes of this process's temporary files, those without a name too."""
    size = 0
    for path in (*Path("/proc/self/fd").iterdir(), *Path(tempfile.gettempdir()).rglob("*")):
        with suppress(OSError):
            about = path.stat()
            unnamed = path.parent.name == "fd" and about.st_nlink == 0
            size += about.st_blocks * 512 * (unnamed or path.is_relative_to(tempfile.gettempdir()))
    return size / 1e9


class Clock(logging.Handler):
    """CPU-seconds and memory of each step. Some steps are timed here; the package's log tells when others begin."""

    def __init__(self) -> None:
        super().__init__()
        self.own = self.resident = self.disk = 0.0
        self.name_, self.begun, self.wall = "", time.process_time(), time.perf_counter()
        steps.log.addHandler(self)
        steps.log.setLevel(logging.INFO)
        threading.Thread(target=self._watch, daemon=True).start()

    def of(self, name: str, work: Callable[[], Any]) -> Any:
        """Do some work, print what it took, and return what it returns."""
        self._begin(name)
        made = work()
        self._begin("")
        return made

    def emit(self, record: logging.LogRecord) -> None:
        """Take a step that the work announces as the next one."""
        text = record.getMessage()
        self._begin(text.partition("/")[0].strip())

    def _begin(self, name: str) -> None:
        self._look()
        cpu, wall = time.process_time(), time.perf_counter()
        if self.name_:
            print(
                f"    {self.name_}: {cpu - self.begun:.1f} CPU-s, {wall - self.wall:.1f} s, peak {self.own:.2f} GB, "
                f"with mapped files {self.resident:.2f} GB, disk {self.disk:.2f} GB",
                flush=True,
            )
        self.name_, self.begun, self.wall, self.own, self.resident, self.disk = name, cpu, wall, 0.0, 0.0, 0.0

    def _watch(self) -> None:
        for number in itertools.count():
            self._look()
            if number % 50 == 0:
                self.disk = max(self.disk, on_disk())
            time.sleep(0.02)

    def _look(self) -> None:
        lines = Path(f"/proc/{os.getpid()}/status").read_text(encoding="utf-8").splitlines()
        size = {
            line.split(":")[0]: int(line.split()[1]) / 1e6 for line in lines if line.startswith(("RssAnon", "VmRSS"))
        }
        self.own, self.resident = max(self.own, size["RssAnon"]), max(self.resident, size["VmRSS"])


if __name__ == "__main__":
    main()
