"""The environment in which workers compute; light to import, because the command line sets it too.

`python -m survey_batch.core.environment` prints it for a script that starts workers itself.
"""

import os
import sys

WORKER_ENVIRONMENT = {
    # One thread per numeric library: the workers already run in parallel.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    # oneDNN rounds differently on different machines; without it results are reproducible, and it logs nothing.
    "TF_ENABLE_ONEDNN_OPTS": "0",
    # By default JAX takes three quarters of a GPU's memory at its start: a second process gets none.
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    # glibc keeps freed memory in one arena per thread; few arenas give it back.
    "MALLOC_ARENA_MAX": "2",
    # Setting one threshold freezes the other. With Dask's trim threshold (64 KiB, and so 128 KiB for mmap) every larger
    # temporary array is mapped, zeroed and unmapped each time. 32 MiB is the maximum that glibc accepts for mmap.
    # With twice that for trim, the memory of one shard serves the next one, which need not fault it in again.
    "MALLOC_TRIM_THRESHOLD_": "67108864",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
}

PROFILER_CAN_HANG = sys.version_info < (3, 11, 12)
"""In such Python versions `sys._current_frames` can deadlock (cpython#106883); Dask's profiler calls it every 10 ms."""

WORKER_SETTINGS = {
    # Dask keeps the last 1,000 messages to each worker, each with the whole job: 8 kB for every task that was done. The
    # worker itself keeps the profiles of 1,000 seconds: tens of MB.
    "distributed.admin.low-level-log-length": 20,
    # Each process of Dask looks at its own load twice a second, and at its clock fifty times. Together that took 4 % of
    # a core for one worker and the scheduler, also where nothing was to be done. The limits of memory do not need it.
    "distributed.admin.system-monitor.interval": "2s",
    "distributed.admin.tick.interval": "200ms",
    **({"distributed.worker.profile.enabled": False} if PROFILER_CAN_HANG else {}),
}
"""Dask's settings for a worker."""


def worker_exports() -> dict[str, str]:
    """Return all variables that a worker needs in its environment, including Dask's own settings."""
    return WORKER_ENVIRONMENT | {as_variable(name): str(value) for name, value in WORKER_SETTINGS.items()}


def as_variable(setting: str) -> str:
    """Name the environment variable that Dask reads a setting from: `DASK_A__B` for `a.b`."""
    return "DASK_" + setting.upper().replace("-", "_").replace(".", "__")


def compute_like_a_worker() -> None:
    """Make TensorFlow and JAX compute in this process as on a worker, unless TensorFlow is imported already."""
    if "tensorflow" in sys.modules:
        return
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = WORKER_ENVIRONMENT["TF_ENABLE_ONEDNN_OPTS"]
    for name in ("TF_CPP_MIN_LOG_LEVEL", "XLA_PYTHON_CLIENT_PREALLOCATE"):
        os.environ.setdefault(name, WORKER_ENVIRONMENT[name])


if __name__ == "__main__":
    sys.stdout.write("".join(f"export {name}={value}\n" for name, value in worker_exports().items()))
