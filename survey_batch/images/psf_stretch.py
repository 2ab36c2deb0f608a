"""How the PSF is stretched at a position on an image."""

from dataclasses import dataclass

import numpy as np

from survey_batch.core.arrays import F8


@dataclass(frozen=True, eq=False)
class Variation:
    """Widths of the PSF by position, relative to those at the middle of the stars used.

    Attributes
    ----------
    middle, reach : (2,) float64
        Middle of the box around the stars, and half its sides, x and y [pixel]. Beyond the box the PSF is that at its
        edge; the plane is not extrapolated.
    slope : (3, 2) float64
        Change of the stretch along x, along y and across (the matrix's xx, yy and xy) from the middle to the edge in x
        and in y.
    """

    middle: F8
    reach: F8
    slope: F8

    def stretch(self, position: F8) -> F8:
        """Return the stretch xx, yy and xy at some positions x, y, (n, 3); (1, 1, 0) at the middle."""
        # Written out, because a matrix product of one row may round differently from that of many.
        x, y = self.scaled(position).T[:, :, None]
        return np.asarray(np.array([1.0, 1.0, 0.0]) + x * self.slope[:, 0] + y * self.slope[:, 1])

    def scaled(self, position: F8) -> F8:
        """Scale positions to -1 to 1 over the box, (n, 2)."""
        return np.asarray(np.clip((position - self.middle) / self.reach, -1.0, 1.0))


SAME = Variation(np.zeros(2), np.ones(2), np.zeros((3, 2)))
"""No variation."""


def unstretch(stretch: F8, dx: F8, dy: F8) -> tuple[F8, F8, F8]:
    """Map offsets of (n, k, k) pixels from n stars to those on the frame's own profile; also give the area's growth."""
    xx, yy, xy = stretch.T[:, :, None, None]
    area = xx * yy - xy**2
    return (yy * dx - xy * dy) / area, (xx * dy - xy * dx) / area, area
