"""Geometry of a drift scan: one strip of pixels along a great circle, cut into fields that overlap.

Rows count along the scan, columns across it. Great circle coordinates (mu, nu) are the survey's own (SDSS
`asTrans`): mu along the scan, nu across it, for an inclined circle that crosses the equator at RA `NODE`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F8
from survey_batch.images.frame import FrameWcs
from survey_batch.surveys.sdss.files import OVERLAP_ROWS

PIXEL = 0.396 / 3600
"""Degrees per pixel of the SDSS camera (York et al. 2000, AJ 120, 1579)."""
NODE = 95.0
"""RA of the ascending node of every SDSS great circle, degrees."""
MU_OF_FIELD_0 = 170.0
"""Degrees; puts field numbers of about a hundred near the apex of their circle, where rows run along RA."""
CAMCOL_SEPARATION = 0.42
"""Degrees between neighbouring columns of the camera (York et al. 2000)."""

BAND_OFFSETS = {"u": (7.3, 2.35), "g": (10.6, 0.55), "r": (0.0, 0.0), "i": (2.7, -1.67), "z": (6.96, -1.63)}
"""Rows and columns from a point's pixel in r to its pixel in each band, as in field 2820-3-0122."""


@dataclass(frozen=True)
class Strip:
    """All fields of one run and camera column."""

    rerun: int
    run: int
    camcol: int
    first_field: int
    fields: int
    shape: tuple[int, int]
    """Rows and columns of a field."""

    @property
    def step(self) -> int:
        """Rows from one field's start to the next one's."""
        return self.shape[0] - OVERLAP_ROWS

    @property
    def first_row(self) -> int:
        """Strip row of the first field's row 0; strip rows count from field 0."""
        return self.first_field * self.step

    @property
    def rows(self) -> int:
        """Number of rows of all fields together, each counted once."""
        return (self.fields - 1) * self.step + self.shape[0]

    def rows_of(self, field: int) -> range:
        """Strip rows of a field."""
        return range(field * self.step, field * self.step + self.shape[0])

    @property
    def field_numbers(self) -> range:
        """Field numbers, in scan order."""
        return range(self.first_field, self.first_field + self.fields)

    @property
    def inclination(self) -> float:
        """Inclination of the great circle in degrees; the camera's six columns lie about the equator."""
        return (self.camcol - 3.5) * CAMCOL_SEPARATION

    def primary_field(self, row: F8) -> npt.NDArray[np.int64]:
        """Find the field whose middle part holds a strip row: each overlap is split in half, as in SDSS."""
        field = (row - OVERLAP_ROWS / 2) // self.step
        return np.clip(field, self.first_field, self.first_field + self.fields - 1).astype(np.int64)

    def mu_nu(self, row: F8, column: F8, band: str = "r") -> tuple[F8, F8]:
        """Compute great circle coordinates [deg] of strip pixels (0-based centres) of a band."""
        down, across = BAND_OFFSETS[band]
        middle = self.shape[1] // 2
        return MU_OF_FIELD_0 + PIXEL * (row - down), PIXEL * (column - across - middle)

    def sky(self, row: F8, column: F8, band: str = "r") -> tuple[F8, F8]:
        """Compute RA and Dec [deg] of strip pixels (0-based centres) of a band."""
        mu, nu = self.mu_nu(row, column, band)
        return great_circle_to_equatorial(mu, nu, self.inclination)

    def wcs(self, field: int, band: str) -> FrameWcs:
        """Make the TAN WCS of a frame, tangent at its middle; it departs from the strip by at most 0.004 pixel.

        The CD matrix is the strip's derivative there, so it turns with the scan direction.
        """
        row, column = self.shape[0] // 2, self.shape[1] // 2
        centre_row = field * self.step + row
        y, x = np.array([0.0, 0.0, 0.0, -1.0, 1.0]), np.array([0.0, -1.0, 1.0, 0.0, 0.0])
        ra, dec = self.sky(centre_row + y, column + x, band)
        xi, eta = tangent_plane(ra, dec, ra[0], dec[0])
        cd = np.array([[part[2] - part[1], part[4] - part[3]] for part in (xi, eta)]) / 2
        return FrameWcs(np.array([ra[0], dec[0]]), np.array([column + 1.0, row + 1.0]), cd)


def great_circle_to_equatorial(mu: F8, nu: F8, inclination: float) -> tuple[F8, F8]:
    """Turn great circle coordinates into RA and Dec, degrees (Stoughton et al. 2002, AJ 123, 485, section 3.2.2)."""
    along, across, tilt = np.radians(mu - NODE), np.radians(nu), np.radians(inclination)
    x = np.cos(along) * np.cos(across)
    y = np.sin(along) * np.cos(across) * np.cos(tilt) - np.sin(across) * np.sin(tilt)
    z = np.sin(along) * np.cos(across) * np.sin(tilt) + np.sin(across) * np.cos(tilt)
    return (np.degrees(np.arctan2(y, x)) + NODE) % 360, np.degrees(np.arcsin(z))


def tangent_plane(ra: F8, dec: F8, ra0: float, dec0: float) -> tuple[F8, F8]:
    """Project gnomonically, all in degrees (Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3)."""
    a, d, d0 = np.radians(ra - ra0), np.radians(dec), np.radians(dec0)
    cosine = np.sin(d0) * np.sin(d) + np.cos(d0) * np.cos(d) * np.cos(a)
    xi = np.cos(d) * np.sin(a) / cosine
    eta = (np.cos(d0) * np.sin(d) - np.sin(d0) * np.cos(d) * np.cos(a)) / cosine
    return np.degrees(xi), np.degrees(eta)
