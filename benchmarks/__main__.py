"""Prints three rows, each against its floor measured in the same run, and the peak memory of a worker.

    python -m benchmarks [--rounds 3] [--only frames cutouts spectra memory]

Everything runs in the environment that workers have.

Seconds are CPU-seconds of the whole process, so that a busy machine disturbs them little. Imports, planning, the
creation of products and the start of clusters are not counted.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks import cutouts, frames, memory, spectra
from benchmarks.data import find_data
from benchmarks.timing import as_a_worker, machine, measure

ROWS = {"frames": frames.row, "cutouts": cutouts.row, "spectra": spectra.row}


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=[*ROWS, "memory"], default=[*ROWS, "memory"])
    options = parser.parse_args()
    as_a_worker("benchmarks")
    with tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as folder:
        data = find_data(Path(folder))
        print(f"{machine()}\n{data.what}; {options.rounds} rounds in turns, CPU-seconds\n", flush=True)
        for name in (name for name in ROWS if name in options.only):
            print("\n".join(measure(ROWS[name](data, Path(folder)), options.rounds).lines()), flush=True)
        if "memory" in options.only:
            report_memory(data, Path(folder))


def report_memory(data: memory.Data, scratch: Path) -> None:
    """Print the peaks."""
    print(f"Peak memory of a fresh worker and a shard of {memory.SHARD_OBJECTS} objects (frames: of one field)")
    for name, peak in memory.peaks(data, scratch):
        verdict = "below" if peak < memory.LIMIT_BYTES else "ABOVE"
        print(f"    {name} {peak / 1e6:.0f} MB, {verdict} {memory.LIMIT_BYTES / 1e6:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
