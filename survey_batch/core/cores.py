"""Independent pieces of work on the cores that this process may use: buckets of rows, slices of columns, small files.

numpy, scipy's trees, pyarrow and reads of files let other threads run meanwhile. What is made does not depend on the
number of threads: pieces come back in order.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

MOST = 4
"""Pieces in work at once, whatever the number of cores: each takes memory, and the disk serves no more."""

Piece = TypeVar("Piece")
Made = TypeVar("Made")


def cores() -> int:
    """Return how many pieces are worked on at once."""
    allowed = getattr(os, "sched_getaffinity", None)  # macOS has none
    return min(len(allowed(0)) if allowed else os.cpu_count() or 1, MOST)


def on_cores(work: Callable[[Piece], Made], pieces: Iterable[Piece]) -> Iterator[Made]:
    """Do some work on each piece in threads, and yield what it makes in the order of the pieces.

    Parameters
    ----------
    work
        What is done with a piece. It changes nothing that other pieces read or change.
    pieces
        They are asked for in the caller's thread, and no further ahead than there are threads.

    Raises
    ------
    Exception
        What the work on a piece raises, when its turn comes; later pieces are then not begun.
    """
    threads = cores()
    if threads == 1:
        yield from map(work, pieces)
        return
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(threads, "survey-batch-cores") as pool:
        try:
            for piece in pieces:
                waiting.append(pool.submit(work, piece))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def do_on_cores(work: Callable[[Piece], None], pieces: Iterable[Piece]) -> None:
    """Do some work on each piece, which makes nothing but changes; parameters and errors as of `on_cores`."""
    for _ in on_cores(work, pieces):
        pass
