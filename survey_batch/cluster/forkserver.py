"""Workers of one machine as copies of a process that has imported what all need; light to import.

Otherwise each worker imports for itself, often from a shared file system: seconds of CPU time and thousands of files.
"""

import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, spawn
from typing import TYPE_CHECKING, Any

from survey_batch.config.sections.cluster import load_kind
from survey_batch.core import interrupt
from survey_batch.core.environment import WORKER_ENVIRONMENT

if TYPE_CHECKING:
    from survey_batch.config.job import Job

BEFORE = (
    *("distributed", "distributed.http.worker.prometheus", "scipy.linalg", "scipy.sparse.linalg"),
    "survey_batch.execution.engine",
)
"""Modules that all workers need at the start. Machine learning is left out: its libraries start threads, which a copy
of a process does not have. Random numbers are safe: Python and Dask seed them anew in each copy."""
STAGES = ("survey_batch.stages.cutouts", "survey_batch.stages.spectral_features")
"""Those of most jobs, where the job is not known yet."""
LAST = ("survey_batch.cluster.frozen",)
HASH_SEED = {"PYTHONHASHSEED": "6640"}
"""As Dask sets it for workers, which must all put a text in the same place."""


def begin_early(job: "Job") -> None:
    """Begin the process that workers of this machine are copies of, with what the job needs; do not wait for it.

    It imports on another core while this process imports what it needs itself, and ends with this process.
    """
    if sys.platform == "linux" and not load_kind(job.cluster.kind).elsewhere:
        kinds = [job.kinds[name].make for name in job.stages if name in job.kinds]
        modules = [make.partition(":")[0] for make in kinds if make.startswith("survey_batch.")]  # none of others' code
        _preload(modules)
        with _environment(WORKER_ENVIRONMENT | HASH_SEED), interrupt.kept_from_children():
            forkserver.ensure_running()


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set variables that glibc, BLAS and Python read when a process starts."""
    with own_environment():
        os.environ.update(variables)
        yield


@contextmanager
def own_environment() -> Iterator[None]:
    """Undo what Dask sets in this process for workers that it starts; it would change what is computed here later."""
    before = {name: os.environ.get(name) for name in WORKER_ENVIRONMENT | HASH_SEED}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def begin_as_copies() -> dict[str, str]:
    """Make workers of this process start as copies; return Dask's setting for it.

    On a Mac it is not safe to copy a process; there Python starts each process from nothing by default.
    """
    if sys.platform != "linux":
        return {}
    import distributed.utils

    # Otherwise Dask would import pandas to see whether it can, and put a list of its own in the place of ours.
    distributed.utils._forkserver_preload_set = True  # noqa: SLF001
    _preload(STAGES)  # unless it has begun
    return {"distributed.worker.multiprocessing-method": "forkserver"}


def _preload(stages: Iterable[str]) -> None:
    multiprocessing.get_context("forkserver").set_forkserver_preload([*BEFORE, *stages, *LAST])


WORKER_PROCESSES = "Dask Worker process"
"""Prefix of the names of Dask's worker processes."""


@contextmanager
def script_left_alone() -> Iterator[None]:
    """Inside the `with` block, start workers that do not run the main script again.

    Python makes each new process import the main script first. A script that calls `run` outside
    `if __name__ == "__main__":` would start a run in each worker. Workers need nothing from the script.
    """
    before = spawn.get_preparation_data

    def prepared(name: str) -> dict[str, Any]:
        data = before(name)
        if name.startswith(WORKER_PROCESSES):
            data = {key: value for key, value in data.items() if not key.startswith("init_main_from_")}
        return data

    spawn.get_preparation_data = prepared
    try:
        yield
    finally:
        spawn.get_preparation_data = before


def dask_setup(_nanny: object) -> None:
    """Set up the nanny; `dask worker --preload-nanny` calls this first."""
    import dask

    dask.config.set(begin_as_copies())
