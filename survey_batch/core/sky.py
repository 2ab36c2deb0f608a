"""Geometry on the celestial sphere."""

import numpy as np
import numpy.typing as npt

Degrees = npt.NDArray[np.float64] | float


def separation_arcsec(ra: Degrees, dec: Degrees, ra_other: Degrees, dec_other: Degrees) -> npt.NDArray[np.float64]:
    """Return angular separations [arcsec] of positions [deg] by the haversine formula, also exact for small angles.

    The separation is 0 where a position is unknown (NaN).
    """
    ra, dec, ra_other, dec_other = (np.radians(angle) for angle in (ra, dec, ra_other, dec_other))
    haversine = np.sin((dec - dec_other) / 2) ** 2 + np.cos(dec) * np.cos(dec_other) * np.sin((ra - ra_other) / 2) ** 2
    return np.asarray(np.nan_to_num(np.degrees(2 * np.arcsin(np.sqrt(np.minimum(haversine, 1)))) * 3600))
