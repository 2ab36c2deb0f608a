"""Groups that must not be divided between training and test: fields, plans, cells of sky, and stars across them."""

from collections.abc import Sequence
from itertools import islice

import numpy as np

from survey_batch.catalog.gather import room
from survey_batch.catalog.rows import (
    Codes,
    chosen_rows,
    copied,
    distinct,
    in_company,
    inverse_of,
    places_among,
    spans,
    taken,
)
from survey_batch.core.arrays import F8, I8

MOST = 2.0**62
"""Keys with fewer combinations than this fit into 64 bits."""


def number_groups(*keys: Codes) -> Codes:
    """Number the distinct combinations of keys, each (n,), in the order of their values."""
    if (packed := _packed(keys)) is None:
        return _numbered(keys)
    ordered = copied(packed)
    ordered.sort()
    return places_among(packed, distinct(ordered)[0])


def as_one_key(*keys: Codes) -> Codes:
    """Return numbers in the order of several keys, each (n,): of the first, where that is equal of the next."""
    packed = _packed(keys)
    return _numbered(keys) if packed is None else packed


def _numbered(keys: Sequence[Codes]) -> Codes:
    """Number the distinct combinations in memory."""
    order = np.lexsort(keys[::-1])
    new = np.zeros(len(order), bool)
    for key in keys:
        new[1:] |= np.diff(key[order]) != 0
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.cumsum(new)
    return number


def _packed(keys: Sequence[Codes]) -> I8 | None:
    """Put whole numbers together into one of 64 bits, which has their order; None if it does not hold them."""
    if not len(keys[0]) or not all(np.can_cast(key.dtype, np.int64) for key in keys):
        return None
    bounds = [(int(key.min()), int(key.max())) for key in keys]
    if np.prod([high - low + 1.0 for low, high in bounds]) >= MOST:
        return None
    packed = room(len(keys[0]), np.int64)
    packed[:] = 0
    for key, (low, high) in zip(keys, bounds, strict=True):
        packed *= high - low + 1
        packed += key
        packed -= low
    return packed


def sky_cells(ra: F8, dec: F8, degrees: float) -> Codes:
    """Number the cells of sky: zones in declination, each cut into cells about as wide as they are high.

    Parameters
    ----------
    ra, dec
        Degrees, ICRS.
    degrees
        Height of a zone; the zone at the north pole may be lower. Cells of one zone have equal areas.

    Returns
    -------
    ndarray of int64
        Number of each row's cell; it does not depend on the other rows.
    """
    zones = int(np.ceil(180 / degrees))
    zone = np.clip(np.floor((dec + 90) / degrees), 0, zones - 1).astype(np.int64)
    middle = -90 + (np.arange(zones) + 0.5) * degrees
    cells = np.maximum(1, np.round(360 * np.cos(np.radians(np.minimum(middle, 90))) / degrees)).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(cells)[:-1]])
    along = np.floor(ra % 360 / 360 * cells[zone]).astype(np.int64)
    return np.asarray(first[zone] + np.minimum(along, cells[zone] - 1))


def merge_groups(one: Codes, other: Codes) -> Codes:
    """Join groups that share a row under either numbering, directly or through others, and number them from 0.

    A star that lies in two overlapping fields joins them into one group. Groups are numbered by the smallest number
    under the first numbering.
    """
    from scipy.sparse import coo_array  # few jobs join groups, and each would wait for these two
    from scipy.sparse.csgraph import connected_components

    several = chosen_rows(in_company(one))
    several = several[np.argsort(one[several], kind="stable")]
    linked = np.flatnonzero(one[several[1:]] == one[several[:-1]])
    ends = other[several[linked]], other[several[linked + 1]]
    nodes = int(other.max(initial=-1)) + 1
    links = coo_array((np.ones(len(linked), bool), ends), shape=(nodes, nodes))
    component = connected_components(links, directed=False)[1]
    smallest = np.full(nodes, np.iinfo(one.dtype).max, one.dtype)
    for part in spans(len(other)):
        np.minimum.at(smallest, component[other[part]], one[part])
    return taken(inverse_of(np.argsort(smallest, kind="stable"))[component], other)


def share_out(group: Codes, label: Codes, order: Codes, shares: F8) -> Codes:
    """Give each group to a split, so that each class comes as near to its shares as possible.

    Groups are taken in the order given. Each goes to the split that makes Pearson's chi-squared smallest, the sum over
    its classes of (rows - wanted)^2 / wanted. A second round lets each group move. The choice is greedy, so the shares
    that it reaches must be checked.

    Parameters
    ----------
    group, label
        (n,) Group and class of each row, numbered from 0.
    order
        (groups,) Order in which groups are assigned.
    shares
        (splits,) Sum to 1; a split whose share is 0 gets nothing.

    Returns
    -------
    ndarray of int64
        (groups,) Number of the split.
    """
    open_splits = np.flatnonzero(shares > 0)
    share = shares[open_splits].tolist()
    classes, count, start = _counts(group, label)
    part = count / np.bincount(classes, weights=count)[classes]
    filled = [[0.0] * (int(label.max()) + 1) for _ in share]  # by split and class, relative to what is wanted
    choice = np.full(len(order), -1, dtype=np.int8)
    for span in (*spans(len(order)), *spans(len(order))):
        numbers = order[span]
        here, ends = _runs(start[numbers], start[numbers + 1])
        rows = zip(classes[here].tolist(), count[here].tolist(), part[here].tolist(), strict=True)
        chosen, begin = choice[numbers].tolist(), 0
        for index, end in enumerate(ends.tolist()):
            mine, begin = list(islice(rows, end - begin)), end
            chosen[index] = _nearest(mine, share, filled, chosen[index])
        choice[numbers] = chosen
    return open_splits[choice]


def _nearest(
    mine: Sequence[tuple[int, int, float]], share: Sequence[float], filled: Sequence[list[float]], before: int
) -> int:
    """Move a group, of classes with their rows and their parts of all, to the split that it suits best.

    Groups are small and many: numpy would take five times as long.
    """
    if before >= 0:
        for kind, _, part in mine:
            filled[before][kind] -= part / share[before]
    costs = []
    for own, there in zip(share, filled, strict=True):
        cost = 0.0
        for kind, rows, part in mine:
            cost += rows * (part / own + 2 * there[kind])
        costs.append(cost)
    chosen = costs.index(min(costs))
    for kind, _, part in mine:
        filled[chosen][kind] += part / share[chosen]
    return chosen


def _runs(begin: Codes, end: Codes) -> tuple[Codes, Codes]:
    """Return the places of runs, one run after the other, and where each ends among them."""
    length = end - begin
    ends = np.cumsum(length)
    return np.arange(int(length.sum())) + np.repeat(begin - ends + length, length), ends


def _counts(group: Codes, label: Codes) -> tuple[Codes, Codes, Codes]:
    """Count rows by class in each group: classes and counts, group after group, and where each group starts."""
    kinds = int(label.max(initial=0)) + 1
    pair = room(len(group), np.int64)
    for part in spans(len(group)):
        pair[part] = group[part].astype(np.int64) * kinds + label[part]
    pair.sort()
    values, first = distinct(pair)
    owner, classes = np.divmod(values, kinds)
    count = np.diff(first, append=len(pair))
    return classes, count, np.searchsorted(owner, np.arange(int(group.max(initial=-1)) + 2))
