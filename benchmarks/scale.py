"""How the cost of whole jobs grows with objects and workers: seconds, CPU time by stage, and memory.

    python -m benchmarks.scale FOLDER [--sizes 1000 10000 100000] [--workers 1 2] [--only images] [--per-field 1000]
    python -m benchmarks.scale FOLDER --only sparse --sizes 128 640 --workers 2

Each job is run with all its stages, for each size and each number of workers. Of the largest with the most workers,
memory is watched from the first tenth of a stage to the last, and some shards are computed again, lazily, and compared.
Spectra are the real ones, listed again and again; without real files, simulated ones are taken. Images are simulated
into FOLDER where they are not there yet: 16 CPU-seconds a field. Sparse objects are images with one object to a field:
some of the same fields, copied. Writes `scale.json`, `scale-cost.png` and a picture of the memory for each job into
FOLDER.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import xarray as xr

import survey_batch as sb
from benchmarks.data import find_data, link_copies, repeat_catalog
from benchmarks.scale_archive import copy_fields, simulate_fields
from benchmarks.scale_cost import Cost, draw_costs, tables
from benchmarks.scale_memory import Watch, draw, flatness
from benchmarks.timing import machine
from survey_batch.cluster import connect
from survey_batch.config.job import ClusterSection, Job
from survey_batch.execution.runner import run
from survey_batch.training.train import train

SEED = 7
TRAINED_ON = 3000
"""Objects of the catalogue on which a small classifier is trained first."""

SAMPLED_SHARDS = 3

COPIED_FIELDS = 24
"""Fields that are copied for sparse objects, and simulated if there are none yet."""

SPARSE_SHARD = 64
"""Sparse objects in a shard: 64 fields take some three minutes of a core."""

STAGES = {
    "images": ["frames", "cutouts", "composites", "features", "predictions"],
    "sparse": ["cutouts", "composites", "features", "predictions"],
    "spectra": ["spectra", "features", "predictions"],
}


def main() -> None:
    """Run what was asked for, and print a table for each job."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=(__doc__ or "").split(":")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", nargs="+", choices=list(STAGES), default=["images", "spectra"])
    parser.add_argument("--per-field", type=int, default=1_000, help="objects in a field of images")
    options = parser.parse_args()
    folder, found = options.folder.absolute(), []
    print(machine(), flush=True)
    for name in options.only:
        most = max(options.sizes)
        described = DESCRIBED[name](folder, most, options.per_field)
        if name != "sparse":  # it takes the images' classifier
            train_first(name, described, folder)
        found += list(grow(name, described, folder, options))
    (folder / "scale.json").write_text(json.dumps([machine(), *map(asdict, found)], indent=1), encoding="utf-8")
    draw_costs(found, folder / "scale-cost.png")
    print(tables(found))


def images(folder: Path, objects: int, per_field: int) -> dict[str, Any]:
    """Simulate what is missing, and describe a job of frames, cutouts, composites, features and predictions."""
    root = folder / "sdss"
    if not (root / "sources.csv").exists():
        simulate_fields(root, objects, per_field)
    return {
        "archive": {"survey": "sdss", "root": str(root)},
        "catalog": {"path": str(root / "sources.csv"), "label": "class"},
        "train": {"classifier": str(folder / "models" / "images"), "kind": "table", "members": 2, "epochs": 20},
    }


def sparse(folder: Path, objects: int, per_field: int) -> dict[str, Any]:
    """Copy the fields of images under other numbers, and describe a job with one object of each."""
    described, root = images(folder, COPIED_FIELDS * per_field, per_field), folder / "sparse"
    rmtree(root, ignore_errors=True)
    train_first("images", described, folder)
    copy_fields(folder / "sdss", root, objects, COPIED_FIELDS)
    return {
        **described,
        "archive": {**described["archive"], "root": str(root)},
        "catalog": {**described["catalog"], "path": str(root / "sources.csv")},
        "shards": {"objects": SPARSE_SHARD},
    }


