"""Runs two whole jobs on two workers: CPU-seconds of all processes, wall seconds and a worker's peak memory.

    python -m benchmarks.whole [--only spectra images] [--copies 100 8] [--compare]

The 312 spectra are listed a hundred times, the 878 sources eight times; without real files, simulated ones are taken.
`--compare` runs each job again with the thresholds at which glibc would keep and map memory if only Dask's own setting
were there, as `survey_batch.core.environment` says, and compares the products.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from benchmarks.data import Data, find_data, link_copies, repeat_catalog
from benchmarks.memory import resident_peak
from benchmarks.timing import machine
from survey_batch.cluster import connect
from survey_batch.config.job import ClusterSection, Job
from survey_batch.core.environment import worker_exports
from survey_batch.execution.runner import run

DASKS_OWN = {"MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_MMAP_THRESHOLD_": "131072"}
"""Dask sets the first; glibc then leaves the second where it is when a process starts."""

WORKERS = 2


def main() -> None:
    """Run what was asked for, each job in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.whole", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=["spectra", "images"], default=["spectra", "images"])
    parser.add_argument("--copies", nargs=2, type=int, default=[100, 8], metavar=("SPECTRA", "IMAGES"))
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(Job.model_validate_json(options.one.read_text(encoding="utf-8")))))
        return
    with tempfile.TemporaryDirectory(prefix="survey-batch-whole-") as folder:
        data = find_data(Path(folder))
        print(f"{machine()}\n{data.what}; {WORKERS} workers\n", flush=True)
        for job in jobs(data, Path(folder), options):
            report(job, "as workers are started", {})
            if options.compare:
                other = job.model_copy(update={"output": f"{job.output}-compared"})
                report(other, "with Dask's own setting", DASKS_OWN)
                print(f"    the same products: {same_products(job, other)}", flush=True)


def jobs(data: Data, folder: Path, options: argparse.Namespace) -> list[Job]:
    """The jobs, with every default but the number of workers."""
    spectra, sources = options.copies
    made: dict[str, dict[str, Any]] = {
        "spectra": {
            "stages": ["spectra", "features"],
            "archive": {"survey": "lamost", "root": str(link_copies(data.lamost, spectra, folder / "lamost"))},
            "catalog": repeat_catalog(data.spectra, spectra, folder / "spectra.csv", separator="|", linked=True),
        },
        "images": {
            "stages": ["frames", "cutouts", "composites", "features"],
            "archive": {"survey": "sdss", "root": str(data.sdss)},
            "catalog": repeat_catalog(data.sources, sources, folder / "sources.csv", separator=","),
        },
    }
    for name in options.only:
        made[name].update(
            name=name, output=str(folder / name), catalog={"path": str(made[name]["catalog"]), "id": "copy_id"}
        )
    return [Job.model_validate(made[name]) for name in options.only]


def report(job: Job, how: str, environment: dict[str, str]) -> None:
    """Run a job in a fresh process and print what it took."""
    file = Path(f"{job.output}.json")
    file.write_text(job.model_dump_json(exclude_none=True, exclude_unset=True), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.whole", "--one", str(file)],
        env={**os.environ, **worker_exports(), **environment},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    took = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{job.name}, {how}: {took['objects']:,} objects, CPU {took['cpu']:.0f} s, wall {took['wall']:.0f} s, ", end=""
    )
    print(f"largest worker {took['peak'] / 1e6:.0f} MB", flush=True)


def measure(job: Job) -> dict[str, float]:
    """Run a job here on workers of its own."""
    begun = time.monotonic()
    with connect(ClusterSection(workers=WORKERS)) as connection:
        summary = run(job, client=connection.client)
        cpu = sum(connection.client.run(time.process_time).values()) + time.process_time()
        peak = max(connection.client.run(resident_peak).values())
    return {"objects": sum(summary.counts.values()), "cpu": cpu, "wall": time.monotonic() - begun, "peak": peak}


def same_products(one: Job, other: Job) -> bool:
    """Tell whether all arrays of both jobs are equal, NaN to NaN."""
    for stage in one.stages:
        a, b = (xr.open_zarr(f"{job.output}/{stage}.zarr", mask_and_scale=False) for job in (one, other))
        for name in a.variables:
            left, right = (np.asarray(part[name]) for part in (a, b))
            if not np.array_equal(left, right, equal_nan=left.dtype.kind == "f"):
                return False
    return True


if __name__ == "__main__":
    main()
