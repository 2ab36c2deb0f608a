"""What Dask remembers of a scheduler that was closed: a process that does many runs would keep all their schedulers.

Dask (2026.7) keeps results by scheduler in two caches without a limit, and each scheduler holds its dashboard's pages
and its log: 1,800 objects and 0.6 MB for each run. Neither cache is part of Dask's interface, so one that is not there
is passed over.
"""

import inspect
from contextlib import suppress

import distributed.core
from distributed.dashboard import scheduler as dashboard


def forget_schedulers() -> None:
    """Empty both caches; a scheduler that still works fills them again."""
    with suppress(AttributeError):  # whether a handler takes a connection, by bound method
        distributed.core._expects_comm.cache_clear()  # noqa: SLF001
    with suppress(AttributeError, KeyError, TypeError):  # what all pages of a dashboard show, by scheduler
        inspect.getclosurevars(dashboard.template_variables).nonlocals["cache"].clear()
