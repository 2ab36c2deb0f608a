"""Two catalogues matched by position: CPU-seconds and peak memory of a process of its own.

    python -m benchmarks.crossmatch [--rows 1000000] [--by id]

Both lists are Parquet files, in random order, of positions all over the sky; four fifths of the rows have a partner
0.2 arcsec away. Rows are matched, and three columns of the partners are brought beside the catalogue's, in its order.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.catalog import peak
from survey_batch.catalog.opening import open_catalog
from survey_batch.config.job import CatalogSection
from survey_batch.config.survey import find_survey

PART = 1 << 20
"""Rows written at a time."""
SHARED = 0.8
"""Share of the rows that have a partner."""


def main() -> None:
    """Make two lists, and match them in a process of its own."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.crossmatch", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--by", choices=("position", "id"), default="position")
    parser.add_argument("--read", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        match_and_tell(*options.read, options.by)
        return
    with tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as folder:
        own, other = Path(folder) / "own.parquet", Path(folder) / "other.parquet"
        write_lists(own, other, options.rows)
        command = [sys.executable, "-m", "benchmarks.crossmatch", "--by", options.by, "--read", str(own), str(other)]
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout, end="", flush=True)


def write_lists(own: Path, other: Path, rows: int) -> None:
    """Write two lists of as many rows; equal ids are one object."""
    random = np.random.default_rng(1)
    order = random.permutation(rows)
    ra, dec = random.uniform(0, 360, rows), np.degrees(np.arcsin(random.uniform(-1, 1, rows)))
    with pq.ParquetWriter(own, _list(ra[:1], dec[:1], order[:1]).schema) as writer:
        for first in range(0, rows, PART):
            here = slice(first, first + PART)
            writer.write_table(_list(ra[here], dec[here], np.arange(rows)[here]))
    ra, dec = ra[order], dec[order]
    ra[: int((1 - SHARED) * rows)] = random.uniform(0, 360, int((1 - SHARED) * rows))
    with pq.ParquetWriter(other, _list(ra[:1], dec[:1], order[:1]).schema) as writer:
        for first in range(0, rows, PART):
            here = slice(first, first + PART)
            writer.write_table(_list(ra[here], np.clip(dec[here] + 0.2 / 3600, -90, 90), order[here]))


def _list(ra: np.ndarray, dec: np.ndarray, number: np.ndarray) -> pa.Table:
    kinds = pa.array(["STAR", "GALAXY", "QSO"]).take(pa.array(number % 3))
    redshift = (number % 1000 / 1000).astype(np.float32)
    return pa.table({"ra": ra, "dec": dec, "id": 10**18 + number, "class": kinds, "z": redshift, "snr": redshift})


def match_and_tell(own: str, other: str, by: str) -> None:
    """Match two lists in this process and say what it took."""
    before, begun = peak(), time.process_time()
    match = {"path": other, "by": by, "columns": {"label": "class", "redshift": "z"}, "take": ["snr"]}
    section = CatalogSection.model_validate({"path": own, "match": match})
    opened = open_catalog(section, find_survey("skyserver").archive(survey="skyserver", root="archive"))
    matched = rows = 0
    for batch in opened.source.batches(sorted(set(opened.names.values()))):
        rows += batch.table.num_rows
        matched += int(batch.partnered.matched.sum()) if batch.partnered is not None else 0
    seconds = time.process_time() - begun
    print(f"{rows:,} rows by as many, by {by}: {matched:,} have a partner")
    print(f"{seconds:.0f} CPU-seconds, peak {peak() / 1e6:,.0f} MB (imports alone {before / 1e6:,.0f} MB)")


if __name__ == "__main__":
    main()
