"""How many files hold the spectra of a plan, and how large they are: for estimates."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from survey_batch.archive.sources import mean_size
from survey_batch.archive.spellings import spellings
from survey_batch.core.errors import ObjectError
from survey_batch.planning.stored import to_numpy
from survey_batch.spectra.reader import Row

ROWS_SEEN = 1 << 16
"""Rows of a plan that are looked at; a plan that has no more is counted exactly."""
WINDOWS = 64
"""Places of a longer plan, evenly spread, at which successive rows are looked at."""
FILES_SEEN = 3
"""Files of a folder whose sizes are read."""


@dataclass(frozen=True)
class Files:
    """The files of a plan.

    Attributes
    ----------
    number : int
        How many there are; an estimate if the plan is long.
    some : tuple of str
        Paths of a few of them below the archive's root.
    """

    number: int
    some: tuple[str, ...] = ()

    def mean_bytes(self, root: str) -> int | None:
        """Return the mean size of a few of them, in bytes; None if the archive is no folder, or has none of them."""
        return mean_size(root, map(spellings, self.some))


def count_files(objects: pa.Table, path: Callable[[Row], str]) -> Files:
    """Count the files that hold the usable objects of a plan, in which objects of one file are neighbours.

    Parameters
    ----------
    objects
        The plan's.
    path
        Returns the path of an object's file. If it raises an `ObjectError`, the object has no file.
    """
    windows = [_paths(objects.slice(start, count), path) for start, count in _windows(objects.num_rows)]
    distinct = list(dict.fromkeys(name for names in windows for name in names if name))
    if not distinct:
        return Files(0)
    some = tuple(distinct[index] for index in np.unique(np.linspace(0, len(distinct) - 1, FILES_SEEN).astype(int)))
    if len(windows) == 1:
        return Files(len(distinct), some)
    new = sum(bool(there) and there != before for names in windows for before, there in pairwise(names))
    pairs = sum(len(names) - 1 for names in windows)
    return Files(max(len(distinct), round(objects.num_rows * new / pairs)), some)


def _windows(rows: int) -> Iterator[tuple[int, int]]:
    """Yield where to look, and at how many rows."""
    if rows <= ROWS_SEEN:
        yield 0, rows
        return
    count = ROWS_SEEN // WINDOWS
    for start in np.linspace(0, rows - count, WINDOWS).astype(int).tolist():
        yield start, count


def _paths(objects: pa.Table, path: Callable[[Row], str]) -> list[str]:
    """Return the path of each object's file, "" for an object that has none."""
    columns = {name: to_numpy(objects[name]) for name in objects.column_names}
    rows = (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))
    return ["" if row["problem"] else _path(row, path) for row in rows]


def _path(row: Row, path: Callable[[Row], str]) -> str:
    try:
        return path(row)
    except ObjectError:
        return ""
