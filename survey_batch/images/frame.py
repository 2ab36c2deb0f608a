"""A frame as arrays: one band of one field, with its WCS and sky."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from astropy.wcs import WCS

CTYPE, CUNIT = ("RA---TAN", "DEC--TAN"), ("deg", "deg")
"""Projection and units of `FrameWcs`, as FITS writes them."""


@dataclass(frozen=True)
class FrameGrid:
    """The shape of a survey's frames, and how neighbouring fields lie on one pixel grid.

    Attributes
    ----------
    rows, columns
        Pixels of a frame.
    overlap
        Last rows of a field that are also the first rows of the next field of its strip; None where fields have no
        neighbours on their pixel grid.
    """

    rows: int
    columns: int
    overlap: int | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self.rows, self.columns

    @property
    def step(self) -> int:
        """Rows from the start of a field to the start of the next one."""
        return self.rows - (self.overlap or 0)


@dataclass(frozen=True, eq=False)
class FrameWcs:
    """A frame's TAN WCS in the convention of the FITS standard: degrees, and pixels counted from 1."""

    crval: npt.NDArray[np.float64]
    """(2,): RA and Dec of the reference pixel in degrees, ICRS."""
    crpix: npt.NDArray[np.float64]
    """(2,): x and y of the reference pixel; 1 is the centre of the first pixel."""
    cd: npt.NDArray[np.float64]
    """(2, 2): degrees per pixel."""


@dataclass(frozen=True, eq=False)
class DistortedWcs:
    """Any other celestial WCS in right ascension and declination, ICRS, as `astropy` reads it.

    It belongs to the frame that was read with it, and so to one thread: `astropy.wcs.WCS` may not be shared.
    """

    whole: "WCS"


AnyWcs = FrameWcs | DistortedWcs
"""The WCS of a frame."""


@dataclass(frozen=True, eq=False)
class Sky:
    """The sky that was subtracted from a frame: a coarse image for bilinear interpolation."""

    image: npt.NDArray[np.float32]
    """(y, x) counts, of one shape for the whole survey."""
    column: npt.NDArray[np.float32]
    """(x,): position of each column of the frame in the sky image, in pixels from 0."""
    row: npt.NDArray[np.float32]
    """(y,): position of each row of the frame in the sky image; beyond the edge the sky is constant."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One band of one field."""

    image: npt.NDArray[np.float32]
    """(y, x) nanomaggy per pixel, sky subtracted."""
    calibration: npt.NDArray[np.float32]
    """(x,) nanomaggy per count, one for each column."""
    wcs: AnyWcs
    sky: Sky | None = None
    """Read only on request."""
    mjd_tai: float = math.nan
    """Time of the observation: modified Julian date in atomic time (TAI), NaN if the file does not say; what moment it
    is, `ImageReader.time` says."""
    ivar: npt.NDArray[np.float32] | None = None
    """(y, x): inverse variance of the image, 0 where it is not known; None if it follows from the sky, or was not asked
    for."""
    mask: npt.NDArray[np.int32] | None = None
    """(y, x): bits of `ImageReader.mask_bits`, each a reason not to use a pixel; None if there is no mask."""
    unit: str = ""
    """Unit of the pixels in the file, with which that of the noise is compared; "" if nothing says it."""


@dataclass(frozen=True, eq=False)
class FrameTop:
    """The first rows of one band of one field, for cutouts of the flux alone."""

    image: npt.NDArray[np.float32]
    """(rows, x) nanomaggy per pixel, sky subtracted."""
    wcs: AnyWcs
    mjd_tai: float = math.nan
    """As in `Frame`."""
