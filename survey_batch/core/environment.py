"""The environment in which workers compute; light to import, as the command line sets it too.

`python -m survey_batch.core.environment` prints it, for a script that starts workers itself.
"""

import os
import sys

WORKER_ENVIRONMENT = {
    # One thread per numeric library: the workers are the parallelism.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    # oneDNN rounds differently from machine to machine; without it results repeat, and its remarks are gone.
    "TF_ENABLE_ONEDNN_OPTS": "0",
    # JAX takes three quarters of a GPU's memory at its start unless told otherwise: whoever comes second gets none.
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    # glibc keeps freed memory in one arena per thread; few arenas give it back.
    "MALLOC_ARENA_MAX": "2",
    # Setting one threshold freezes the other. With the trim threshold that Dask sets (64 KiB, and so 128 KiB for mmap)
    # every larger temporary array is mapped, zeroed and unmapped anew. 32 MiB is the most that glibc takes for mmap.
    "MALLOC_TRIM_THRESHOLD_": "33554432",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
}

PROFILER_CAN_HANG = sys.version_info < (3, 11, 12)
"""`sys._current_frames` of such a Python can deadlock (cpython#106883), and Dask's profiler calls it every 10 ms."""

WORKER_SETTINGS = {"distributed.worker.profile.enabled": False} if PROFILER_CAN_HANG else {}
"""Dask's settings of a worker that depend on the Python it runs on."""


def worker_exports() -> dict[str, str]:
    """Everything that a worker must find in its environment, Dask's own settings included."""
    return WORKER_ENVIRONMENT | {as_variable(name): str(value) for name, value in WORKER_SETTINGS.items()}


def as_variable(setting: str) -> str:
    """Name the environment variable that Dask reads a setting from: `DASK_A__B` for `a.b`."""
    return "DASK_" + setting.upper().replace("-", "_").replace(".", "__")


def compute_like_a_worker() -> None:
    """Settle how TensorFlow and JAX compute in this process, as on a worker; they read this when they are imported."""
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = WORKER_ENVIRONMENT["TF_ENABLE_ONEDNN_OPTS"]
    for name in ("TF_CPP_MIN_LOG_LEVEL", "XLA_PYTHON_CLIENT_PREALLOCATE"):
        os.environ.setdefault(name, WORKER_ENVIRONMENT[name])


if __name__ == "__main__":
    sys.stdout.write("".join(f"export {name}={value}\n" for name, value in worker_exports().items()))
