"""Workers of one machine as copies of a process that has imported what all need; light to import.

Otherwise each worker imports for itself, often from a shared file system: seconds of CPU time and thousands of files.
"""

import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import spawn
from typing import Any

import dask
from distributed.utils import get_mp_context

IMPORTED = (
    "distributed",
    "survey_batch.execution.engine",
    "survey_batch.stages.cutouts",
    "survey_batch.stages.spectra",
)
"""Modules that workers need at the start. Machine learning is left out: its libraries start threads, which a copy of a
process does not have. Random numbers are safe: Python and Dask seed them anew in each copy."""


def begin_as_copies() -> dict[str, str]:
    """Make workers of this process start as copies; return Dask's setting for it.

    On a Mac it is not safe to copy a process; there Python starts each process from nothing by default.
    """
    if sys.platform != "linux":
        return {}
    setting = {"distributed.worker.multiprocessing-method": "forkserver"}
    with dask.config.set(setting):
        get_mp_context()  # call it now: Dask sets its own list on the first call, which would replace ours
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(IMPORTED))
    return setting


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
    dask.config.set(begin_as_copies())
