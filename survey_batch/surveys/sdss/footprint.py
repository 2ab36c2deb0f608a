"""The fields of SDSS imaging on the sky: which of them covers a position.

A field is a rectangle in great circle coordinates (mu, nu): mu runs along the scan, nu across it. The survey lists its
fields with these in `window_flist.fits` (SDSS data model, PHOTO_RESOLVE/window_flist).
"""

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from survey_batch.catalog.formats import open_source
from survey_batch.catalog.guesses import first_match
from survey_batch.catalog.values import to_float
from survey_batch.core.arrays import F8, I8, Flags
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.sky import separation_arcsec
from survey_batch.core.sphere import chord, unit_vectors
from survey_batch.surveys.sdss.columns import FIELD

SHAPE = ("mustart", "muend", "nustart", "nuend", "node", "incl")
"""Columns of the list that bound a field [deg], in the spelling of `KeyColumn.names`."""
NEAREST = 16
"""Fields looked at first around each position; more where all of them are near, as in Stripe 82."""
BLOCK = 1 << 16
"""Positions looked up at a time; fewer where more than `NEAREST` fields of each are looked at, for the memory."""
LARGEST = 1.0
"""Degrees; a field is 0.15 by 0.22 degrees, and one that is longer than this along mu or nu is a mistake."""


@dataclass(frozen=True)
class Found:
    """The field of each position.

    Attributes
    ----------
    index : (n,) int
        Into the list; -1 where no field covers the position.
    fields : (n,) int
        How many fields cover it.
    distance : (n,) float64
        Degrees to the nearest field; 0 inside.
    """

    index: I8
    fields: I8
    distance: F8


