"""Where the CPU time of a LAMOST file goes on its way to `spectra.zarr`.

    python -m benchmarks.spectra_steps [--rounds 7]

One shard of 1,024 files is done again and again, each time one step further; a step takes what it adds. Steps are
measured in turns, as the speed of a shared core changes from second to second. The first two are the floor.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import cast

import numpy as np
from isal import igzip

from benchmarks.data import Data, find_data
from benchmarks.pipeline import lay_out
from benchmarks.spectra import copied
from benchmarks.timing import as_a_worker, cpu_seconds, machine
from survey_batch.archive.content import FITS
from survey_batch.archive.decompress import decompress
from survey_batch.archive.download import Archive
from survey_batch.execution.shard_task import run_shard
from survey_batch.planning.stored import read_rows_of
from survey_batch.stages import make_stage
from survey_batch.stages.spectra import SpectraStage, read_file
from survey_batch.store.products import mark_pending, open_group, stored
from survey_batch.store.whole_shards import encode_whole

GZIP = b"\x1f\x8b"


def steps(data: Data, scratch: Path) -> tuple[int, dict[str, Callable[[], object]]]:
    """Return the number of files, and the steps: each does the one before and something more, but for the last two."""
    job = copied(data, "spectra", scratch)
    root = Path(job.archive.root)
    shard, stage = lay_out(job).shards("object")[0], cast("SpectraStage", make_stage(job, "spectra"))
    rows = {**read_rows_of(job.output, shard), "index_in_shard": np.arange(len(shard))}
    files = stage._files(stage.empty_block(len(shard)), rows)  # noqa: SLF001
    archive, reader, group = Archive(job.archive, content=FITS), stage.reader, open_group(job.output, "spectra")
    block = stage.compute(rows, {})

    def read(path: str) -> bytes:
        return (root / path).read_bytes()

    def unpacked(path: str) -> bytes:
        raw = read(path)
        return igzip.decompress(raw) if raw.startswith(GZIP) else raw

    def run() -> None:
        mark_pending(job.output, "spectra", [shard])
        run_shard(job, "spectra", shard)

    return len(files), {
        "opening and reading": lambda: [len(read(file.path)) for file in files],
        "decompressing": lambda: [len(unpacked(file.path)) for file in files],
        "header, object, rows": lambda: [
            len(reader.read(decompress(read(file.path), reader.ceiling), file.rows)) for file in files
        ],
        "kinds of files, failures, counts": lambda: [len(read_file(archive, reader, file)) for file in files],
        "grid, mask, the shard's arrays": lambda: stage.compute(rows, {}),
        "storing, the rest of the shard": run,
        "of that, compressing and checksums": lambda: [
            len(encode_whole(stored(group, name), values, len(shard))) for name, values in block.data.items()
        ],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spectra_steps")
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    as_a_worker("benchmarks.spectra_steps")
    with tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as folder:
        data = find_data(Path(folder))
        count, works = steps(data, Path(folder))
        print(f"{machine()}\n{data.what}; {rounds} rounds in turns, CPU-microseconds per file\n", flush=True)
        taken = [[cpu_seconds(work) / count * 1e6 for work in works.values()] for _ in range(rounds + 1)][1:]
    *chain, last = works
    for number, name in enumerate(chain):
        print(f"{median(one[number] - (one[number - 1] if number else 0) for one in taken):8.1f} {name}")
    print(f"{median(one[-1] for one in taken):8.1f} {last}")
    print(f"{median(one[len(chain) - 1] for one in taken):8.1f} in all", flush=True)


if __name__ == "__main__":
    main()
