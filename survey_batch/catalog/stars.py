"""Rows that show the same star: those within a radius of each other, directly or through others."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from survey_batch.catalog.groups import Codes, count_up
from survey_batch.core.arrays import F8, I8
from survey_batch.core.sphere import chord, unit_vectors

STRIP_ROWS = 1 << 18
"""Positions searched at a time, in the order of declination: a tree of all would take some hundred bytes a row."""


def group_by_star(ra: F8, dec: F8, radius_arcsec: float) -> Codes:
    """Number the stars: rows closer than the radius, directly or through others, share a number.

    Parameters
    ----------
    ra, dec
        Degrees; a row without a position (NaN) is a star of its own.
    radius_arcsec
        Greatest separation of two visits of one star.

    Returns
    -------
    ndarray of integers
        Star of each row, numbered from 0 by the least declination (then right ascension) of its rows.
    """
    known = np.isfinite(ra) & np.isfinite(dec)
    if known.all():
        order = _by_declination(ra, dec)
    else:
        rows = np.flatnonzero(known)
        order = rows[_by_declination(ra[rows], dec[rows])]
    number, count = _linked(order, ra, dec, radius_arcsec)
    star = np.empty(len(ra), number.dtype)
    star[order] = number
    star[~known] = count + np.arange(len(ra) - len(order))
    return star


def _by_declination(ra: F8, dec: F8) -> I8:
    """Sort by declination, then right ascension; numpy sorts by one key ten times as fast as by two."""
    order = np.argsort(dec)
    same = np.zeros(len(order), bool)
    ordered = dec[order]
    np.equal(ordered[1:], ordered[:-1], out=same[1:])
    del ordered
    same[:-1] |= same[1:]
    ties = np.flatnonzero(same)
    rows = order[ties]
    order[ties] = rows[np.lexsort((ra[rows], dec[rows]))]
    return order


def _linked(order: I8, ra: F8, dec: F8, radius_arcsec: float) -> tuple[Codes, int]:
    """Number the connected components of rows in the order of declination; return also how many there are."""
    first = count_up(len(order))  # of each row, the first row of its component
    pairs = list(_pairs(order, ra, dec, radius_arcsec, first.dtype))
    if pairs:
        ends = np.concatenate(pairs)
        nodes, node = np.unique(ends, return_inverse=True)
        node = node.reshape(ends.shape)
        links = coo_array((np.ones(len(node), bool), node.T), shape=(len(nodes), len(nodes)))
        component = connected_components(links, directed=False)[1]
        first[nodes] = nodes[np.unique(component, return_index=True)[1]][component]
    number = np.cumsum(first == count_up(len(order)), dtype=first.dtype)
    number -= 1
    return number[first], int(number[-1]) + 1 if len(number) else 0


def _pairs(order: I8, ra: F8, dec: F8, radius_arcsec: float, small: "np.dtype[Any]") -> Iterator[Codes]:
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
