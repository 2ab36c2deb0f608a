"""Long arrays of one value per row: they lie on the disk where they are too long, and are worked on a slice at a time.

Each function gives what numpy would, without its temporary arrays of all rows.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.catalog.gather import room
from survey_batch.core.arrays import I8, Flags
from survey_batch.core.cores import do_on_cores, on_cores

SLICE = 1 << 20
"""Rows worked on at a time."""

PER_BUCKET = 64
"""Rows that are looked at to find the bounds of a bucket."""

Array = npt.NDArray[Any]

Codes = npt.NDArray[np.integer]
"""Numbers of classes or groups, or of rows."""


def spans(rows: int) -> list[slice]:
    """Cut so many rows into slices."""
    return [slice(first, min(first + SLICE, rows)) for first in range(0, rows, SLICE)]


def number_type(count: int) -> "np.dtype[Any]":
    """Return 32-bit integers if these hold so many numbers, else 64-bit integers."""
    return np.dtype(np.int32 if count < np.iinfo(np.int32).max else np.int64)


def count_up(part: slice, kind: "np.dtype[Any]") -> Codes:
    """Return the numbers of a slice's rows."""
    return np.arange(part.start, part.stop, dtype=kind)


def copied(values: Array) -> Array:
    """Copy an array."""
    made = room(len(values), values.dtype)
    made[:] = values
    return made


def taken(values: Array, rows: Codes) -> Array:
    """Return `values[rows]`."""
    made = room(len(rows), values.dtype)

    def take(part: slice) -> None:
        made[part] = values[rows[part]]

    do_on_cores(take, spans(len(rows)))
    return made


def chosen_rows(chosen: Flags) -> Codes:
    """Return the numbers of chosen rows, in ascending order."""
    made, end = room(int(np.count_nonzero(chosen)), number_type(len(chosen))), 0
    for part in spans(len(chosen)):
        rows = np.flatnonzero(chosen[part])
        made[end : end + len(rows)] = rows + part.start
        end += len(rows)
    return made


def inverse_of(order: Codes) -> Codes:
    """Return the place of each row in an order of all rows."""
    place = room(len(order), number_type(len(order)))

    def put(part: slice) -> None:
        place[order[part]] = count_up(part, place.dtype)

    do_on_cores(put, spans(len(order)))
    return place


def places_among(values: Array, ordered: Array) -> Array:
    """Return what `searchsorted` gives; values in order are found ten times as fast as others."""
    found = room(len(values), number_type(len(ordered)))

    def find(part: slice) -> None:
        here = values[part]
        order = np.argsort(here)
        places = np.empty(len(here), found.dtype)
        places[order] = np.searchsorted(ordered, here[order])
        found[part] = places

    do_on_cores(find, spans(len(values)))
    return found


def marks_before(marks: Flags) -> Codes:
    """Number the marks: return how many there are before each place, or of a marked place its own number."""
    made, count = room(len(marks), number_type(len(marks))), -1
    for part in spans(len(marks)):
        made[part] = count + np.cumsum(marks[part])
        count += int(np.count_nonzero(marks[part]))
    return made


def put_first(first: Codes, group: Codes, rows: Codes | None = None) -> None:
    """Write the first row of each group into `first`. `group` describes `rows`; None is all rows, in their order."""
    for part in reversed(spans(len(group))):  # the last assignment stays: that of the first row
        here = count_up(part, first.dtype) if rows is None else rows[part]
        first[group[part][::-1]] = here[::-1]


def in_company(group: Codes) -> Flags:
    """Mark the rows whose group, numbered from 0, has other rows too; counting takes three times the memory."""
    groups = int(group.max(initial=-1)) + 1
    last = room(groups, number_type(len(group)))
    for part in spans(len(group)):
        last[group[part]] = count_up(part, last.dtype)  # the last assignment stays
    several = np.zeros(groups, bool)

    def mark(part: slice) -> None:
        here = group[part]
        several[here[last[here] != count_up(part, last.dtype)]] = True

    do_on_cores(mark, spans(len(group)))
    return taken(several, group)


