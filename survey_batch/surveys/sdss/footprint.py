"""The fields of SDSS imaging on the sky: which of them covers a position.

A field is a rectangle in great circle coordinates (mu, nu): mu runs along the scan, nu across it. The survey lists its
fields with these in `window_flist.fits` (SDSS data model, PHOTO_RESOLVE/window_flist).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from survey_batch.catalog.formats import open_source
from survey_batch.catalog.guesses import first_match
from survey_batch.catalog.values import to_float
from survey_batch.core.arrays import F8, I8, Flags
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.sphere import chord, unit_vectors
from survey_batch.surveys.sdss.columns import FIELD

SHAPE = ("mustart", "muend", "nustart", "nuend", "node", "incl")
"""Columns of the list that bound a field [deg], in the spelling of `KeyColumn.names`."""
NEAREST = 16
"""Fields looked at first around each position; more where all of them are near, as in Stripe 82."""
BLOCK = 1 << 16
"""Positions looked up at a time."""


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
    """

    def __init__(self, key: dict[str, I8], bounds: F8, score: F8) -> None:
        self.key, self.score = key, score
        start, end, low, high, self.node, self.inclination = bounds.T
        self.middle = np.stack([(start + end) / 2, (low + high) / 2], axis=-1)
        self.half = np.stack([np.abs(end - start) / 2, np.abs(high - low) / 2], axis=-1)
        ra, dec = to_sky(self.middle[:, 0], self.middle[:, 1], self.node, self.inclination)
        self.tree = cKDTree(unit_vectors(ra, dec))
        self.reach = chord(np.hypot(*self.half.T).max()) * (1 + 1e-6)

    def find(self, ra: F8, dec: F8) -> Found:
        """Find the field of each position [deg]: of those that cover it the best one, by score and then by middle.

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
            _, near = self.tree.query(points[left], k=[*range(1, count + 1)], distance_upper_bound=self.reach)
            index, fields = self._best(near, ra[left], dec[left])
            found.index[rows[left]], found.fields[rows[left]] = index, fields
            sure = (near[:, -1] == len(self.score)) | (count == len(self.score))
            left, count = left[~sure], min(4 * count, len(self.score))
        outside = np.flatnonzero(found.index[rows] < 0)
        found.distance[rows] = 0.0
        if len(outside):
            _, near = self.tree.query(points[outside], k=[*range(1, min(NEAREST, len(self.score)) + 1)])
            found.distance[rows[outside]] = self._beyond(near, ra[outside], dec[outside]).min(axis=1)

    def _best(self, near: I8, ra: F8, dec: F8) -> tuple[I8, I8]:
        """Choose among the fields (position, neighbour) that may cover each position; -1 if none does."""
        there = near < len(self.score)
        near = np.where(there, near, 0)
        offset, half = self._offset(near, ra, dec), self.half[near]
        covers = there & (offset <= half).all(axis=-1)
        centred = (offset / half).max(axis=-1)
        order = np.lexsort((np.where(covers, centred, np.inf), np.where(covers, -self.score[near], np.inf)), axis=-1)
        best = np.take_along_axis(near, order[:, :1], axis=1)[:, 0]
        fields = covers.sum(axis=1)
        return np.where(fields > 0, best, -1), fields

    def _beyond(self, near: I8, ra: F8, dec: F8) -> F8:
        """Return the distance [deg] of positions from fields, (position, neighbour): from the nearest point of each."""
        return np.asarray(np.hypot(*np.moveaxis(np.maximum(self._offset(near, ra, dec) - self.half[near], 0), -1, 0)))

    def _offset(self, near: I8, ra: F8, dec: F8) -> F8:
        """Return how far positions lie from the middles of fields along mu and nu [deg]: (position, neighbour, 2)."""
        mu, nu = to_scan(ra[:, None], dec[:, None], self.node[near], self.inclination[near])
        along = (mu - self.middle[near, 0] + 180) % 360 - 180
        return np.stack([np.abs(along), np.abs(nu - self.middle[near, 1])], axis=-1)


@lru_cache(maxsize=1)
def read_footprint(path: str) -> Footprint:
    """Read a list of fields; the last one read is kept.

    Parameters
    ----------
    path
        Path or URL of a table in any format that a catalogue may have, with the columns `run`, `camcol`, `field` and
        those of `SHAPE`; `rerun` (301 if there is none) and `score` (1 if there is none) besides. Other columns are
        not read.

    Raises
    ------
    ConfigurationError
        The file cannot be read, lacks a column, or lists no field.
    """
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
    known = _known(columns)
    if not known.any():
        raise ConfigurationError(f"archive.fields: {path} lists no field with all its numbers: correct the file")
    key = {name: columns[name][known].astype(np.int64) for name in FIELD}
    return Footprint(key, np.stack([columns[name][known] for name in SHAPE], axis=-1), columns["score"][known])


def _known(columns: dict[str, F8]) -> Flags:
    return np.asarray(np.logical_and.reduce([np.isfinite(values) for values in columns.values()]), bool)


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
