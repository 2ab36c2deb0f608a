"""Conversion between sky positions and pixels of a frame, many at a time."""

import numpy as np
from astropy.wcs import WCS

from survey_batch.core.arrays import F8
from survey_batch.images.frame import CTYPE, CUNIT, AnyWcs, FrameWcs

TOLERANCE = 1e-6
"""Pixels to which the pixel of a position is found where a WCS can only be inverted step by step."""
DIVERGED = 0.01
"""Pixels; a position whose pixel leads back to a place farther away than this has none."""
STEP = 1.0
"""Pixels on either side of a position over which the scale there is measured."""


def to_astropy(wcs: FrameWcs) -> WCS:
    """Make an astropy TAN WCS, new at each call because threads must not share one."""
    made = WCS(naxis=2)
    made.wcs.ctype, made.wcs.cunit = CTYPE, CUNIT
    made.wcs.crval, made.wcs.crpix, made.wcs.cd = wcs.crval, wcs.crpix, wcs.cd
    return made


def pixel_to_sky(wcs: AnyWcs, x: F8, y: F8) -> tuple[F8, F8]:
    """Find the sky positions (RA, Dec) in degrees (ICRS) of 0-based pixel positions, each (n,)."""
    if isinstance(wcs, FrameWcs):
        ra, dec = to_astropy(wcs).wcs_pix2world(x, y, 0)
    else:
        ra, dec = wcs.whole.all_pix2world(x, y, 0, ra_dec_order=True)
    return np.asarray(ra, dtype=np.float64), np.asarray(dec, dtype=np.float64)


def sky_to_pixel(wcs: AnyWcs, ra: F8, dec: F8) -> tuple[F8, F8]:
    """Find the 0-based pixel positions (x, y) of sky positions in degrees (ICRS), each (n,); NaN if there is none."""
    if isinstance(wcs, FrameWcs):
        x, y = to_astropy(wcs).wcs_world2pix(ra, dec, 0)
        return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    x, y = wcs.whole.all_world2pix(ra, dec, 0, tolerance=TOLERANCE, ra_dec_order=True, quiet=True)
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    # Far from the frame the steps lead nowhere, and a distortion may fold the sky: only what leads back is a pixel.
    offset = tangent_plane(ra, dec, *pixel_to_sky(wcs, x, y))
    scale = np.sqrt(np.abs(np.linalg.det(wcs.whole.pixel_scale_matrix)))
    with np.errstate(invalid="ignore"):
        there = np.hypot(*offset) < DIVERGED * scale
    return np.where(there, x, np.nan), np.where(there, y, np.nan)


def tangent_at(wcs: AnyWcs, ra: F8, dec: F8) -> FrameWcs:
    """Return a TAN WCS that holds around each position [deg].

    Returns
    -------
    FrameWcs
        The frame's own where it is TAN, one for all positions. Otherwise one for each, (n, …): its reference pixel is
        that of the position, and its CD matrix the one there. In a window of 64 pixels, a distortion of 5
        pixels at the edge of a frame of 2048 moves the corners by 0.01 pixel.
    """
    if isinstance(wcs, FrameWcs):
        return wcs
    x, y = sky_to_pixel(wcs, ra, dec)
    columns = []
    for dx, dy in ((STEP, 0.0), (0.0, STEP)):
        ahead, behind = (
            tangent_plane(ra, dec, *pixel_to_sky(wcs, x + sign * dx, y + sign * dy)) for sign in (1.0, -1.0)
        )
        columns.append((ahead - behind) / (2 * STEP))
    return FrameWcs(
        np.stack([ra, dec], axis=-1), np.stack([x, y], axis=-1) + 1, np.stack(columns, axis=-1).swapaxes(0, 1)
    )


def tangent_plane(ra0: F8, dec0: F8, ra: F8, dec: F8) -> F8:
    """Project positions (ra, dec) on the planes that touch the sphere at (ra0, dec0), from its centre: (2, n) degrees.

    Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3.
    """
    a, d, d0 = np.radians(ra - ra0), np.radians(dec), np.radians(dec0)
    height = np.sin(d) * np.sin(d0) + np.cos(d) * np.cos(d0) * np.cos(a)
    east = np.cos(d) * np.sin(a)
    north = np.sin(d) * np.cos(d0) - np.cos(d) * np.sin(d0) * np.cos(a)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.degrees(np.where(height > 0, np.stack([east, north]) / height, np.nan))
