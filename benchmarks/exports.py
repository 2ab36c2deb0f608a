"""Exports of a large catalogue: peak memory and seconds of a process of its own, for each format.

    python -m benchmarks.exports [--rows 1000000] [--formats parquet csv hats fits vot] [--job sample]

The catalogue has ids of 19 digits, positions and eight magnitudes, in an order that has nothing to do with that of the
products; the results are 20 features and the probabilities of five classes. `--job` names what the job asks for: rows
selected by a magnitude, a sample or duplicates left out (each takes all rows), or a catalogue without ids.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.catalog import _peak
from survey_batch.catalog.read import how_chosen
from survey_batch.config.job import Job
from survey_batch.core.status import Status
from survey_batch.results.export import export_catalog
from survey_batch.store.products import create_product, open_group
from survey_batch.store.schema import Schema, Variable

FORMATS = ("parquet", "csv", "hats", "fits", "vot")
CLASSES, FEATURES = ("A", "F", "G", "K", "M"), 20
SHARD, SLICE = 8192, 1 << 18

JOBS: dict[str, dict[str, Any]] = {
    "plain": {},
    "select": {"columns": {"mag_r": "mag_0"}, "select": {"magnitudes": {"r": [0.0, 99.0]}}},
    "duplicates": {"duplicates": {"by": ["id"]}},
    "sample": {"sample": {"total": 10**9}},
    "no-ids": {},
}
"""What a job says about its catalogue."""


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exports", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=FORMATS)
    parser.add_argument("--job", choices=JOBS, default="plain")
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        export_and_tell(Path(options.folder), *options.formats, options.job)
        return
    with tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as folder:
        make_run(Path(folder), options.rows, options.job)
        print(f"{options.rows:,} rows, {options.job}", flush=True)
        for name in options.formats:
            command = [sys.executable, "-m", "benchmarks.exports", "--folder", folder, "--formats", name]
            command += ["--job", options.job]
            print(subprocess.run(command, check=True, capture_output=True, text=True).stdout, end="", flush=True)


def make_job(folder: Path, kind: str) -> Job:
    """A job whose run has ended."""
    return Job.model_validate(
        {
            "name": "bench",
            "output": str(folder / "run"),
            "stages": ["spectra", "features", "predictions"],
            "catalog": {"path": str(folder / "objects.parquet"), **JOBS[kind]},
            "archive": {"survey": "lamost", "root": "archive"},
            "spectra": {"keep": False},
            "predictions": {"classifier": "unused"},
            "shards": {"objects": SHARD},
        }
    )


def make_run(folder: Path, rows: int, kind: str) -> None:
    """Write the catalogue, the plan and the products, slice by slice."""
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(0, 360, rows), np.degrees(np.arcsin(rng.uniform(-1, 1, rows)))
    job, order, own = make_job(folder, kind), np.argsort(ra), kind != "no-ids"
    chosen = how_chosen(job.catalog, rows)
    _write(folder / "objects.parquet", rows, SLICE, lambda rows: _objects(rows, ra, dec, own))
    _write(
        folder / "run" / "plan" / "objects.parquet", rows, SHARD, lambda rows: _planned(order[rows], ra, dec, chosen)
    )
    _make_product(job.output, "features", rows, {"feature": [f"index_{i}" for i in range(FEATURES)]})
    _make_product(job.output, "predictions", rows, {"class": list(CLASSES)})


def _write(path: Path, rows: int, group: int, part: Callable[[slice], pa.Table]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, part(slice(0, 1)).schema, compression="zstd") as writer:
        for first in range(0, rows, SLICE):
            writer.write_table(part(slice(first, min(first + SLICE, rows))), row_group_size=group)


def _ids(rows: np.ndarray) -> np.ndarray:
    return 1_000_000_000_000_000_000 + rows.astype(np.int64)


def _objects(rows: slice, ra: np.ndarray, dec: np.ndarray, own: bool) -> pa.Table:
    here = np.arange(rows.start, rows.stop)
    magnitudes = {f"mag_{i}": np.random.default_rng(rows.start + i).uniform(14, 22, len(here)) for i in range(8)}
    ids = {"obsid": _ids(here)} if own else {}
    return pa.table({**ids, "filename": _files(here), "ra": ra[rows], "dec": dec[rows], **magnitudes})


def _files(rows: np.ndarray) -> pa.Array:
    return pa.array([f"spec-{row // 250:06d}-{row % 250:03d}.fits" for row in rows])


def _planned(rows: np.ndarray, ra: np.ndarray, dec: np.ndarray, chosen: dict[bytes, bytes]) -> pa.Table:
    none = pa.array([""] * len(rows))
    known = {"row": rows, "object_id": pa.array(_ids(rows)).cast(pa.string()), "ra": ra[rows], "dec": dec[rows]}
    return pa.table({**known, "filename": _files(rows), "label": none, "split": none}, metadata=chosen)


def _make_product(output: str, product: str, rows: int, names: dict[str, list[str]]) -> None:
    (dim, values), *_ = names.items()
    whole = Variable("value" if dim == "feature" else "probability", ("object", dim), "f4")
    text = (Variable("predicted_class", ("object",), "string"), Variable("confidence", ("object",), "f4"))
    fixed = {dim: ((dim,), np.array(values), {})}
    if dim == "feature":
        fixed |= {"unit": ((dim,), np.array(["Angstrom"] * len(values)), {})}
        fixed |= {"description": ((dim,), np.array([f"width of line {name}" for name in values]), {})}
    variables = (whole,) if dim == "feature" else (whole, *text)
    schema = Schema(product, "object", {"object": rows, dim: len(values)}, SHARD, variables, fixed)
    create_product(output, schema, {"provenance": {}})
    group = open_group(output, product)
    for first in range(0, rows, SLICE):
        here = slice(first, min(first + SLICE, rows))
        data = np.random.default_rng(first).random((here.stop - first, len(values)), dtype=np.float32)
        group[whole.name][here] = data
        if dim == "class":
            group["predicted_class"][here] = np.array(CLASSES, dtype=object)[data.argmax(axis=1)]
            group["confidence"][here] = data.max(axis=1)
        group["status"][here] = np.full(here.stop - first, Status.OK, np.uint8)


def export_and_tell(folder: Path, name: str, kind: str) -> None:
    """Export in this process and say what it took."""
    before, begun = _peak(), time.perf_counter()
    path, rows = export_catalog(make_job(folder, kind), f"{folder}/types.{name}", with_=["features", "reason"])
    files = [Path(path), *Path(path).rglob("*")]
    size = sum(file.stat().st_size for file in files if file.is_file())
    print(
        f"    {name}: {rows:,} rows, {size / 1e6:,.0f} MB in {time.perf_counter() - begun:.0f} s, "
        f"peak {_peak() / 1e6:,.0f} MB (imports alone {before / 1e6:,.0f} MB)"
    )


if __name__ == "__main__":
    main()
