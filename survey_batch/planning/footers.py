"""The footers of the stored plan's files, which each process reads once: where rows are, and between which values."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from survey_batch.core.paths import is_url
from survey_batch.store.schema import Array
from survey_batch.store.small_files import DamagedFileError, opened_table, read_row_group


class _File(NamedTuple):
    """A file of the plan, and what tells one state of a local one from another.

    To ask an object store for as much would cost a request for each shard.
    """

    path: str
    stamp: tuple[int, ...] = ()


def _as_it_is(path: str) -> _File:
    if is_url(path):
        return _File(path)
    about = Path(path).stat()
    return _File(path, (about.st_ino, about.st_mtime_ns, about.st_size))


def forget_plan() -> None:
    """Forget what this process keeps of stored plans; each one that read them needs this after one is stored anew."""
    _footer.cache_clear()
    _row_groups.cache_clear()


def footer_of(path: str) -> pq.FileMetaData:
    """Return the footer of a file of the plan, which this process keeps; raise errors as `opened_table` does."""
    return _footer(_as_it_is(path))


def read_group(path: str, number: int) -> pa.Table:
    """Read one row group of a file of the plan.

    Raises
    ------
    DamagedFileError
        It cannot be read, or the plan has been stored anew and nobody told this process, which then reads it anew.
    """
    try:
        return read_row_group(path, footer_of(path), number)
    except DamagedFileError:
        forget_plan()
        raise


@lru_cache(maxsize=8)
def _footer(file: _File) -> pq.FileMetaData:
    with opened_table(file.path) as table:
        return table.metadata


@dataclass(frozen=True)
class RowGroups:
    """The row groups of successive files.

    Attributes
    ----------
    place : list of tuple of int
        For each group that has rows, its file and its number in that.
    first : ndarray of int64
        Index of its first row in all files.
    spans : list of tuple of ndarray, or None
        For each column, its smallest and its greatest value in each group; None if a file does not say.
    """

    place: Sequence[tuple[int, int]]
    first: npt.NDArray[np.int64]
    spans: Sequence[tuple[Array, Array] | None]

    def that_may_hold(self, values: Sequence[Any]) -> list[int]:
        """Return the groups in which a row with a value for each column may be."""
        if not self.place:  # there are no rows, and so no spans
            return []
        may = np.ones(len(self.place), bool)
        for span, value in zip(self.spans, values, strict=True):
            if span is not None:
                may &= (span[0] <= value) & (span[1] >= value)
        return np.flatnonzero(may).tolist()


def row_groups(paths: Sequence[str]) -> RowGroups:
    """Return the row groups of successive files with the same columns."""
    return _row_groups(tuple(map(_as_it_is, paths)))


@lru_cache(maxsize=2)
def _row_groups(files: tuple[_File, ...]) -> RowGroups:
    place, rows, statistics = [], [0], []
    for part, file in enumerate(files):
        with opened_table(file.path) as table:
            footer = table.metadata
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            if not group.num_rows:  # of a table without rows, from which nothing can be read
                continue
            place.append((part, number))
            rows.append(group.num_rows)
            statistics.append([group.column(column).statistics for column in range(group.num_columns)])
    return RowGroups(place, np.cumsum(rows[:-1]), [_span(column) for column in zip(*statistics, strict=True)])


def _span(statistics: Sequence[Any]) -> tuple[Array, Array] | None:
    if any(each is None or not each.has_min_max for each in statistics):
        return None
    return np.array([each.min for each in statistics]), np.array([each.max for each in statistics])
