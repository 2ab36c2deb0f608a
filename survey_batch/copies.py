"""Workers of one machine begin as copies of one process that has imported what all need; light to import.

Otherwise each imports for itself, often from a shared file system: seconds of a core, and thousands of files.
"""

import multiprocessing
import sys

import dask
from distributed.utils import get_mp_context

IMPORTED = ("distributed", "survey_batch.engine", "survey_batch.stages.cutouts", "survey_batch.stages.spectra")
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


def dask_setup(_nanny: object) -> None:
    """Be a module that `dask worker --preload-nanny` runs first."""
    dask.config.set(begin_as_copies())
