"""Runs many simulated objects through every stage: speed, memory from first to last, and lazy beside stored results.

    python -m benchmarks.scale FOLDER [--objects 50000 --fields 40] [--spectra 100000] [--workers 2] [--only sdss]

The archives are simulated into FOLDER where they are not there yet, which takes longer than the runs. Writes
`scale.png` and `scale.json` into FOLDER.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import survey_batch as sb
from benchmarks.scale_memory import Watch, draw, flatness
from benchmarks.timing import machine
from survey_batch.cluster import connect
from survey_batch.config.job import Job
from survey_batch.execution.runner import run
from survey_batch.simulate import simulate_lamost, simulate_sdss
from survey_batch.training.train import train

SEED = 7
TRAINED_ON = 3000
"""Objects of the catalogue on which a small classifier is trained first."""

SAMPLED_SHARDS = 3


def main() -> None:
    """Run what was asked for, and print a line per stage."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=(__doc__ or "").split(":")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--objects", type=int, default=50_000)
    parser.add_argument("--fields", type=int, default=40)
    parser.add_argument("--spectra", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=["sdss", "lamost"], default=["sdss", "lamost"])
    options = parser.parse_args()
    print(machine())
    results = {job.name: measure(job, options.workers, options.folder) for job in make_jobs(options)}
    (options.folder / "scale.json").write_text(json.dumps(results, indent=1))


def make_jobs(options: argparse.Namespace) -> Iterator[Job]:
    """Simulate what is missing, train a small classifier, and make the jobs."""
    folder: Path = options.folder
    if "sdss" in options.only:
        root = folder / "sdss"
        if not (root / "sources.csv").exists():
            simulate_sdss(root, fields=options.fields, objects=options.objects, seed=SEED)
        yield sdss_job(folder, root, options.workers)
    if "lamost" in options.only:
        root = folder / "lamost"
        if not (root / "catalog.csv").exists():
            simulate_lamost(root, objects=options.spectra, seed=SEED, layout="plan")
        yield lamost_job(folder, root, options.workers)


def sdss_job(folder: Path, root: Path, workers: int) -> Job:
    """Frames, cutouts, composites, features and predictions, each stored."""
    tables = {
        "archive": {"survey": "sdss", "root": str(root)},
        "train": {"classifier": str(folder / "models" / "sdss"), "kind": "table", "members": 2, "epochs": 20},
    }
    stages = ["frames", "cutouts", "composites", "features", "predictions"]
    return _job("sdss", folder, root / "sources.csv", stages, {"label": "class"}, tables, workers)


def lamost_job(folder: Path, root: Path, workers: int) -> Job:
    """Spectra, features and predictions, each stored."""
    tables = {
        "archive": {"survey": "lamost", "root": str(root), "layout": "plan"},
        "train": {"classifier": str(folder / "models" / "lamost"), "variant": "lines", "members": 2, "epochs": 5},
    }
    stages = ["spectra", "features", "predictions"]
    return _job("lamost", folder, root / "catalog.csv", stages, {"label": "spectral_type"}, tables, workers)


def _job(
    name: str,
    folder: Path,
    catalog: Path,
    stages: list[str],
    columns: dict[str, str],
    tables: dict[str, Any],
    workers: int,
) -> Job:
    common = {"cluster": {"workers": workers}, **tables}
    small = folder / f"{name}-small.csv"
    with catalog.open(encoding="utf-8") as lines:
        small.write_text("".join(line for _, line in zip(range(TRAINED_ON + 1), lines, strict=False)), encoding="utf-8")
    if not (Path(tables["train"]["classifier"]) / "manifest.json").exists():
        split = {"train": 0.7, "test": 0.3}
        first = _made(f"{name}-small", folder, small, stages[:-1], {**columns, "split": split}, common)
        run(first)
        train(first)
    predictions = {"predictions": {"classifier": tables["train"]["classifier"]}}
    return _made(name, folder, catalog, stages, columns, {**common, **predictions})


def _made(
    name: str, folder: Path, catalog: Path, stages: list[str], columns: dict[str, Any], tables: dict[str, Any]
) -> Job:
    return Job.model_validate(
        {
            "name": name,
            "output": str(folder / "runs" / name),
            "stages": stages,
            "catalog": {"path": str(catalog), **columns},
            **tables,
        }
    )


def measure(job: Job, workers: int, folder: Path) -> dict[str, Any]:
    """Run a job on a local cluster, watch its workers, and compare lazy results with stored ones."""
    with connect(job.cluster) as connection:
        with Watch(connection.client) as watch:
            summary = run(job, watch, client=connection.client)
        draw(watch, job.name, folder / f"scale-{job.name}.png")
    print(f"{job.name}: {summary.counts}, {workers} workers")
    lines = {stage: rates(record) for stage, record in summary.stages.items()}
    for stage, line in lines.items():
        memory = flatness(watch, stage)
        line.update(memory)
        print(f"    {stage}: " + ", ".join(f"{key} {value:.4g}" for key, value in line.items()), flush=True)
    compared = list(compare(job))
    print("    lazy and stored equal bit for bit: " + ", ".join(compared), flush=True)
    return {"machine": machine(), "counts": summary.counts, "stages": lines, "lazy_equal": compared}


def rates(record: dict[str, Any]) -> dict[str, float]:
    """Rows per second of wall time and of CPU time."""
    rows = record.get("rows_done", 0)
    return {
        "rows": rows,
        "seconds": record.get("wall_seconds", np.nan),
        "per_second": rows / record.get("wall_seconds", np.nan),
        "per_cpu_second": rows / max(record.get("cpu_seconds", 0), 1e-9),
    }


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
