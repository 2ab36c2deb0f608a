"""Reading large catalogues: peak memory and seconds of a process of its own, and the thesis' three sets.

    python -m benchmarks.catalog [--rows 1000000] [--sets]

Without `--sets`, a simulated catalogue is read as it is; with duplicates left out and a split by field; and its stars
alone. With it, the job files `jobs/thesis-set-*.toml` are applied, their counts scaled to the catalogue, and what they
promise is checked: counts, shares of each class, no field and no star in two splits.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from survey_batch.catalog import read_catalog
from survey_batch.catalog.groups import number_groups
from survey_batch.catalog.output import summary_rows
from survey_batch.catalog.read import Catalog
from survey_batch.catalog.stars import group_by_star
from survey_batch.config.job import Job
from survey_batch.config.jobfile import load_job
from survey_batch.simulate.catalog import simulate_catalog

THESIS_ROWS = 5_000_000
"""About as many spectra as SpecPhotoAll holds: with fewer rows the sets' counts shrink in proportion."""
SETS = {1: ("per_class", 10_000), 2: ("total", 42_000), 3: ("total", 75_000)}
JOBS = Path(__file__).parents[1] / "jobs"


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.catalog", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--sets", action="store_true")
    parser.add_argument("--read", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        read_and_tell(*options.read)
        return
    with tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as folder:
        begun = time.perf_counter()
        path = simulate_catalog(Path(folder) / "catalog.parquet", objects=options.rows)
        print(f"{options.rows:,} rows, {path.stat().st_size / 1e6:.0f} MB of Parquet, simulated in", end=" ")
        print(f"{time.perf_counter() - begun:.1f} s", flush=True)
        if options.sets:
            show_sets(path, options.rows)
            return
        for kind in ("everything", "split", "stars"):
            command = [sys.executable, "-m", "benchmarks.catalog", "--read", str(path), kind]
            print(subprocess.run(command, check=True, capture_output=True, text=True).stdout, end="", flush=True)


def make_job(path: str, kind: str) -> Job:
    """A job that takes every row; that also leaves out duplicates and splits by field; or that takes stars alone."""
    catalog: dict[str, object] = {"path": path, "id": "specobjid"}
    if kind != "everything":
        catalog |= {"label": "mk_class" if kind == "stars" else "class", "duplicates": {}, "split": {"group": "field"}}
    if kind == "stars":
        catalog["select"] = {"object_class": ["STAR"]}
    archive = {"survey": "sdss", "root": "archive"}
    return Job.model_validate(
        {"name": "bench", "output": "none", "stages": ["frames"], "catalog": catalog, "archive": archive}
    )


def read_and_tell(path: str, kind: str) -> None:
    """Read a catalogue in this process and say what it took."""
    job = make_job(path, kind)
    before = peak()
    begun = time.perf_counter()
    catalog = read_catalog(job.catalog, job.archive)
    print(
        f"    {kind}: {catalog.table.num_rows:,} rows kept ({catalog.table.nbytes / 1e6:,.0f} MB) in "
        f"{time.perf_counter() - begun:.0f} s, peak {peak() / 1e6:,.0f} MB (imports alone {before / 1e6:,.0f} MB)"
    )


def peak() -> int:
    """Peak resident bytes (`VmHWM`, which, other than `ru_maxrss`, forgets the parent's)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def show_sets(path: Path, rows: int) -> None:
    """Apply the three recipes, print their tables and check them."""
    for number, (key, count) in SETS.items():
        scaled = round(count * min(1, rows / THESIS_ROWS))
        settings = (f"catalog.path={path}", f"catalog.sample.{key}={scaled}")
        job = load_job(JOBS / f"thesis-set-{number}.toml", settings)
        catalog = read_catalog(job.catalog, job.archive)
        print(f"\nthesis set {number}, {key} = {scaled:,} (of {count:,})")
        table = summary_rows(catalog.counts)
        print("    " + "".join(f"{name:>12}" for name in table[0]))
        for row in table:
            print("    " + "".join(f"{value:>12}" for value in row.values()))
        print("\n".join(f"    {note}" for note in catalog.notes))
        print(f"    in two splits: {torn(catalog, 'field')} fields, {torn(catalog, 'star')} stars")


def torn(catalog: Catalog, what: str) -> int:
    """Count the fields or stars (3 arcsec) that are in more than one split."""
    column = {name: np.asarray(catalog.table[name].to_numpy()) for name in ("ra", "dec", "run", "camcol", "field")}
    split = catalog.table["split"].combine_chunks().dictionary_encode().indices.to_numpy()
    if what == "star":
        group = group_by_star(column["ra"], column["dec"], 3.0)
    else:
        group = number_groups(column["run"], column["camcol"], column["field"])
    pairs = np.unique(np.stack([group, split]), axis=1)[0]
    return int(np.sum(np.bincount(pairs) > 1))


if __name__ == "__main__":
    main()
