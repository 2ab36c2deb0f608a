"""What is kept of a scheduler that was closed: a process that does many runs would keep some of all of them.

Dask (2026.7) keeps results by scheduler in two caches without a limit, and each scheduler holds its dashboard's pages
and its log: 1,800 objects and 0.6 MB for each run. Neither cache is part of Dask's interface, so one that is not there
is passed over. Python keeps what it knows of each folder to import from, and a scheduler's scratch folder is one.
"""

import importlib
import inspect
import sys
from contextlib import suppress
from importlib.machinery import FileFinder
from pathlib import Path

import distributed.core


def forget_schedulers() -> None:
    """Empty the caches; a scheduler that still works fills them again."""
    with suppress(AttributeError):  # whether a handler takes a connection, by bound method
        distributed.core._expects_comm.cache_clear()  # noqa: SLF001
    with suppress(AttributeError, KeyError, TypeError):  # what all pages of a dashboard show, by scheduler
        dashboard = sys.modules["distributed.dashboard.scheduler"]  # loaded if somebody looked
        inspect.getclosurevars(dashboard.template_variables).nonlocals["cache"].clear()
    for folder, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, FileFinder) and not Path(folder).is_dir():
            del sys.path_importer_cache[folder]
    importlib.invalidate_caches()  # those of distributions, by folder
