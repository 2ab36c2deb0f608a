"""Workers of one machine begin as copies of one process that has imported what all need (`original`); light to import.

Otherwise each imports for itself, often from a shared file system: seconds of a core, and thousands of files.
"""

import multiprocessing
import sys

import dask
from distributed.utils import get_mp_context


def begin_as_copies() -> dict[str, str]:
    """Have workers that this process starts begin as copies; return Dask's setting for it.

    Not on a Mac, where copying a process is not safe: Python starts each from nothing there, unless told otherwise.
    """
    if sys.platform != "linux":
        return {}
    setting = {"distributed.worker.multiprocessing-method": "forkserver"}
    with dask.config.set(setting):
        get_mp_context()  # later, Dask would put its own list, once, in the place of ours
    multiprocessing.get_context("forkserver").set_forkserver_preload(["survey_batch.original"])
    return setting


def dask_setup(_nanny: object) -> None:
    """Be a module that `dask worker --preload-nanny` runs first."""
    dask.config.set(begin_as_copies())
