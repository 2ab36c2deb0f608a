"""A frame of the SDSS imaging survey as arrays: one band of one field, with its WCS and sky."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FRAME_SHAPE = (1489, 2048)
"""Rows and columns of a frame."""

OVERLAP_ROWS = 128
"""Last rows of a field that are also the first rows of the next field of its run and camcol, on one pixel grid."""

ROW_STEP = FRAME_SHAPE[0] - OVERLAP_ROWS
"""Rows from the start of a field to the start of the next one: 1361."""


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
class Sky:
    """The sky that was subtracted from a frame: a coarse image for bilinear interpolation."""

    image: npt.NDArray[np.float32]
    """(192, 256) counts; the rows of the file that the frame needs, padded with the last one."""
    column: npt.NDArray[np.float32]
    """(2048,): position of each column of the frame in the sky image, in pixels from 0."""
    row: npt.NDArray[np.float32]
    """(1489,): position of each row of the frame in the sky image; beyond the edge the sky is constant."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One band of one field."""

    image: npt.NDArray[np.float32]
    """(1489, 2048) nanomaggy per pixel, sky subtracted."""
    calibration: npt.NDArray[np.float32]
    """(2048,) nanomaggy per count, one for each column."""
    wcs: FrameWcs
    sky: Sky | None = None
    """Read only on request."""
