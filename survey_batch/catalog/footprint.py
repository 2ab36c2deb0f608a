"""A survey's fields on the sky: which of them covers a position.

A field is a rectangle in great circle coordinates (mu, nu), turned in any way: mu runs along a great circle, which
crosses the equator at `node` with an inclination, and nu across it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from survey_batch.config.key_columns import CatalogRows
from survey_batch.core.arrays import F8, I8, Flags
from survey_batch.core.sky import separation_arcsec
from survey_batch.core.sphere import chord, unit_vectors
from survey_batch.core.status import OFF_FOOTPRINT

NEAREST = 16
"""Fields looked at first around each position; more where all of them are near, as in Stripe 82."""
BLOCK = 1 << 16
"""Positions looked up at a time; fewer where more than `NEAREST` fields of each are looked at, for the memory."""


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
        The columns that name a field, (n,) each.
    bounds : (n, 6) float64
        Start and end along mu, start and end across it, node and inclination [deg].
    score : (n,) float64
        The survey's own mark for the quality of a field.
    left_out
        Rows of the list that are no fields.
    """

    def __init__(self, key: Mapping[str, Any], bounds: F8, score: F8, left_out: int = 0) -> None:
        self.key, self.score, self.left_out = key, score, left_out
        start, _, low, high, self.node, self.inclination = bounds.T
        along, across = extent(bounds)
        self.middle = np.stack([start + along / 2, (low + high) / 2], axis=-1)
        self.half = np.abs(np.stack([along, across], axis=-1)) / 2
        ra, dec = to_sky(self.middle[:, 0], self.middle[:, 1], self.node, self.inclination)
        self.tree = cKDTree(unit_vectors(ra, dec))
        self.reach = chord(np.hypot(*self.half.T).max()) * (1 + 1e-6)

    def find(self, ra: F8, dec: F8) -> Found:
        """Find the best field that covers each position [deg]: the highest score, then the most room to its edges.

        The room is the product of the distances to the nearest edges along mu and nu, as shares of those of the middle.
        Positions that are not finite have no field, and no distance.
        """
        found = Found(np.full(len(ra), -1), np.zeros(len(ra), np.int64), np.full(len(ra), np.nan))
        known = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
        for start in range(0, len(known), BLOCK):
            rows = known[start : start + BLOCK]
            self._find(rows, ra[rows], dec[rows], found)
        return found

    def around(self, ra: F8, dec: F8, middle: tuple[float, float]) -> Iterator[tuple[float, int, Flags]]:
        """Yield the fields that cover some of these positions [deg], with the distance of their middles from another.

        Yields
        ------
        float, int, (n,) bool
            The distance, as the chord on the unit sphere; the index of the field; which positions it covers.
        """
        here = unit_vectors(np.array([middle[0]]), np.array([middle[1]]))[0]
        far = np.linalg.norm(unit_vectors(ra, dec) - here, axis=1).max(initial=0.0)
        for index in self.tree.query_ball_point(here, far + self.reach):
            offset = np.abs(self._offset(np.full((len(ra), 1), index), ra, dec))[:, 0]
            covers = (offset <= self.half[index]).all(axis=-1)
            if covers.any():
                yield float(np.linalg.norm(self.tree.data[index] - here)), int(index), covers

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
        room = (1 - offset / half).prod(axis=-1)
        order = np.lexsort((np.where(covers, -room, np.inf), np.where(covers, -self.score[near], np.inf)), axis=-1)
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


def extent(bounds: F8) -> tuple[F8, F8]:
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


def bounds_of(ra: F8, dec: F8) -> F8:
    """Return the bounds of rectangles from their corners.

    Parameters
    ----------
    ra, dec : (n, 4) float64
        Corners [deg], one after the other around each rectangle.

    Returns
    -------
    (n, 6) float64
        As of `Footprint`. A side joins the middles of two others; what is no rectangle is taken for the one with the
        same middles of its sides.
    """
    corner = unit_vectors(ra.ravel(), dec.ravel()).reshape(*ra.shape, 3)
    below, right, above, left = (_unit(corner[:, one] + corner[:, (one + 1) % 4]) for one in range(4))
    middle = _unit(corner.sum(axis=1))
    pole = _unit(np.cross(middle, right - left))
    node, inclination = (
        np.degrees(np.arctan2(pole[:, 1], pole[:, 0])) + 90,
        np.degrees(np.arccos(pole[:, 2].clip(-1, 1))),
    )
    mu, nu = to_scan(*_direction(middle), node, inclination)
    along, across = (
        np.degrees(2 * np.arcsin(_length(one - other) / 2)) for one, other in ((left, right), (below, above))
    )
    return np.stack([mu - along / 2, mu + along / 2, nu - across / 2, nu + across / 2, node, inclination], axis=1)


def reject_outside(rows: CatalogRows, found: Found, wanted: Flags, what: str) -> None:
    """Reject the rows among those wanted whose position no field covers, and say how far away the nearest one is."""
    outside = wanted & (found.index < 0) & np.isfinite(found.distance)
    reasons = {
        int(row): f"{OFF_FOOTPRINT}: its nearest {what} is {_angle(found.distance[row])} away"
        for row in np.flatnonzero(outside)
    }
    rows.reject(outside, reasons, "ra", "dec")


def _angle(degrees: float) -> str:
    return f"{degrees * 60:.2g} arcmin" if degrees < 1 else f"{degrees:.3g} degrees"


def _unit(vector: F8) -> F8:
    return np.asarray(vector / _length(vector)[..., None])


def _length(vector: F8) -> F8:
    return np.asarray(np.linalg.norm(vector, axis=-1))


def _direction(vector: F8) -> tuple[F8, F8]:
    x, y, z = vector.T
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arcsin(z.clip(-1, 1)))
