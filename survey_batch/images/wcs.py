"""Conversion between sky positions and pixels of an SDSS frame, many at a time."""

import numpy as np
from astropy.wcs import WCS

from survey_batch.core.arrays import F8
from survey_batch.images.frame import CTYPE, CUNIT, FrameWcs


def to_astropy(wcs: FrameWcs) -> WCS:
    """Make an astropy TAN WCS, new at each call because threads must not share one."""
    made = WCS(naxis=2)
    made.wcs.ctype, made.wcs.cunit = CTYPE, CUNIT
    made.wcs.crval, made.wcs.crpix, made.wcs.cd = wcs.crval, wcs.crpix, wcs.cd
    return made


def pixel_to_sky(wcs: FrameWcs, x: F8, y: F8) -> tuple[F8, F8]:
    """Find the sky positions (RA, Dec) in degrees (ICRS) of 0-based pixel positions, each (n,)."""
    ra, dec = to_astropy(wcs).wcs_pix2world(x, y, 0)
    return np.asarray(ra, dtype=np.float64), np.asarray(dec, dtype=np.float64)


def sky_to_pixel(wcs: FrameWcs, ra: F8, dec: F8) -> tuple[F8, F8]:
    """Find the 0-based pixel positions (x, y) of sky positions in degrees (ICRS), each (n,)."""
    x, y = to_astropy(wcs).wcs_world2pix(ra, dec, 0)
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
