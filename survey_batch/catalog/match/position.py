"""Partners by position: each row's, among all rows of another list within a radius on the sky.

Both lists may be larger than memory. They are laid into zones of declination on the disk, and successive zones are
searched together, as many as hold some hundred thousand rows. Partners are never farther apart in declination than on
the sky, so those of a zone lie in it or close to its edges, at the poles and across ra = 0 too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from survey_batch.catalog.match.partners import Partners, best_of
from survey_batch.core.arrays import F4, F8, I8, Index
from survey_batch.core.sky import separation_arcsec
from survey_batch.core.sorting import Sorter, in_batches
from survey_batch.core.sphere import chord, unit_vectors

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

ZONE_DEGREES = 0.25
ZONES = round(180 / ZONE_DEGREES)
TOGETHER = 1 << 20
"""Rows of both lists that are searched at a time; more where a single zone has more."""
SPOOLED = 1 << 20
"""Rows of a file on the disk."""
BLOCK = 1 << 16
"""Rows whose partners are looked for in one go; fewer where there are many within the radius."""
PAIRS = 1 << 20
"""About as many pairs of rows are compared at a time."""
COUNTED = 64
"""Rows whose possible partners are counted for that."""
BEYOND = 10
"""Up to this many radii, the nearest row is told of a row without partner; rows are moved as far to count chances."""
SAMPLE = 1 << 14
"""Rows of each search that are moved."""
ROUNDING = 1e-14
"""By how much the length of a chord may be wrong; the separation decides."""


@dataclass(frozen=True)
class Positions:
    """Successive rows of a list.

    Attributes
    ----------
    ra, dec : (n,) float64
        Degrees; NaN where not known. Such a row has no partner and is none.
    rank : (n,) float32
        The higher, the better; NaN counts as lowest. Only read of the list of partners, if the best is asked for.
    """

    ra: F8
    dec: F8
    rank: F4


def pair_positions(
    own: Iterable[Positions], other: Iterable[Positions], radius_arcsec: float, *, by_rank: bool = False
) -> Partners:
    """Find each row's partner: the nearest row of the other list within the radius, of equally near ones the first.

    Parameters
    ----------
    own, other
        The lists, in batches.
    radius_arcsec
        At most 600.
    by_rank
        Take the row with the highest rank within the radius instead; of equal ones the nearest, then the first.
    """
    reach = min(BEYOND * radius_arcsec / 3600, ZONE_DEGREES)
    with TemporaryDirectory(prefix="survey-batch-match-") as folder:
        theirs, ours = _Zones(other, Path(folder) / "other"), _Zones(own, Path(folder) / "own")
        partners = Partners.none(ours.rows, theirs.rows)
        partners.own_unknown, partners.unknown = (side.rows - int(side.counts.sum()) for side in (ours, theirs))
        partners.chance = 0.0
        for first, last in _searches(ours.counts, theirs.counts):
            mine = ours.read(first, last)
            _search(mine, theirs.read(first, last, reach), radius_arcsec, reach, partners, by_rank=by_rank)
    return partners


class _Zones:
    """A list on the disk, by zone of declination."""

    def __init__(self, batches: Iterable[Positions], folder: Path) -> None:
        self._sorter = Sorter(folder, ZONES)
        self.counts, self.rows = np.zeros(ZONES, np.int64), 0
        for table in in_batches(self._tables(batches), SPOOLED):
            zone = np.clip((np.asarray(table["dec"]) + 90) / ZONE_DEGREES, 0, ZONES - 1).astype(np.int64)
            self.counts += np.bincount(zone, minlength=ZONES)
            self._sorter.add(table, zone, np.zeros(len(zone), np.int8))

    def _tables(self, batches: Iterable[Positions]) -> Iterator[pa.Table]:
        for batch in batches:
            known = np.isfinite(batch.ra) & np.isfinite(batch.dec)
            row = self.rows + np.flatnonzero(known)
            self.rows += len(known)
            yield pa.table({"row": row, "ra": batch.ra[known], "dec": batch.dec[known], "rank": batch.rank[known]})

    def read(self, first: int, last: int, reach: float = 0.0) -> "_Found":
        """Read zones from `first` to `last`, and rows up to some degrees beyond their edges, in order of ra."""
        low, high = (first - 1, last + 1) if reach else (first, last)
        there = [zone for zone in range(max(low, 0), min(high, ZONES - 1) + 1) if self.counts[zone]]
        parts = [_within(self._sorter.bucket(zone), first, last, reach) for zone in there]
        if not parts:
            return _Found(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0, np.float32))
        table = pa.concat_tables(parts)
        columns = [np.asarray(table[name]) for name in ("row", "ra", "dec", "rank")]
        order = np.lexsort((columns[0], columns[1]))
        return _Found(*(values[order] for values in columns))


def _within(table: pa.Table, first: int, last: int, reach: float) -> pa.Table:
    dec = np.asarray(table["dec"])
    low, high = first * ZONE_DEGREES - 90 - reach, (last + 1) * ZONE_DEGREES - 90 + reach
    near = (dec >= low) & (dec <= high)
    return table if near.all() else table.filter(pa.array(near))


@dataclass(frozen=True)
class _Found:
    row: I8
    ra: F8
    dec: F8
    rank: F4


def _searches(ours: I8, theirs: I8) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of successive zones that are searched together."""
    first, rows = 0, 0
    for zone in range(ZONES):
        here = int(ours[zone] + theirs[zone])
        if rows and rows + here > TOGETHER:
            if ours[first:zone].any():
                yield first, zone - 1
            first, rows = zone, 0
        rows += here
    if ours[first:].any():
        yield first, ZONES - 1


