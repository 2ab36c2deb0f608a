"""One thread for BLAS and OpenMP wherever a kernel runs, because the number of threads changes the rounding.

Workers start with one thread (`environment.py`); a notebook and the command line have one per core. This module sets
one thread in all three cases.
"""

import sys
from contextlib import ContextDecorator
from functools import lru_cache
from threading import Lock, local
from typing import Any, Self

from threadpoolctl import ThreadpoolController

THREADS = 1
"""Threads of one kernel, whatever library runs it; libraries with a pool of their own are told when they start."""

_lock = Lock()
_open = 0
"""Number of threads of this process inside a block."""

_blas_before: dict[str, tuple[Any, int]] = {}
"""For each BLAS: its controller and previous number of threads, which holds for the process; the last block restores
it."""

_thread = local()
"""`depth` of this thread's blocks, and its `openmp_before`: OpenMP has a separate number for each thread."""


class one_thread(ContextDecorator):  # noqa: N801 - reads as what it does
    """Keep BLAS and OpenMP to one thread inside a `with` block, or inside a function that it decorates.

    Blocks may be nested and may be open in several threads at once.
    """

    def __enter__(self) -> Self:
        _thread.depth = getattr(_thread, "depth", 0) + 1
        if _thread.depth == 1:
            _limit()
        return self

    def __exit__(self, *_: object) -> None:
        _thread.depth -= 1
        if _thread.depth == 0:
            _restore()


def _limit() -> None:
    global _open
    import scipy.linalg  # noqa: F401 - scipy has its own BLAS, which can be limited only after it is loaded

    libraries = _libraries(len(sys.modules))
    _thread.openmp_before = [(library, library.num_threads) for library in libraries if library.user_api == "openmp"]
    with _lock:
        _open += 1
        new = {lib.filepath: lib for lib in libraries if lib.user_api == "blas" and lib.filepath not in _blas_before}
        _blas_before.update({path: (library, library.num_threads) for path, library in new.items()})
        for library in (*new.values(), *(library for library, _ in _thread.openmp_before)):
            _set_threads(library, THREADS)


@lru_cache(maxsize=1)
def _libraries(modules: int) -> list[Any]:  # noqa: ARG001
    """List the BLAS and OpenMP libraries; the search takes milliseconds, and new ones come with new modules."""
    return list(ThreadpoolController().lib_controllers)


def _restore() -> None:
    global _open
    with _lock:
        _open -= 1
        for library, before in _thread.openmp_before:
            _set_threads(library, before)
        if _open == 0:
            for library, before in _blas_before.values():
                _set_threads(library, before)
            _blas_before.clear()


def _set_threads(library: Any, number: int) -> None:
    """Set a number of threads from any thread: threadpoolctl obeys only the first caller while that thread lives."""
    if library.num_threads == number:
        return
    release = getattr(library, "clear_controlling_thread", lambda force: None)  # noqa: ARG005
    release(force=True)
    library.set_num_threads(number)
    release(force=True)
