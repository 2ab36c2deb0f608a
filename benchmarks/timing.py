"""CPU-seconds of a floor and of our work, in turns, and the machine they were measured on."""

import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from itertools import zip_longest
from pathlib import Path
from statistics import median

from survey_batch.core.environment import worker_exports

Work = Callable[[], None]
"""A part of what is measured."""

PACKAGES = ("numpy", "zarr", "numcodecs", "astropy", "isal", "dask")


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes
    ----------
    title, unit : str
        What is done, and what is counted.
    count : int
        How many of them one run makes.
    floor : list of callables
        What no implementation can leave out, in parts.
    prepare : callable
        Makes everything that comes before the work, and returns the work in parts; called anew for each run.
    aim : float
        Share of the floor's speed to reach.
    stored : callable
        Bytes on disk, and bytes of the arrays, of what the last run made.
    """

    title: str
    unit: str
    count: int
    floor: list[Work]
    prepare: Callable[[], list[Work]]
    aim: float
    stored: Callable[[], tuple[int, int]]


@dataclass(frozen=True)
class Result:
    """CPU-seconds of each round."""

    row: Row
    floor: tuple[float, ...]
    ours: tuple[float, ...]

    def lines(self) -> list[str]:
        """Say it to a person."""
        ratios = [floor / ours for floor, ours in zip(self.floor, self.ours, strict=True)]
        speeds = [f"{name} {self._speed(seconds)}" for name, seconds in (("floor", self.floor), ("ours", self.ours))]
        disk, memory = self.row.stored()
        return [
            f"{self.row.title}",
            f"    {', '.join(speeds)} {self.row.unit} per CPU-second (median)",
            f"    speed by the floor's: median {median(ratios):.2f}, lowest {min(ratios):.2f}; aim {self.row.aim:.2f}: "
            + ("reached" if median(ratios) >= self.row.aim else "MISSED"),
            f"    on disk {disk / 1e6:.1f} of {memory / 1e6:.1f} MB: {disk / memory:.2f}",
        ]

    def _speed(self, seconds: tuple[float, ...]) -> str:
        return f"{self.row.count / median(seconds):,.{1 if self.row.count < 100 else 0}f}"


def measure(row: Row, rounds: int) -> Result:
    """Run the parts of floor and ours in turns, as the speed of a shared core changes from second to second.

    A first, unmeasured part of each pays for imports and caches.
    """
    for first in (row.floor[0], row.prepare()[0]):
        first()
    measured = [_round(row) for _ in range(rounds)]
    return Result(row, *zip(*measured, strict=True))


def _round(row: Row) -> tuple[float, float]:
    floor = ours = 0.0
    for one, other in zip_longest(row.floor, row.prepare(), fillvalue=_nothing):
        floor += cpu_seconds(one)
        ours += cpu_seconds(other)
    return floor, ours


def _nothing() -> None:
    """Stand for the missing part where one of the two has fewer."""


def cpu_seconds(work: Work) -> float:
    """CPU-seconds of all threads of this process."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def as_a_worker(module: str) -> None:
    """Start this command again in a worker's environment, which glibc and BLAS read when a process starts."""
    exports = worker_exports()
    if any(os.environ.get(name) != value for name, value in exports.items()):
        command = [sys.executable, "-m", module, *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, **exports})  # noqa: S606


def machine() -> str:
    """Say in words where this runs."""
    try:
        model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        model = None
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{os.cpu_count()} cores ({model[1] if model else platform.machine()}), {platform.system()}, "
        f"Python {platform.python_version()}, {packages}"
    )


def asked_gpu(what: str) -> float | None:
    """Ask NVIDIA's tool about the first GPU that this process may use; None where there is none, or no such tool."""
    which = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    if not which or not shutil.which("nvidia-smi"):
        return None
    command = ["nvidia-smi", f"--id={which}", f"--query-gpu={what}", "--format=csv,noheader,nounits"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return float(said) if said.replace(".", "", 1).isdigit() else None
