"""Workers of one machine begin as copies of one process that has imported what all need; light to import.

Otherwise each imports for itself, often from a shared file system: seconds of a core, and thousands of files.
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
"""What workers need to begin. No machine learning: its libraries start threads, which no copy of a process has. Random
numbers are no concern: Python and Dask seed them anew in each copy."""


def begin_as_copies() -> dict[str, str]:
    """Have workers that this process starts begin as copies; return Dask's setting for it.

    Not on a Mac, where copying a process is not safe: Python starts each from nothing there, unless told otherwise.
    """
    if sys.platform != "linux":
        return {}
    setting = {"distributed.worker.multiprocessing-method": "forkserver"}
    with dask.config.set(setting):
        get_mp_context()  # later, Dask would put its own list, once, in the place of ours
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(IMPORTED))
    return setting


WORKER_PROCESSES = "Dask Worker process"
"""How Dask begins the names of the processes that it starts for workers."""


@contextmanager
def script_left_alone() -> Iterator[None]:
    """Start workers that do not run the script again that started them, in the block.

    Python has each new process import the main script first. One that calls `run` outside of
    `if __name__ == "__main__":` would start a run in each worker. No worker needs anything of it.
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
    """Be a module that `dask worker --preload-nanny` runs first."""
    dask.config.set(begin_as_copies())
