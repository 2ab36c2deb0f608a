"""Split into training, validation and test: by star, stratified by class, and independent of the order of the rows."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from survey_batch.catalog.groups import merge_groups, share_out
from survey_batch.catalog.hashing import hashes
from survey_batch.config.job import SplitSection
from survey_batch.core.sphere import chord, unit_vectors

Texts = npt.NDArray[np.object_]
SPLITS = ("train", "validation", "test")


def group_by_star(
    ra: npt.NDArray[np.float64], dec: npt.NDArray[np.float64], radius_arcsec: float
) -> npt.NDArray[np.int64]:
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
        Star of each row, numbered from 0.
    """
    known = np.isfinite(ra) & np.isfinite(dec)
    star = np.empty(len(ra), dtype=np.int64)
    # Visits at exactly the same position are joined first, because the number of pairs grows as their square.
    positions, position_of = _distinct(np.column_stack([ra[known], dec[known]]))
    star[known] = _linked(positions, radius_arcsec)[position_of]
    star[~known] = len(positions) + np.arange(np.sum(~known))
    return np.unique(star, return_inverse=True)[1].astype(np.int64)


def _distinct(points: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return the distinct rows, and the index of each row among them."""
    order = np.lexsort(points.T)
    new = np.ones(len(points), bool)
    new[1:] = np.any(np.diff(points[order], axis=0) != 0, axis=1)
    which = np.empty(len(points), dtype=np.int64)
    which[order] = np.cumsum(new) - 1
    return points[order[new]], which


def _linked(positions: npt.NDArray[np.float64], radius_arcsec: float) -> npt.NDArray[np.int64]:
    """Return the connected components of positions closer than the radius."""
    if len(positions) == 0:
        return np.empty(0, dtype=np.int64)
    pairs = cKDTree(unit_vectors(*positions.T)).query_pairs(chord(radius_arcsec / 3600), output_type="ndarray")
    links = coo_array((np.ones(len(pairs), bool), pairs.T), shape=(len(positions), len(positions)))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


@dataclass(frozen=True)
class Split:
    """The split of each row, and the groups that were kept together.

    Attributes
    ----------
    choice
        (n,) Index in `SPLITS`; -1 for rows that take no part.
    group
        (n,) Group number; rows of a group share a split. -1 for rows that take no part.
    """

    choice: npt.NDArray[np.int8]
    group: npt.NDArray[np.int64]


def assign_splits(
    object_id: Texts,
    ra: npt.NDArray[np.float64],
    dec: npt.NDArray[np.float64],
    label: Texts,
    section: SplitSection,
    cell: npt.NDArray[np.int64] | None = None,
) -> Texts:
    """Assign each star, with all its rows, to training, validation or test; see `split_rows`.

    Parameters
    ----------
    object_id, label
        Text; a row whose label is "" takes no part.
    ra, dec
        Degrees; a row without a position takes no part.
    section
        Shares, linking radius and seed.
    cell
        Further groups that must stay together (fields, plans or cells of sky), numbered from 0.

    Returns
    -------
    ndarray of str
        `train`, `validation`, `test`, or "" for rows that take no part.
    """
    names = pa.array(object_id, pa.string())
    kind = pc.dictionary_encode(pa.array(label, pa.string()))
    code = np.asarray(kind.indices, dtype=np.int64)
    has_label = np.array([name != "" for name in kind.dictionary.to_pylist()], bool)[code]
    split = split_rows(names, ra, dec, np.where(has_label, code, -1), section, cell)
    return np.array([*SPLITS, ""], dtype=object)[split.choice]


def split_rows(
    object_id: pa.Array,
    ra: npt.NDArray[np.float64],
    dec: npt.NDArray[np.float64],
    label: npt.NDArray[np.int64],
    section: SplitSection,
    cell: npt.NDArray[np.int64] | None = None,
) -> Split:
    """Split rows so that no group is in two splits.

    Groups are ordered by a hash of their smallest object_id and the seed. Without cells, groups are stars. A star has
    the class of its smallest object_id. The stars of a class are cut by cumulative share of rows, so that each class
    keeps its shares to within half of its largest star. With cells, a group is a cell, joined with other cells that
    share a star with it. Such a group may hold several classes, and goes to the split that brings these nearest to
    their shares.

    Parameters
    ----------
    object_id
        Text.
    ra, dec
        Degrees; a row without a position takes no part.
    label
        Class number; a row with -1 takes no part.
    section
        Shares, linking radius and seed.
    cell
        Cell number of each row.
    """
    part = np.flatnonzero((label >= 0) & np.isfinite(ra) & np.isfinite(dec))
    choice = np.full(len(label), -1, dtype=np.int8)
    group = np.full(len(label), -1, dtype=np.int64)
    if part.size == 0:
        return Split(choice, group)
    mine = group_by_star(ra[part], dec[part], section.radius_arcsec)
    if cell is not None:
        mine = merge_groups(mine, cell[part])
    names = object_id.take(pa.array(part))
    first = _smallest_of_each(mine, names)
    order = np.argsort(hashes(names.take(pa.array(first)), section.seed), kind="stable")
    if cell is None:
        chosen = _cut(order, label[part][first], np.bincount(mine), section)
    else:
        chosen = share_out(mine, label[part], order, np.array([section.train, section.validation, section.test]))
    choice[part] = chosen[mine]
    group[part] = mine
    return Split(choice, group)


def _smallest_of_each(star: npt.NDArray[np.int64], object_id: pa.Array) -> npt.NDArray[np.int64]:
    """Return the row with the smallest object_id of each star."""
    rank = pc.rank(object_id, tiebreaker="dense").to_numpy()
    order = np.lexsort((rank, star))
    return order[np.unique(star[order], return_index=True)[1]]


def _cut(
    order: npt.NDArray[np.int64],
    label: npt.NDArray[np.int64],
    size: npt.NDArray[np.int64],
    section: SplitSection,
) -> npt.NDArray[np.int64]:
    """Return the split number of each star, by where the middle of its rows falls in its class."""
    shares = np.cumsum([section.train, section.validation, section.test])
    edges = shares[:2] / shares[2]
    choice = np.empty(len(order), dtype=np.int64)
    for number in np.unique(label):
        mine = order[label[order] == number]
        middle = np.cumsum(size[mine]) - size[mine] / 2
        choice[mine] = np.searchsorted(edges, middle / np.sum(size[mine]), side="right")
    return choice
