"""Measures every path of the package against its floor, side by side in one run, and prints one table.

    python -m benchmarks [--only ROW …] [--rounds 3] [--json FILE] [--against FILE]

Times are for one of what a row counts, in CPU-seconds of this process and its children, so that a busy machine disturbs
them little; rows that say "by the clock" need idle cores. Each round does the floor's part, ours, and that of other
packages in turns. The ratio of floor to ours, with its range over the rounds, is what can be compared between
machines and versions: `--against` compares it with a file that `--json` wrote. Everything runs in the environment that
workers have. Imports, planning, the creation of products and the start of clusters are not counted, but in `start`.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import cutouts, frames, memory, pictures, predictions, runs, spectra, spectral_features
from benchmarks.data import find_data
from benchmarks.rows import UnmeasuredError, measure
from benchmarks.table import as_json, header, line, notes, unmeasured
from benchmarks.timing import as_a_worker, cpu_of_all, machine

ROWS = {
    "frames": frames.row,
    "cutouts": cutouts.row,
    "stored-cutouts": cutouts.stored_row,
    "composites": pictures.composites_row,
    "image-features": pictures.features_row,
    "spectra": spectra.row,
    "features": spectral_features.row,
    "component-fit": spectral_features.fit_row,
    "preparing": spectral_features.preparing_row,
    "predictions": predictions.row,
    "start": runs.start_row,
    "workers": runs.workers_row,
}
MEMORY = "memory"
"""Measured in bytes, after the table."""


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    names = [*ROWS, MEMORY]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="ROW", help=", ".join(names))
    parser.add_argument("--rounds", type=at_least_one, default=3, help="in which the sides take turns; 3 if not given")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures to this file, row by row")
    parser.add_argument(
        "--against", type=Path, metavar="FILE", help="what --json wrote for another version, to compare"
    )
    options = parser.parse_args()
    as_a_worker("benchmarks")
    begun = time.monotonic()
    before = json.loads(options.against.read_text(encoding="utf-8")) if options.against else None
    with tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as folder:
        data = find_data(Path(folder))
        whole: dict[str, Any] = {"machine": machine(), "data": data.what, "rounds": options.rounds, "rows": {}}
        print(f"{whole['machine']}\n{data.what}; medians of {options.rounds} rounds in turns\n", flush=True)
        if before:
            print(f"against: {before['machine']}\n{before['data']}; {before['rounds']} rounds")
            print(
                "" if before["data"] == data.what else "THE FILES ARE OTHERS: both may differ by that alone\n",
                flush=True,
            )

        def keep() -> None:
            if options.json:
                options.json.write_text(f"{json.dumps(whole, indent=1)}\n", encoding="utf-8")

        keep()  # or fail before, not after, ten minutes of work
        said: list[str] = []
        print(header(against=bool(before)), flush=True)
        for name in (name for name in ROWS if name in options.only):
            try:
                result = measure(ROWS[name](data, Path(folder) / name), options.rounds)
            except UnmeasuredError as reason:
                print(unmeasured(name, str(reason)), flush=True)
                continue
            print(line(name, result, before["rows"].get(name, {}) if before else None), flush=True)
            said += notes(name, result)
            whole["rows"][name] = as_json(result)
            keep()
        print("", *said, sep="\n", flush=True)
        if MEMORY in options.only:
            print(
                f"\npeak memory of a fresh worker and a shard of {memory.SHARD_OBJECTS} objects (frames: of one field)"
            )
            for stage, peak in memory.peaks(data, Path(folder) / MEMORY):
                whole.setdefault(MEMORY, {})[stage] = peak
                print(memory.line(stage, peak), flush=True)
            keep()
    print(f"\n{(time.monotonic() - begun) / 60:.1f} minutes by the clock, {cpu_of_all() / 60:.1f} of CPU time")


def at_least_one(text: str) -> int:
    """Read a number of rounds."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


if __name__ == "__main__":
    main()