def rows_of_each(group: Codes) -> I8:
    """Count the rows of each group; those of group -1 are in none."""
    count = np.zeros(int(group.max(initial=-1)) + 1, np.int64)
    for part in spans(len(group)):
        here = group[part]
        np.add.at(count, here[here >= 0], 1)
    return count


def distinct(ordered: Array) -> tuple[Array, I8]:
    """Return the distinct values of an array in ascending order, and the first place of each."""
    values, places = [ordered[:0]], [np.empty(0, np.int64)]
    for part in spans(len(ordered)):
        here = ordered[part]
        new = np.ones(len(here), bool)
        np.not_equal(here[1:], here[:-1], out=new[1:])
        new[0] = part.start == 0 or here[0] != ordered[part.start - 1]
        values.append(here[new])
        places.append(np.flatnonzero(new) + part.start)
    return np.concatenate(values), np.concatenate(places)


def order_by(key: Array, *ties: Array) -> Codes:
    """Return the rows in ascending order of a key; of equal ones by the next key, and at last by row.

    Parameters
    ----------
    key, ties
        (rows,) Numbers. NaN comes last.
    """
    order = room(len(key), number_type(len(key)))

    def sort(bucket: tuple[Codes, slice]) -> None:
        rows, where = bucket
        order[where] = rows[_sorted(key[rows], [tie[rows] for tie in ties])]

    do_on_cores(sort, _buckets(key))
    return order


def _sorted(key: Array, ties: list[Array]) -> Codes:
    """Sort in memory; numpy sorts by one key ten times as fast as by two."""
    order = np.argsort(key, kind="stable")
    if ties:
        same = np.zeros(len(order), bool)
        ordered = key[order]
        np.equal(ordered[1:], ordered[:-1], out=same[1:])
        same[:-1] |= same[1:]
        places = np.flatnonzero(same)
        rows = order[places]
        order[places] = rows[np.lexsort([*(tie[rows] for tie in reversed(ties)), key[rows]])]
    return order


def _buckets(key: Array) -> Iterator[tuple[Codes, slice]]:
    """Yield rows in buckets, in the order of their key, and the places of each bucket among all; rows ascend in it."""
    edges = _edges(key)

    def sizes_in(part: slice) -> I8:
        return np.bincount(np.searchsorted(edges, key[part], side="right"), minlength=len(edges) + 1)

    def rows_in(part: slice) -> tuple[Codes, I8]:
        bucket = np.searchsorted(edges, key[part], side="right").astype(np.min_scalar_type(len(edges)))
        return np.argsort(bucket, kind="stable") + part.start, np.bincount(bucket, minlength=len(edges) + 1)

    size = sum(on_cores(sizes_in, spans(len(key))), np.zeros(len(edges) + 1, np.int64))
    ends = np.cumsum([0, *size])
    fill = ends[:-1].copy()
    rows = room(len(key), number_type(len(key)))
    for ordered, here in on_cores(rows_in, spans(len(key))):
        for number, (begin, end) in enumerate(itertools.pairwise(np.cumsum([0, *here]))):
            rows[fill[number] : fill[number] + end - begin] = ordered[begin:end]
            fill[number] += end - begin
    for begin, end in itertools.pairwise(ends):
        yield rows[begin:end], slice(begin, end)


def _edges(key: Array) -> Array:
    """Choose values that cut the rows into buckets of about `SLICE`."""
    buckets = -(-len(key) // SLICE)
    seen = np.sort(key[:: max(1, len(key) // (PER_BUCKET * max(buckets, 1)))])
    edges = np.unique(seen[PER_BUCKET::PER_BUCKET])
    return edges[edges == edges] if buckets > 1 else seen[:0]  # NaN goes into the last bucket
