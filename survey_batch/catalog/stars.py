"""Rows that show the same star: those within a radius of each other, directly or through others."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from survey_batch.catalog.gather import room
from survey_batch.catalog.rows import Codes, chosen_rows, count_up, number_type, order_by, spans, taken
from survey_batch.core.arrays import F8, Flags
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
    known = both_known(ra, dec)
    if known.all():
        order = order_by(dec, ra)
    else:
        rows = chosen_rows(known)
        order = taken(rows, order_by(taken(dec, rows), taken(ra, rows)))
    number, count = _linked(order, ra, dec, radius_arcsec)
    star = room(len(ra), number.dtype)
    for part in spans(len(order)):
        star[order[part]] = number[part]
    for part in spans(len(star)):
        lone = np.flatnonzero(~known[part])
        star[part][lone] = np.arange(count, count + len(lone))
        count += len(lone)
    return star


def both_known(ra: F8, dec: F8) -> Flags:
    """Mark the rows that have a position."""
    known = np.empty(len(ra), bool)
    for part in spans(len(ra)):
        known[part] = np.isfinite(ra[part]) & np.isfinite(dec[part])
    return known


def _linked(order: Codes, ra: F8, dec: F8, radius_arcsec: float) -> tuple[Codes, int]:
    """Number the connected components of rows in the order of declination; return also how many there are."""
    from scipy.sparse import coo_array  # few jobs look for stars, and each would wait half a second for these
    from scipy.sparse.csgraph import connected_components

    first = room(len(order), number_type(len(order)))  # of each row, the first row of its component
    for part in spans(len(order)):
        first[part] = count_up(part, first.dtype)
    pairs = list(_pairs(order, ra, dec, radius_arcsec, first.dtype))
    if pairs:
        ends = np.concatenate(pairs)
        nodes, node = np.unique(ends, return_inverse=True)
        node = node.reshape(ends.shape)
        links = coo_array((np.ones(len(node), bool), node.T), shape=(len(nodes), len(nodes)))
        component = connected_components(links, directed=False)[1]
        first[nodes] = nodes[np.unique(component, return_index=True)[1]][component]
    number, count = room(len(order), first.dtype), 0
    for part in spans(len(order)):
        leads = first[part] == count_up(part, first.dtype)
        number[part] = count - 1 + np.cumsum(leads)
        count += int(np.count_nonzero(leads))
    return taken(number, first), count


def _pairs(order: Codes, ra: F8, dec: F8, radius_arcsec: float, small: "np.dtype[Any]") -> Iterator[Codes]:
    """Yield pairs of neighbours, (n, 2) places in the order; those at exactly one position are linked in a row.

    Each strip is searched with the rows beyond its end that can still be near it: two rows are at least as far apart as
    their declinations are.
    """
    from scipy.spatial import cKDTree  # as above

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


def _first_beyond(order: Codes, dec: F8, begin: int, limit: float) -> int:
    """Return the first place from `begin` on whose declination is above a limit."""
    end = begin
    while end < len(order):
        part = dec[order[end : end + STRIP_ROWS]]
        inside = int(np.searchsorted(part, limit, side="right"))
        end += inside
        if inside < len(part):
            break
    return end
