"""Rows that show the same star: those within a radius of each other, directly or through others."""

from dataclasses import dataclass

import numpy as np

from survey_batch.catalog.gather import room
from survey_batch.catalog.rows import Codes, chosen_rows, count_up, marks_before, number_type, order_by, spans, taken
from survey_batch.core.arrays import F8, Flags
from survey_batch.core.cores import do_on_cores, on_cores
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
    return find_neighbours(ra, dec, radius_arcsec).stars(radius_arcsec)


@dataclass(frozen=True)
class Neighbours:
    """The rows that have a position, in the order of declination (then right ascension), and which of them are near.

    Attributes
    ----------
    known
        (rows,) Whether each row has a position.
    order
        (n,) Row at each place of the order.
    position
        (n,) Number of each place's position, from 0 up in the order; rows at exactly one position share it.
    pairs
        (pairs, 2) Positions that are near each other.
    apart
        (pairs,) Square of the chord between them.
    """

    known: Flags
    order: Codes
    position: Codes
    pairs: Codes
    apart: F8

    def stars(self, radius_arcsec: float) -> Codes:
        """Number the stars as `group_by_star`, with a radius up to that within which neighbours were sought."""
        first = self._first_of_each(chord(radius_arcsec / 3600) ** 2)
        leads = room(len(first), bool)
        for part in spans(len(first)):
            leads[part] = first[part] == count_up(part, first.dtype)
        number, star = taken(marks_before(leads), first), room(len(self.known), number_type(len(self.known)))

        def put(part: slice) -> None:
            star[self.order[part]] = number[self.position[part]]

        do_on_cores(put, spans(len(self.order)))
        count = int(np.count_nonzero(leads))
        for part in spans(len(star)):
            lone = np.flatnonzero(~self.known[part])
            star[part][lone] = np.arange(count, count + len(lone))
            count += len(lone)
        return star

    def _first_of_each(self, apart: float) -> Codes:
        """Return, for each position, the first of those that are linked to it by pairs no farther apart than this."""
        count = int(self.position[-1]) + 1 if len(self.position) else 0
        first = room(count, self.position.dtype)
        for part in spans(count):
            first[part] = count_up(part, first.dtype)
        if len(pairs := self.pairs[self.apart <= apart]):
            from scipy.sparse import coo_array  # few jobs look for stars, and each would wait for this
            from scipy.sparse.csgraph import connected_components

            nodes, node = np.unique(pairs, return_inverse=True)
            node = node.reshape(pairs.shape)
            links = coo_array((np.ones(len(node), bool), node.T), shape=(len(nodes), len(nodes)))
            component = connected_components(links, directed=False)[1]
            first[nodes] = nodes[np.unique(component, return_index=True)[1]][component]
        return first

    def kept(self, chosen: Flags) -> "Neighbours":
        """Return what is left if only the chosen rows are kept, (rows,)."""
        places = chosen_rows(taken(chosen, self.order))
        was = taken(self.position, places)
        new = _differs(was)
        left = was[chosen_rows(new)]
        at = np.searchsorted(left, self.pairs)
        there = (left[np.minimum(at, len(left) - 1)] == self.pairs).all(axis=1) if len(left) else np.zeros(0, np.intp)
        order = taken(marks_before(chosen), taken(self.order, places))
        return Neighbours(self.known[chosen], order, marks_before(new), at[there].astype(was.dtype), self.apart[there])


def find_neighbours(ra: F8, dec: F8, radius_arcsec: float) -> Neighbours:
    """Find the pairs of rows within a radius of each other; parameters as of `group_by_star`."""
    known = both_known(ra, dec)
    if known.all():
        order = order_by(dec, ra)
    else:
        rows = chosen_rows(known)
        order = taken(rows, order_by(taken(dec, rows), taken(ra, rows)))
    new = room(len(order), bool)

    def find(begin: int) -> tuple[Codes, F8]:
        return _pairs(order, ra, dec, radius_arcsec, begin, new)

    found = list(on_cores(find, range(0, len(order), STRIP_ROWS)))
    position = marks_before(new)
    places = np.concatenate([np.empty((0, 2), np.intp), *(places for places, _ in found)])
    return Neighbours(known, order, position, position[places], np.concatenate([[], *(apart for _, apart in found)]))


def both_known(ra: F8, dec: F8) -> Flags:
    """Mark the rows that have a position."""
    known = np.empty(len(ra), bool)
    for part in spans(len(ra)):
        known[part] = np.isfinite(ra[part]) & np.isfinite(dec[part])
    return known


def _pairs(order: Codes, ra: F8, dec: F8, radius_arcsec: float, begin: int, new: Flags) -> tuple[Codes, F8]:
    """Find pairs of near positions, (n, 2) places in the order, the first of which is in a strip.

    The strip is searched with the rows beyond its end that can still be near it: two rows are at least as far apart as
    their declinations are. The rows of the strip whose position is not that of the row before are marked in `new`.

    Returns
    -------
    pairs : ndarray of int
    apart : ndarray
        Square of the chord between the two.
    """
    reach = radius_arcsec / 3600 * (1 + 1e-6) + 1e-9  # more than rounding takes away
    end = min(begin + STRIP_ROWS, len(order))
    beyond = _first_beyond(order, dec, end, dec[order[end - 1]] + reach)
    before = min(begin, 1)
    rows = order[begin - before : beyond]
    positions = np.column_stack([ra[rows], dec[rows]])
    differs = np.ones(len(rows), bool)
    differs[1:] = np.any(np.diff(positions, axis=0) != 0, axis=1)
    positions, differs = positions[before:], differs[before:]
    new[begin:end] = differs[: end - begin]
    places, most = np.flatnonzero(differs), chord(radius_arcsec / 3600)
    vectors = unit_vectors(*positions[places].T)
    from scipy.spatial import cKDTree  # as above

    tree = cKDTree(vectors, compact_nodes=False, balanced_tree=False)  # made in half the time, and asked once
    near = np.sort(tree.query_pairs(most, output_type="ndarray").reshape(-1, 2), axis=1)
    near = near[places[near[:, 0]] < end - begin]
    apart = np.sum((vectors[near[:, 0]] - vectors[near[:, 1]]) ** 2, axis=1)
    return places[near] + begin, np.minimum(apart, most**2)


def _differs(values: Codes) -> Flags:
    """Mark values that are not equal to the one before; the first is marked."""
    found = room(len(values), bool)
    for part in spans(len(values)):
        here = values[max(part.start - 1, 0) : part.stop]
        found[part.start] = True
        found[part.stop - len(here) + 1 : part.stop] = here[1:] != here[:-1]
    return found


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