def _search(
    mine: _Found, theirs: _Found, radius_arcsec: float, reach: float, partners: Partners, *, by_rank: bool
) -> None:
    if not len(theirs.row):
        return
    points = unit_vectors(mine.ra, mine.dec)
    tree = _tree(unit_vectors(theirs.ra, theirs.dec))
    limit = chord(radius_arcsec / 3600) * (1 + 1e-9) + ROUNDING
    block = _block(points, tree, limit)
    for start in range(0, len(points), block):
        here = slice(start, start + block)
        pairs = _tree(points[here]).sparse_distance_matrix(tree, limit, output_type="ndarray")
        one, two = pairs["i"] + start, pairs["j"]
        apart = separation_arcsec(mine.ra[one], mine.dec[one], theirs.ra[two], theirs.dec[two])
        close = apart <= radius_arcsec
        one, two, apart = one[close], two[close], apart[close]
        best = best_of(one, theirs.rank[two] if by_rank else None, apart, theirs.row[two])
        partners.row[mine.row[one[best]]] = theirs.row[two[best]]
        partners.apart[mine.row[one[best]]] = apart[best]
    _tell_nearest(np.flatnonzero(partners.row[mine.row] < 0), mine, points, tree, reach, partners)
    partners.chance = (partners.chance or 0.0) + _by_chance(mine, tree, limit, reach)


def _block(points: F8, tree: "cKDTree", limit: float) -> int:
    """Choose how many rows are searched in one go."""
    some = points[:: -(-len(points) // COUNTED)]
    most = int(tree.query_ball_point(some, limit, return_length=True).max())
    return max(1, min(BLOCK, PAIRS // max(most, 1)))


def _tree(points: F8) -> "cKDTree":
    """Build a tree quickly; to balance it costs more than it gains here."""
    from scipy.spatial import cKDTree  # few jobs match, and each would wait half a second for it

    return cKDTree(points, balanced_tree=False, compact_nodes=False)


def _tell_nearest(lone: Index, mine: _Found, points: F8, tree: "cKDTree", reach: float, partners: Partners) -> None:
    """Note how far the nearest row is from rows without a partner, if it is not far."""
    distance, _ = tree.query(points[lone], distance_upper_bound=chord(reach))
    near = np.isfinite(distance)
    partners.apart[mine.row[lone[near]]] = np.degrees(2 * np.arcsin(distance[near] / 2)) * 3600


def _by_chance(mine: _Found, tree: "cKDTree", limit: float, reach: float) -> float:
    """Count rows that would have a partner if they lay elsewhere: some distance to the east."""
    sample = slice(None, None, -(-len(mine.row) // SAMPLE))
    ra, dec = mine.ra[sample], mine.dec[sample]
    moved = ra + np.minimum(reach / np.maximum(np.cos(np.radians(dec)), 1e-9), 180)
    distance, _ = tree.query(unit_vectors(moved, dec), distance_upper_bound=limit)
    return float(np.isfinite(distance).mean() * len(mine.row))