def spectra(folder: Path, objects: int, _per_field: int) -> dict[str, Any]:
    """List spectra often enough, and describe a job of spectra, features and predictions."""
    data = find_data(folder / "simulated")
    copies = -(-objects // sum(1 for _ in data.spectra.open(encoding="utf-8")))
    root = folder / "lamost"
    if not root.exists():
        link_copies(data.lamost, copies + 1, root)
    path = repeat_catalog(data.spectra, copies + 1, folder / "spectra.csv", separator="|", linked=True)
    return {
        "archive": {"survey": "lamost", "root": str(root)},
        "catalog": {"path": str(path), "id": "copy_id", "label": "spectral_type"},
        "train": {"classifier": str(folder / "models" / "spectra"), "variant": "lines", "members": 2, "epochs": 5},
    }


DESCRIBED = {"images": images, "sparse": sparse, "spectra": spectra}


def train_first(name: str, tables: dict[str, Any], folder: Path) -> None:
    """Train a small classifier on the catalogue's first objects, unless it is there."""
    if not Path(tables["train"]["classifier"], "manifest.json").exists():
        first = job_of(name, TRAINED_ON, folder, tables, STAGES[name][:-1], split={"train": 0.7, "test": 0.3})
        run(first)
        train(first)
        rmtree(first.output)


def grow(name: str, tables: dict[str, Any], folder: Path, options: argparse.Namespace) -> Iterator[Cost]:
    """Run a job with each number of workers and objects."""
    made = {**tables, "predictions": {"classifier": tables["train"]["classifier"]}}
    for workers in sorted(options.workers):
        for objects in sorted(options.sizes):
            job = job_of(name, objects, folder, made, STAGES[name])
            rmtree(job.output, ignore_errors=True)
            largest = (workers, objects) == (max(options.workers), max(options.sizes))
            yield measure(job, name, workers, folder if largest else None)
            rmtree(job.output)


def job_of(name: str, objects: int, folder: Path, tables: dict[str, Any], stages: list[str], **catalog: Any) -> Job:
    """Make the job of a catalogue's first objects."""
    path = folder / f"{name}-{objects}.csv"
    with Path(tables["catalog"]["path"]).open(encoding="utf-8") as lines:
        path.write_text("".join(islice(lines, objects + 1)), encoding="utf-8")
    return Job.model_validate(
        {
            **tables,
            "name": name,
            "output": str(folder / "runs" / f"{name}-{objects}"),
            "stages": stages,
            "catalog": {**tables["catalog"], "path": str(path), **catalog},
        }
    )


def measure(job: Job, name: str, workers: int, pictures: Path | None) -> Cost:
    """Run a job on new workers; if it gets pictures, compare lazy results with stored ones too."""
    begun, before = time.monotonic(), time.process_time()
    with connect(ClusterSection(workers=workers)) as connection:
        with Watch(connection.client) as watch:
            summary = run(job, watch, client=connection.client)
        cpu = sum(connection.client.run(time.process_time).values()) + time.process_time() - before
    wall = time.monotonic() - begun
    stages = {
        stage: {key: record.get(key, 0.0) for key in ("rows_done", "cpu_seconds", "wall_seconds")}
        for stage, record in summary.stages.items()
    }
    cost = Cost(name, sum(summary.counts.values()), workers, wall, cpu, stages)
    print(f"{cost.said()}; {summary.counts}", flush=True)
    if pictures:
        draw(watch, name, pictures / f"scale-{name}.png")
        for stage in stages:
            stages[stage].update(flatness(watch, stage))
        print("    lazy and stored equal bit for bit: " + ", ".join(compare(job)), flush=True)
    return cost


def compare(job: Job) -> Iterator[str]:
    """Compute some shards again, lazily, from the product before, and fail where a bit differs."""
    of = sb.open_product(job, "spectra" if job.archive.survey == "lamost" else "cutouts")
    edges = np.cumsum([0, *of.chunksizes["object"]])
    chosen = np.random.default_rng(SEED).choice(len(edges) - 1, min(SAMPLED_SHARDS, len(edges) - 1), False)
    for number in sorted(int(choice) for choice in chosen):
        rows = slice(int(edges[number]), int(edges[number + 1]))
        for name, lazy in again(job, of.isel(object=rows)).items():
            stored = sb.open_product(job, name).isel(object=rows)
            check_equal(name, lazy.compute(), stored.compute())
            yield f"{name} of shard {number}"


def again(job: Job, of: xr.Dataset) -> dict[str, xr.Dataset]:
    """Build the lazy counterparts of a job's products from cutouts or spectra."""
    classifier = job.predictions.classifier if job.predictions else ""
    if job.archive.survey == "lamost":
        features = sb.features(of, components=sb.open_product(job, "features"))
        return {"features": features, "predictions": sb.predict(of, classifier)}
    features = sb.features(of)
    return {
        "composites": sb.composites(of),
        "features": features,
        "predictions": sb.predict(features, classifier),
    }


def check_equal(name: str, lazy: xr.Dataset, stored: xr.Dataset) -> None:
    """Fail where a variable differs in any bit."""
    for variable, values in lazy.data_vars.items():
        ours, theirs = np.asarray(values), np.asarray(stored[variable])
        same = (
            ours.astype(object) == theirs.astype(object)
            if ours.dtype.kind in "OTU"
            else ours.tobytes() == theirs.tobytes()
        )
        if not np.all(same):
            raise RuntimeError(f"{name}.{variable}: lazy and stored results differ")


if __name__ == "__main__":
    main()
