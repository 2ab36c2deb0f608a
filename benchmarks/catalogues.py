"""Catalogues of many rows, step by step: CPU-seconds and memory, in a process of its own.

    python -m benchmarks.catalogues [--rows 1000000] [--folder FOLDER]

A catalogue is simulated, with duplicates by id and by position. It is then planned with duplicates left out and a split
by field; the plan is stored, compared, and read by shards; a product is created, its status is asked for, and its
catalogue is exported. Memory is the peak of each step: its own, and with files that are mapped, which the system drops
where others need the room. The files lie where `TMPDIR` says, about 300 bytes a row at most.
"""

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

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

ROUNDS = 20
"""Shards whose rows are read, spread over the plan."""


def main() -> None:
    """Simulate a catalogue, and measure in a new process."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.catalogues", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the catalogue stays; by default it is removed")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.rows)
        return
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as scratch:
        folder = options.folder or Path(scratch)
        if not (folder / _name(options.rows)).exists():
            simulate_catalog(folder / _name(options.rows), objects=options.rows)
        command = [sys.executable, "-m", "benchmarks.catalogues", "--measure", str(folder), "--rows", str(options.rows)]
        subprocess.run(command, check=True)


def _name(rows: int) -> str:
    return f"catalogue-{rows}.parquet"


def measure(folder: Path, rows: int) -> None:
    """Plan a catalogue and use the plan, and print a line for each step."""
    with tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as output:
        job = make_job(folder / _name(rows), output)
        clock = Clock()
        print(f"{rows:,} rows", flush=True)
        plan = clock.of("planning", lambda: make_plan(job))
        print(f"    plan of {plan.objects.num_rows:,} objects, {plan.fields.num_rows:,} fields", flush=True)
        clock.of("hashing", lambda: plan.hash_behind("object", plan.columns_behind("object")))
        clock.of("storing the plan", plan.store)
        clock.of("comparing the stored plan", plan.not_stored)
        clock.of("listing the shards", lambda: plan.shards("object"))
        clock.of("creating a product", lambda: create(plan))
        clock.of("reading its status", lambda: read_status(output, "cutouts"))
        clock.of("status", lambda: summarize(output))
        clock.of("export", lambda: export_catalog(job, f"{output}/catalog.parquet"))
        read_shards(plan)


def make_job(catalogue: Path, output: str) -> Job:
    """A job that leaves out duplicates and splits by field."""
    return Job.model_validate(
        {
            "name": "bench",
            "output": output,
            "stages": ["frames", "cutouts"],
            "catalog": {
                "path": str(catalogue),
                "id": "specobjid",
                "label": "class",
                "duplicates": {},
                "split": {"train": 0.7, "test": 0.3, "group": "field"},
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


class Clock(logging.Handler):
    """CPU-seconds and memory of each step: those timed here, and those that the package announces in its log."""

    def __init__(self) -> None:
        super().__init__()
        self.own = self.resident = 0.0
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
                f"with mapped files {self.resident:.2f} GB",
                flush=True,
            )
        self.name_, self.begun, self.wall, self.own, self.resident = name, cpu, wall, 0.0, 0.0

    def _watch(self) -> None:
        while True:
            self._look()
            time.sleep(0.02)

    def _look(self) -> None:
        lines = Path(f"/proc/{os.getpid()}/status").read_text(encoding="utf-8").splitlines()
        size = {
            line.split(":")[0]: int(line.split()[1]) / 1e6 for line in lines if line.startswith(("RssAnon", "VmRSS"))
        }
        self.own, self.resident = max(self.own, size["RssAnon"]), max(self.resident, size["VmRSS"])


if __name__ == "__main__":
    main()
