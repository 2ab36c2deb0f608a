"""Tells what the start of a run costs: CPU-seconds of the process that drives a run of ten spectra, step by step.

    python -m benchmarks.start_steps

The last line is what the other processes took: the one that workers are copies of, and the workers.
"""

import logging
import runpy
import sys
import tempfile
import time
from pathlib import Path

STEP = "cpu "


class _Clock(logging.Handler):
    """Prints the CPU time so far at each step."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(f"{STEP}{time.process_time():.2f} {record.getMessage()}\n")


def _drive(file: str) -> None:
    """Do what `survey-batch run` does, and print the time of each step."""
    from survey_batch.core import steps

    steps.log.addHandler(_Clock())
    steps.log.setLevel(logging.DEBUG)
    sys.argv = ["survey-batch", "run", file]
    try:
        runpy.run_module("survey_batch", run_name="__main__")
    finally:
        sys.stderr.write(f"{STEP}{time.process_time():.2f} the end\n")


def main() -> None:
    """Run the job of the row `start` once."""
    from benchmarks.data import find_data
    from benchmarks.runs import start_row, told_by
    from benchmarks.timing import spent

    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        start_row(find_data(scratch), scratch).ours.ready()
        said: list[str] = []
        whole = spent(lambda: said.append(told_by(scratch, __file__, str(scratch / "job.toml"))))
    lines = [line.removeprefix(STEP) for line in said[0].splitlines() if line.startswith(STEP)]
    own = float(lines[-1].split()[0])
    sys.stdout.write("\n".join(lines) + f"\n{whole.cpu - own:.2f} other processes, and leaving this one\n")


if __name__ == "__main__":
    _drive(sys.argv[1]) if sys.argv[1:] else main()