class Footprint:
    """Fields by position.

    Parameters
    ----------
    key
        `rerun`, `run`, `camcol` and `field`, (n,) each.
    bounds : (n, 6) float64
        `SHAPE` [deg].
    score : (n,) float64
        The survey's own mark for the quality of a field, from 0 to 1.
    left_out
        Rows of the list that are no fields.
    """

    def __init__(self, key: dict[str, I8], bounds: F8, score: F8, left_out: int = 0) -> None:
        self.key, self.score, self.left_out = key, score, left_out
        start, _, low, high, self.node, self.inclination = bounds.T
        along, across = _extent(bounds)
        self.middle = np.stack([start + along / 2, (low + high) / 2], axis=-1)
        self.half = np.abs(np.stack([along, across], axis=-1)) / 2
        ra, dec = to_sky(self.middle[:, 0], self.middle[:, 1], self.node, self.inclination)
        self.tree = cKDTree(unit_vectors(ra, dec))
        self.reach = chord(np.hypot(*self.half.T).max()) * (1 + 1e-6)

    def find(self, ra: F8, dec: F8) -> Found:
        """Find the best field that covers each position [deg]: the highest score, then the nearest middle.

        Positions that are not finite have no field, and no distance.
        """
        found = Found(np.full(len(ra), -1), np.zeros(len(ra), np.int64), np.full(len(ra), np.nan))
        known = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
        for start in range(0, len(known), BLOCK):
            rows = known[start : start + BLOCK]
            self._find(rows, ra[rows], dec[rows], found)
        return found

    def _find(self, rows: npt.NDArray[np.intp], ra: F8, dec: F8, found: Found) -> None:
        """Find the fields of some positions; again with more of them where there were too few to be sure."""
        points, count = unit_vectors(ra, dec), min(NEAREST, len(self.score))
        left = np.arange(len(rows))
        while len(left):
            size, unsure = max(BLOCK * NEAREST // count, 1), []
            for part in (left[start : start + size] for start in range(0, len(left), size)):
                _, near = self.tree.query(points[part], k=[*range(1, count + 1)], distance_upper_bound=self.reach)
                found.index[rows[part]], found.fields[rows[part]] = self._best(near, ra[part], dec[part])
                unsure.append(part[near[:, -1] < len(self.score)])
            left = np.concatenate(unsure) if count < len(self.score) else left[:0]
            count = min(4 * count, len(self.score))
        outside = np.flatnonzero(found.index[rows] < 0)
        found.distance[rows] = 0.0
        if len(outside):
            _, near = self.tree.query(points[outside], k=[*range(1, min(NEAREST, len(self.score)) + 1)])
            found.distance[rows[outside]] = self._beyond(near, ra[outside], dec[outside]).min(axis=1)

    def _best(self, near: I8, ra: F8, dec: F8) -> tuple[I8, I8]:
        """Choose among the fields (position, neighbour) that may cover each position; -1 if none does."""
        there = near < len(self.score)
        near = np.where(there, near, 0)
        offset, half = np.abs(self._offset(near, ra, dec)), self.half[near]
        covers = there & (offset <= half).all(axis=-1)
        centred = (offset / half).max(axis=-1)
        order = np.lexsort((np.where(covers, centred, np.inf), np.where(covers, -self.score[near], np.inf)), axis=-1)
        best = np.take_along_axis(near, order[:, :1], axis=1)[:, 0]
        fields = covers.sum(axis=1)
        return np.where(fields > 0, best, -1), fields

    def _beyond(self, near: I8, ra: F8, dec: F8) -> F8:
        """Return the distance [deg] of positions from fields, (position, neighbour): from the nearest point of each."""
        offset = np.clip(self._offset(near, ra, dec), -self.half[near], self.half[near])
        mu, nu = np.moveaxis(self.middle[near] + offset, -1, 0)
        there = to_sky(mu, nu, self.node[near], self.inclination[near])
        return separation_arcsec(ra[:, None], dec[:, None], *there) / 3600

    def _offset(self, near: I8, ra: F8, dec: F8) -> F8:
        """Return how far positions lie from the middles of fields along mu and nu [deg]: (position, neighbour, 2)."""
        mu, nu = to_scan(ra[:, None], dec[:, None], self.node[near], self.inclination[near])
        return np.stack([_half_turn(mu - self.middle[near, 0]), nu - self.middle[near, 1]], axis=-1)


def read_footprint(path: str) -> Footprint:
    """Read a list of fields; the last one read is kept until its file changes.

    Parameters
    ----------
    path
        Path or URL of a table in any format that a catalogue may have, with the columns `run`, `camcol`, `field` and
        those of `SHAPE`; `rerun` (301 if there is none) and `score` (1 if there is none) besides. Other columns are
        not read. Rows that lack one of these numbers are left out, as are those with impossible bounds.

    Raises
    ------
    ConfigurationError
        The file cannot be read, lacks a column, or lists no field.
    """
    stamp = None
    with suppress(OSError):  # a URL, or nothing, of which reading tells more
        stamp = Path(path).stat().st_mtime_ns
    return _read(path, stamp)


@lru_cache(maxsize=1)
def _read(path: str, stamp: int | None) -> Footprint:  # noqa: ARG001
    try:
        source = open_source(path)
    except ConfigurationError as error:  # of a catalogue
        raise ConfigurationError(f"archive.fields: {str(error).removeprefix('catalog.path: ')}") from error
    names = {name: first_match((name,), source.names) for name in (*FIELD, *SHAPE, "score")}
    lacking = [name for name, theirs in names.items() if theirs is None and name not in ("rerun", "score")]
    if lacking:
        raise ConfigurationError(
            f"archive.fields: {path} has no column {', '.join(lacking)}, and so is no list of fields; name SDSS's "
            "window_flist.fits, or a table with its columns run, camcol, field, mu_start, mu_end, nu_start, nu_end, "
            "node and incl"
        )
    table = source.read([theirs for theirs in names.values() if theirs]).table
    columns = {ours: to_float(table[theirs])[0] for ours, theirs in names.items() if theirs}
    columns = {"rerun": np.full(len(table), 301.0), "score": np.ones(len(table)), **columns}
    bounds = np.stack([columns[name] for name in SHAPE], axis=-1)
    known = _known(columns, bounds)
    if not known.any():
        raise ConfigurationError(f"archive.fields: {path} lists no field with all its numbers: correct the file")
    key = {name: columns[name][known].astype(np.int64) for name in FIELD}
    return Footprint(key, bounds[known], columns["score"][known], int(np.sum(~known)))


def _known(columns: dict[str, F8], bounds: F8) -> Flags:
    """Tell which rows of the list are fields."""
    known = np.logical_and.reduce([np.isfinite(values) for values in columns.values()])
    known &= np.logical_and.reduce([columns[name] >= 0 for name in FIELD])
    with np.errstate(invalid="ignore"):
        return np.asarray(known & np.logical_and.reduce([np.abs(size) <= LARGEST for size in _extent(bounds)]), bool)


def _extent(bounds: F8) -> tuple[F8, F8]:
    """Return the length of fields along mu, which may pass 360 degrees, and along nu."""
    return _half_turn(bounds[:, 1] - bounds[:, 0]), bounds[:, 3] - bounds[:, 2]


def _half_turn(angle: F8) -> F8:
    """Turn angles into the same ones from -180 to 180 degrees."""
    return (angle + 180) % 360 - 180


def to_scan(ra: F8, dec: F8, node: F8, inclination: F8) -> tuple[F8, F8]:
    """Turn positions into great circle coordinates (mu, nu), all in degrees.

    Stoughton et al. 2002, AJ 123, 485, section 3.2.2.
    """
    longitude, latitude, tilt = np.radians(ra - node), np.radians(dec), np.radians(inclination)
    x = np.cos(longitude) * np.cos(latitude)
    y = np.sin(longitude) * np.cos(latitude) * np.cos(tilt) + np.sin(latitude) * np.sin(tilt)
    z = -np.sin(longitude) * np.cos(latitude) * np.sin(tilt) + np.sin(latitude) * np.cos(tilt)
    return np.degrees(np.arctan2(y, x)) + node, np.degrees(np.arcsin(np.clip(z, -1, 1)))


def to_sky(mu: F8, nu: F8, node: F8, inclination: F8) -> tuple[F8, F8]:
    """Turn great circle coordinates into ra and dec; the inverse of `to_scan`."""
    ra, dec = to_scan(mu, nu, node, -inclination)
    return ra % 360, dec
