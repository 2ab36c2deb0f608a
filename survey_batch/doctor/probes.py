"""Functions that a worker runs for the checks; they return small plain values."""

import os
import platform
import shutil
import time
from collections.abc import Callable
from typing import Any

import psutil
from distributed import get_worker
from distributed.system import memory_limit

from survey_batch.config.job import Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import read_bytes, write_bytes
from survey_batch.core.versions import versions
from survey_batch.models.manifest import Framework

SHARED_SECONDS = 15.0
"""Time within which a file written on another machine must be visible: network file systems remember for some seconds
that it was not there."""

PRODUCT_SIDE = 1024
"""Rows and columns of the matrices that are multiplied to test a device."""


def describe_worker() -> dict[str, Any]:
    """Describe a worker and its resources."""
    worker: Any = get_worker()
    return {
        "host": platform.node(),
        "slurm_job": os.environ.get("SLURM_JOB_ID", ""),
        "folder": os.getcwd(),  # noqa: PTH109
        "versions": {"python": platform.python_version(), **versions()},
        "memory_limit": worker.memory_manager.memory_limit or 0,
        "memory_here": int(memory_limit()),
        "memory_total": int(psutil.virtual_memory().total),
        "scratch": worker.local_directory,
        "scratch_free": shutil.disk_usage(worker.local_directory).free,
    }


def exchange(given: str, answer: str) -> tuple[str, float] | None:
    """Read what was written on another machine, and answer; None if it is not seen.

    Returns
    -------
    What was read, and the seconds until it was there.
    """
    found = wait_for_file(given)
    if found is not None:
        write_bytes(answer, found[0].encode()[::-1])
    return found


def wait_for_file(path: str) -> tuple[str, float] | None:
    """Read a file as soon as it appears; return its text and the seconds waited, or None."""
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < SHARED_SECONDS:
        try:
            return read_bytes(path).decode(), waited
        except FileNotFoundError:
            time.sleep(0.1)
    return None


def try_framework(job: Job, framework: Framework = "keras") -> dict[str, Any]:
    """Import the framework, look for GPUs as a run would, and multiply two matrices where it computes."""
    begun = time.monotonic()
    from survey_batch.models.devices import allowed_gpus, backend, prepare_gpu, visible_gpus

    gpus, refusal = visible_gpus(framework), ""
    imported = time.monotonic() - begun
    try:
        prepare_gpu(job.cluster, framework)
    except ConfigurationError as error:
        refusal = str(error)
    return {
        "backend": backend() if framework == "keras" else framework,
        "gpus": list(gpus),
        "import_seconds": imported,
        "refusal": refusal,
        "visible": allowed_gpus(),
        **_multiply(_product_of(framework)),
    }


def _product_of(framework: Framework) -> Callable[[Any, Any], Any]:
    """Return what multiplies two matrices on the device that the framework chooses."""
    if framework == "onnxruntime":
        from survey_batch.models.onnx_session import MATRIX_PRODUCT, open_session

        session = open_session(MATRIX_PRODUCT)
        return lambda left, right: session.run(None, {"left": left, "right": right})[0]
    import keras

    return lambda left, right: keras.ops.convert_to_numpy(keras.ops.matmul(left, right))


def _multiply(product_of: Callable[[Any, Any], Any]) -> dict[str, Any]:
    """Multiply two matrices; an error is a result too."""
    import numpy as np

    random = np.random.default_rng(0)
    left, right = random.normal(size=(2, PRODUCT_SIDE, PRODUCT_SIDE)).astype(np.float32)
    try:
        for _ in range(2):  # the first one also starts the device
            begun = time.monotonic()
            product = product_of(left, right)
        seconds = time.monotonic() - begun
    except Exception as error:  # noqa: BLE001 - drivers and libraries that do not fit together have many names
        return {"seconds": 0.0, "error": f"{type(error).__name__}: {error}"}
    # TensorFloat-32 of newer GPUs keeps ten bits; a sum of 1024 products is accurate to a few times 0.1.
    wrong = float(np.abs(product - left @ right).max())
    return {"seconds": seconds, "error": "" if wrong < 1.0 else f"the product is wrong by up to {wrong:.3g}"}
