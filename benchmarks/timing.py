"""Seconds that some work takes, and the machine they were measured on."""

import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from survey_batch.core.environment import worker_exports

Work = Callable[[], object]
"""A part of what is measured; what it returns is dropped."""

PACKAGES = ("numpy", "zarr", "numcodecs", "astropy", "isal", "dask")


@dataclass(frozen=True)
class Spent:
    """Seconds of the processor, and on the clock."""

    cpu: float = 0.0
    wall: float = 0.0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.cpu + other.cpu, self.wall + other.wall)


def spent(work: Work) -> Spent:
    """Do some work. Return its CPU-seconds, with those of processes that ended meanwhile, and its seconds."""
    begun = cpu_of_all(), time.perf_counter()
    work()
    return Spent(cpu_of_all() - begun[0], time.perf_counter() - begun[1])


def cpu_of_all() -> float:
    """CPU-seconds of this process and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


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
    """Ask NVIDIA's tool about the first GPU that this process may use. Return None without a GPU or the tool."""
    which = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    if not which or not shutil.which("nvidia-smi"):
        return None
    command = ["nvidia-smi", f"--id={which}", f"--query-gpu={what}", "--format=csv,noheader,nounits"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return float(said) if said.replace(".", "", 1).isdigit() else None
