"""Training, validation and test: by star, stratified by class, and the same whatever the order of the rows."""

from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from survey_batch.job import SplitSection

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
    # Visits at one and the same position are joined first: the number of their pairs grows as the square.
    places, place_of = _distinct(np.column_stack([ra[known], dec[known]]))
    star[known] = _linked(places, radius_arcsec)[place_of]
    star[~known] = len(places) + np.arange(np.sum(~known))
    return np.unique(star, return_inverse=True)[1].astype(np.int64)


def _distinct(points: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return the distinct rows, and which of them each row is."""
    order = np.lexsort(points.T)
    new = np.ones(len(points), bool)
    new[1:] = np.any(np.diff(points[order], axis=0) != 0, axis=1)
    which = np.empty(len(points), dtype=np.int64)
    which[order] = np.cumsum(new) - 1
    return points[order[new]], which


def _linked(places: npt.NDArray[np.float64], radius_arcsec: float) -> npt.NDArray[np.int64]:
    """Connected components of positions nearer than the radius."""
    if len(places) == 0:
        return np.empty(0, dtype=np.int64)
    ra, dec = np.radians(places).T
    vectors = np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    chord = 2 * np.sin(np.radians(radius_arcsec / 3600) / 2)
    pairs = cKDTree(vectors).query_pairs(chord, output_type="ndarray")
    links = coo_array((np.ones(len(pairs), bool), pairs.T), shape=(len(places), len(places)))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def assign_splits(
    object_id: Texts,
    ra: npt.NDArray[np.float64],
    dec: npt.NDArray[np.float64],
    label: Texts,
    section: SplitSection,
) -> Texts:
    """Give each star, with all its rows, to training, validation or test.

    Stars of a class are put in the order of a hash of their smallest object_id and the seed, and cut by cumulative
    share of rows: each class keeps its shares to within half of its largest star. A star with several labels
    counts for the label of its smallest object_id.

    Parameters
    ----------
    object_id, label
        Text; a row whose label is "" takes no part.
    ra, dec
        Degrees; a row without a position takes no part.
    section
        Shares, linking radius and seed.

    Returns
    -------
    ndarray of str
        `train`, `validation`, `test`, or "" for rows that take no part.
    """
    part = np.flatnonzero((label != "") & np.isfinite(ra) & np.isfinite(dec))
    split = np.full(len(object_id), "", dtype=object)
    if part.size == 0:
        return split
    star = group_by_star(ra[part], dec[part], section.radius_arcsec)
    first = _smallest_of_each(star, object_id[part])
    size = np.bincount(star)
    order = _shuffle(object_id[part][first], section.seed)
    choice = _cut(order, label[part][first], size, section)
    split[part] = np.array(SPLITS, dtype=object)[choice[star]]
    return split


def _smallest_of_each(star: npt.NDArray[np.int64], object_id: Texts) -> npt.NDArray[np.int64]:
    """Row of the smallest object_id of each star."""
    rank = pc.rank(pa.array(object_id, pa.string()), tiebreaker="dense").to_numpy()
    order = np.lexsort((rank, star))
    return order[np.unique(star[order], return_index=True)[1]]


def _shuffle(keys: Texts, seed: int) -> npt.NDArray[np.int64]:
    """Order that depends on each key and the seed alone."""
    hashes = [blake2b(f"{seed}:{key}".encode(), digest_size=8).digest() for key in keys]
    return np.argsort(np.frombuffer(b"".join(hashes), dtype=">u8"), kind="stable")


def _cut(
    order: npt.NDArray[np.int64], label: Texts, size: npt.NDArray[np.int64], section: SplitSection
) -> npt.NDArray[np.int64]:
    """Return the number of the split of each star, by where its middle falls in its class."""
    shares = np.cumsum([section.train, section.validation, section.test])
    edges = shares[:2] / shares[2]
    choice = np.empty(len(order), dtype=np.int64)
    kind = pc.dictionary_encode(pa.array(label, pa.string())).indices.to_numpy()
    for number in range(int(kind.max()) + 1):
        mine = order[kind[order] == number]
        middle = np.cumsum(size[mine]) - size[mine] / 2
        choice[mine] = np.searchsorted(edges, middle / np.sum(size[mine]), side="right")
    return choice
