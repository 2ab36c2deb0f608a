"""CPU-seconds of cutouts by objects per field: from frames that are kept, or straight from the archive.

    python -m benchmarks.sparse [--objects 1 16 128] [--rounds 3]

Each round draws objects anew from every field's primary rows, and does three jobs in turns: frames are stored and then
cut; they are cut straight from the archive; they are cut so without aperture corrections, and each is fetched and
decompressed only as far as it is needed. Cutouts are compared: they must be equal to the bit.
"""

import argparse
import csv
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.data import Data, find_data
from benchmarks.pipeline import make_job, ready, stored_share
from benchmarks.timing import as_a_worker, cpu_seconds, machine
from survey_batch.archive.traffic import OF_THIS_PROCESS
from survey_batch.config.job import Job
from survey_batch.store.products import open_group, stored
from survey_batch.surveys.sdss.files import FRAME_SHAPE, OVERLAP_ROWS

SIZE = 64
WAYS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "kept": [("frames", {}), ("cutouts", {})],
    "straight": [("cutouts", {"frames": {"keep": False}})],
    "rows": [("cutouts", {"frames": {"keep": False}, "cutouts": {"size": SIZE, "aperture_correction": False}})],
}
"""The stages of each job, with the tables that differ."""


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sparse", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 16, 128], help="per field")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    as_a_worker("benchmarks.sparse")
    with tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as folder:
        data = find_data(Path(folder))
        print(f"{machine()}\n{data.what}; CPU-seconds per field of five bands, medians of {options.rounds} rounds\n")
        print("objects   frames + cutouts = kept   straight   as far as needed   disk: frames  cutouts   fetched")
        for objects in options.objects:
            rounds = [measure(data, Path(folder), objects, seed) for seed in range(options.rounds)]
            medians = map(median, zip(*rounds, strict=True))
            frames, cutouts, straight, rows, disk, small, fetched, part = medians
            kept = frames + cutouts
            ways = f"{straight:5.2f} ({straight / kept:.2f})   {rows:5.2f} ({rows / kept:.2f})"
            sizes = f"{disk / 1e6:9.1f} MB {small / 1e6:6.1f} MB   {fetched / 1e6:.1f} MB, {part / 1e6:.1f} as needed"
            print(f"{objects:7d}   {frames:6.2f} + {cutouts:5.2f} = {kept:5.2f}   {ways}   {sizes}", flush=True)


def measure(data: Data, scratch: Path, objects: int, seed: int) -> tuple[float, ...]:
    """Do all jobs once; return per field seconds of frames, cutouts and both other ways, bytes on disk and fetched."""
    catalog, fields = draw(data, scratch / "objects.csv", objects, seed)
    spent: list[float] = []
    bytes_on_disk: list[int] = []
    fetched: list[int] = []
    made: list[Job] = []
    for way, stages in WAYS.items():
        output, before = scratch / f"{objects}-{seed}-{way}", OF_THIS_PROCESS.total.bytes
        for stage, tables in stages:
            tables = {"cutouts": {"size": SIZE}, "frames": {"keep": True}, **tables}
            job = make_job(stage, {"survey": "sdss", "root": str(data.sdss)}, {"path": str(catalog)}, output, **tables)
            spent.append(sum(map(cpu_seconds, ready(job))) / fields)
            bytes_on_disk.append(stored_share(job)[0] // fields)
        made.append(job)
        fetched.append((OF_THIS_PROCESS.total.bytes - before) // fields)
    for other in made[1:]:
        for name in ("flux", "status", "x_object", "crpix", "mjd_tai"):
            values = [np.asarray(stored(open_group(job.output, "cutouts"), name)[:]) for job in (made[0], other)]
            np.testing.assert_array_equal(*values)
    return (*spent, *bytes_on_disk[:2], *fetched[1:])


def draw(data: Data, target: Path, objects: int, seed: int) -> tuple[Path, int]:
    """Write a catalogue of some objects of each field, drawn from its primary rows; return it and the fields."""
    by_field = defaultdict(list)
    for row in _rows(data.sources):
        if OVERLAP_ROWS / 2 < float(row.get("y_r", FRAME_SHAPE[0] / 2)) < FRAME_SHAPE[0] - OVERLAP_ROWS / 2:
            by_field[row["run"], row["camcol"], row["field"]].append(row)
    rng = np.random.default_rng(seed)
    rows = [
        rows[number]
        for rows in by_field.values()
        for number in rng.choice(len(rows), min(objects, len(rows)), replace=False)
    ]
    with target.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return target, len(by_field)


def _rows(catalog: Path) -> Iterator[dict[str, str]]:
    with catalog.open(newline="", encoding="utf-8") as stream:
        yield from csv.DictReader(stream)


if __name__ == "__main__":
    main()
