"""Split into training, validation and test: by star, stratified by class, and independent of the order of the rows."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.gather import room
from survey_batch.catalog.groups import merge_groups, share_out
from survey_batch.catalog.hashing import hashes
from survey_batch.catalog.rows import Codes, chosen_rows, number_type, order_by, rows_of_each, spans, taken
from survey_batch.catalog.stars import Neighbours, both_known, find_neighbours
from survey_batch.catalog.texts import Texts as LongTexts
from survey_batch.catalog.texts import filtered, smallest_of_each, take_rows
from survey_batch.config.job import SplitSection

Texts = npt.NDArray[np.object_]
SPLITS = ("train", "validation", "test")


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
    group: Codes


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
    object_id: LongTexts,
    ra: npt.NDArray[np.float64],
    dec: npt.NDArray[np.float64],
    label: Codes,
    section: SplitSection,
    cell: Codes | None = None,
    neighbours: Neighbours | None = None,
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
    neighbours
        Which rows are near each other, if that is known.
    """
    takes_part = both_known(ra, dec)
    takes_part &= label >= 0
    if takes_part.all() and len(label):
        near = neighbours or find_neighbours(ra, dec, section.radius_arcsec)
        return _split_all(object_id, near, label, section, cell)
    choice = np.full(len(label), -1, dtype=np.int8)
    group = room(len(label), number_type(len(label)))
    group[:] = -1
    rows = chosen_rows(takes_part)
    if rows.size:
        cells = None if cell is None else taken(cell, rows)
        names = filtered(object_id, takes_part)
        if neighbours is None:
            near = find_neighbours(taken(ra, rows), taken(dec, rows), section.radius_arcsec)
        else:
            near = neighbours.kept(takes_part)
        found = _split_all(names, near, taken(label, rows), section, cells)
        for part in spans(len(rows)):
            choice[rows[part]], group[rows[part]] = found.choice[part], found.group[part]
    return Split(choice, group)


def _split_all(
    object_id: LongTexts,
    neighbours: Neighbours,
    label: Codes,
    section: SplitSection,
    cell: Codes | None,
) -> Split:
    """Split rows that all take part."""
    star = neighbours.stars(section.radius_arcsec)
    group = star if cell is None else merge_groups(star, cell)
    first = smallest_of_each(group, object_id)
    order = order_by(_hashes_of(object_id, group, first, section.seed))
    if cell is not None:
        choice = share_out(group, label, order, np.array([section.train, section.validation, section.test]))
    else:
        choice = _cut(order, taken(label, first), rows_of_each(group), section)
    return Split(taken(choice.astype(np.int8), group), group)


def _hashes_of(object_id: LongTexts, group: Codes, first: Codes, seed: int) -> npt.NDArray[np.uint64]:
    """Hash the id of each group's first row, in the order of the rows."""
    found = room(len(first), np.uint64)
    for part in spans(len(group)):
        groups = group[part]
        rows = np.flatnonzero(first[groups] == np.arange(part.start, part.stop))
        found[groups[rows]] = hashes(take_rows(object_id, rows + part.start), seed)
    return found


def _cut(
    order: Codes,
    label: Codes,
    size: Codes,
    section: SplitSection,
) -> Codes:
    """Return the split number of each star, by where the middle of its rows falls in its class."""
    shares = np.cumsum([section.train, section.validation, section.test])
    edges = shares[:2] / shares[2]
    choice = np.empty(len(order), dtype=np.int8)
    rows = np.zeros(int(label.max(initial=-1)) + 1)
    for part in spans(len(label)):
        rows += np.bincount(label[part], weights=size[part], minlength=len(rows))
    before = np.zeros(len(rows))
    for part in spans(len(order)):
        stars = order[part]
        kinds = label[stars]
        for number in np.unique(kinds):
            mine = stars[kinds == number]
            ends = before[number] + np.cumsum(size[mine])
            choice[mine] = np.searchsorted(edges, (ends - size[mine] / 2) / rows[number], side="right")
            before[number] = ends[-1]
    return choice
