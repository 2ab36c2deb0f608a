"""Rows that show the same star: those within a radius of each other, directly or through others."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from survey_batch.core.arrays import F8, I8
from survey_batch.core.sphere import chord, unit_vectors

STRIP_ROWS = 1 << 18
"""Positions searched at a time, in the order of declination: a tree of all would take some hundred bytes a row."""

Index = npt.NDArray[np.int32] | npt.NDArray[np.int64]


def group_by_star(ra: F8, dec: F8, radius_arcsec: float) -> I8:
    """Number the stars: rows closer than the radius, directly or through others, share a number.

    Parameters
    ----------
    ra, dec
        Degrees; a row without a position (NaN) is a star of its own.
    radius_arcsec
        Greatest separation of two visits of one star.

    Returns
    -------
    ndarray of int64
        Star of each row, numbered from 0 by the least declination (then right ascension) of its rows.
    """
    known = np.isfinite(ra) & np.isfinite(dec)
    star = np.empty(len(ra), dtype=np.int64)
    if known.all():
        order = np.lexsort((ra, dec))
    else:
        rows = np.flatnonzero(known)
        order = rows[np.lexsort((ra[rows], dec[rows]))]
    number, count = _linked(order, ra, dec, radius_arcsec)
    star[order] = number
    star[~known] = count + np.arange(len(ra) - len(order))
    return star


def _linked(order: I8, ra: F8, dec: F8, radius_arcsec: float) -> tuple[Index, int]:
    """Number the connected components of rows in the order of declination; return also how many there are."""
    small = np.int32 if len(order) < np.iinfo(np.int32).max else np.int64
    first = np.arange(len(order), dtype=small)  # of each row, the first row of its component
    pairs = list(_pairs(order, ra, dec, radius_arcsec, small))
    if pairs:
        ends = np.concatenate(pairs)
        nodes, node = np.unique(ends, return_inverse=True)
        node = node.reshape(ends.shape)
        links = coo_array((np.ones(len(node), bool), node.T), shape=(len(nodes), len(nodes)))
        component = connected_components(links, directed=False)[1]
        first[nodes] = nodes[np.unique(component, return_index=True)[1]][component]
    number = np.cumsum(first == np.arange(len(order), dtype=small), dtype=small) - small(1)
    return number[first], int(number[-1]) + 1 if len(number) else 0


def _pairs(order: I8, ra: F8, dec: F8, radius_arcsec: float, small: type) -> Iterator[npt.NDArray[np.integer]]:
    """Yield pairs of neighbours, (n, 2) places in the order; those at exactly one position are linked in a row.

    Each strip is searched with the rows beyond its end that can still be near it: two rows are at least as far apart as
    their declinations are.
    """
    reach = radius_arcsec / 3600 * (1 + 1e-6) + 1e-9  # more than rounding takes away
    for begin in range(0, len(order), STRIP_ROWS):
        end = min(begin + STRIP_ROWS, len(order))
        beyond = _first_beyond(order, dec, end, dec[order[end - 1]] + reach)
        rows = order[begin:beyond]
        positions = np.column_stack([ra[rows], dec[rows]])
        new = np.ones(len(rows), bool)
        new[1:] = np.any(np.diff(positions, axis=0) != 0, axis=1)
        same = np.flatnonzero(~new)
        places = np.flatnonzero(new)
        near = cKDTree(unit_vectors(*positions[places].T)).query_pairs(
            chord(radius_arcsec / 3600), output_type="ndarray"
        )
        near = places[near.reshape(-1, 2)]
        found = np.concatenate([np.column_stack([same - 1, same]), near[near.min(axis=1) < end - begin]])
        if len(found):
            yield (found + begin).astype(small)


def _first_beyond(order: I8, dec: F8, begin: int, limit: float) -> int:
    """Return the first place from `begin` on whose declination is above a limit."""
    end = begin
    while end < len(order):
        part = dec[order[end : end + STRIP_ROWS]]
        inside = int(np.searchsorted(part, limit, side="right"))
        end += inside
        if inside < len(part):
            break
    return end
