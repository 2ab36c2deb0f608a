"""Several parts of a product at a time where each waits for a server."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from survey_batch.core.paths import is_url

AT_A_TIME = 10
"""Most parts at a time, as many as botocore opens connections. Each holds its compressed values in memory."""

T = TypeVar("T")
R = TypeVar("R")


def together(output: str, work: Callable[[T], R], parts: Sequence[T]) -> list[R]:
    """Do some work on each part: at once if the output is in an object store, else in turn, as a disk does not wait.

    Parameters
    ----------
    output
        Folder or URL of the products.
    work
        Reads or writes through Zarr alone: fsspec would open connections for each thread.
    parts
        What it is called with.

    Returns
    -------
    list
        What it returned, in the order of the parts. An error is raised when all have ended.
    """
    if not is_url(output) or len(parts) < 2:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(min(AT_A_TIME, len(parts))) as pool:
        return list(pool.map(work, parts))
