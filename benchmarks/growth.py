"""What a catalogue that has grown costs before any work: CPU-seconds of its plan, and of giving a product new rows.

    python -m benchmarks.growth [--rows 1000000] [--new 100000] [--rounds 3]

The catalogue is one of LAMOST spectra, whose files are not read. The plan of all rows is made for a new output and for
one whose product has the old rows, in turns.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.timing import cpu_seconds, machine
from survey_batch.config.job import Job
from survey_batch.core.status import Status
from survey_batch.planning.plan import Plan, make_plan
from survey_batch.preflight.growth import find_growth, grow
from survey_batch.preflight.provenance import provenance_of
from survey_batch.preflight.relabel import mark_labelled
from survey_batch.stages import make_stage
from survey_batch.store.growth import GENERATIONS
from survey_batch.store.products import create_product, open_group, read_status


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--new", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as folder:
        path, whole = Path(folder) / "catalog.parquet", catalog(asked.rows + asked.new)
        pq.write_table(whole.slice(0, asked.rows), path)
        grown, new = job(folder, path, "grown"), job(folder, path, "new")
        make_product(grown)
        order = np.random.default_rng(1).permutation(whole.num_rows)
        pq.write_table(whole.take(pa.array(order)), path)  # the new rows are anywhere among the old ones
        rounds = [[cpu_seconds(partial(make_plan, one)) for one in (new, grown)] for _ in range(asked.rounds)]
        print(
            f"{machine()}\n{asked.rows:,} rows, {asked.new:,} new ones; {asked.rounds} rounds in turns, CPU-seconds\n"
        )
        of_new, of_grown = (median(values) for values in zip(*rounds, strict=True))
        print(f"plan of all rows, new output    {of_new:.2f}")
        print(f"plan of all rows, grown         {of_grown:.2f}  ({of_grown / of_new:.2f} times)")
        print(f"store the plan, and grow        {cpu_seconds(partial(add_rows, make_plan(grown))):.2f}")
        print(f"rows to do: {int(np.sum(read_status(grown.output, 'spectra') == Status.PENDING)):,}")


def catalog(rows: int) -> pa.Table:
    """Make a catalogue with the columns of a release."""
    random = np.random.default_rng(0)
    return pa.table(
        {
            "obsid": np.arange(rows) + 10**8,
            "ra": random.uniform(0, 360, rows),
            "dec": random.uniform(-10, 60, rows),
            "lmjd": random.integers(55_000, 59_000, rows),
            "planid": pa.array([f"PLAN{plan:05d}" for plan in random.integers(0, 5_000, rows)]),
            "spid": random.integers(1, 17, rows),
            "fiberid": random.integers(1, 251, rows),
            "class": pa.array(["STAR"]).take(pa.array(np.zeros(rows, np.int32))),
            "subclass": pa.array(["A5", "F5", "G5"]).take(pa.array(random.integers(0, 3, rows))),
        }
    )


def job(folder: str, path: Path, output: str) -> Job:
    """Make the job."""
    return Job.model_validate(
        {
            "name": "growth",
            "output": str(Path(folder) / output),
            "stages": ["spectra"],
            "catalog": {"path": str(path), "label": "spectral_type"},
            "archive": {"survey": "lamost", "root": folder},
        }
    )


def make_product(job: Job) -> None:
    """Make a product of which all rows are done, without their data."""
    plan, stage = make_plan(job), make_stage(job, "spectra")
    plan.store()
    attrs = {"provenance": provenance_of(plan, stage), GENERATIONS: [plan.size("object")]}
    create_product(job.output, stage.schema(plan.size("object")), attrs)
    status = open_group(job.output, "spectra")["status"]
    status[...] = np.uint8(Status.OK)  # type: ignore[index]
    mark_labelled(plan, "spectra")


def add_rows(plan: Plan) -> None:
    """Do what a run does with new rows before it works on them."""
    growth = find_growth(plan)
    if growth is None:
        raise RuntimeError("the catalogue has not grown")
    plan.store()
    grow(plan, growth, lambda _: None)


if __name__ == "__main__":
    main()
