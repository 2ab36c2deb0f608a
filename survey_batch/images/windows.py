"""Windows around positions in one frame, and the field of a strip that covers each of them best."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F8, I8, Flags
from survey_batch.images.cutout import on_image, overlap
from survey_batch.images.frame import AnyWcs, FrameGrid
from survey_batch.images.quality import flag, usable_ivar
from survey_batch.images.register import Span, pixel_span, subpixel_span
from survey_batch.images.wcs import sky_to_pixel

Planes = dict[str, npt.NDArray[Any]]
"""Windows of `flux`, and of `ivar` and `mask` where cutouts have them: (n, y, x)."""

FAR = 1e6
"""Pixels; stands for a position on the far side of the sky, which has no pixel."""


@dataclass(frozen=True)
class Window:
    """Positions of the windows of some objects in one frame."""

    x: Span
    y: Span

    def take(self, selection: Flags) -> "Window":
        """Select objects."""
        return Window(self.x.take(selection), self.y.take(selection))

    def moved(self, rows: int) -> "Window":
        """Return the window with its rows counted from another field's first row, some rows further along the strip."""
        return Window(self.x, self.y.moved(-rows))

    def inside(self, shape: tuple[int, int]) -> Flags:
        """Tell which positions lie on a frame of (ny, nx) pixels."""
        return on_image(self.x.position, self.y.position, shape)


def windows_around(wcs: AnyWcs, ra: F8, dec: F8, size: int, *, subpixel: bool) -> Window:
    """Find the windows of `size` pixels around positions [deg] in a frame."""
    x, y = (
        np.nan_to_num(value, nan=-FAR, posinf=FAR, neginf=-FAR).clip(-FAR, FAR) for value in sky_to_pixel(wcs, ra, dec)
    )
    span = subpixel_span if subpixel else pixel_span
    return Window(span(x, size), span(y, size))


def best_step(windows: Sequence[Window], reach: int, grid: FrameGrid, objects: int) -> I8:
    """Find the field (-1, 0 or 1 from the catalogue's field) that covers each object's windows best.

    Neighbouring fields lie on one pixel grid, `grid.step` rows apart, so no other file is needed to know.

    Parameters
    ----------
    windows
        Windows in each band of the catalogue's field.
    reach
        Pixels of a window on a side.
    grid
        The frames' shape, and whether fields have neighbours.
    objects
        Their number, for a field without any band.
    """
    steps = np.array([0, -1, 1] if grid.overlap is not None else [0])  # the catalogue's own field first: it wins a tie
    shares = [
        sum((overlap(window.y.start - step * grid.step, reach, grid.rows) for window in windows), np.zeros(objects))
        for step in steps
    ]
    return np.asarray(steps[np.argmax(np.round(shares, 9), axis=0)])


def judged(planes: Planes) -> Planes:
    """Let masks say where there is no pixel and no inverse variance, and give pixels that they mark no weight."""
    if (mask := planes.get("mask")) is not None:
        planes["mask"] = mask = flag(planes["flux"], planes.get("ivar"), mask)
    if "ivar" in planes:
        planes["ivar"] = usable_ivar(planes["flux"], planes["ivar"], mask)
    return planes


def overlay(planes: Planes, patch: Planes, touched: Flags, rows: Flags) -> Planes:
    """Replace some rows in the windows of some objects.

    Parameters
    ----------
    planes : (n, y, x) each
        All windows.
    patch : (m, y, x) each
        The windows of the touched objects, in order.
    touched : (n,)
        m objects.
    rows : (n, y)
        The rows to take from the patch.

    Returns
    -------
    dict
        `planes`, changed in place.
    """
    indices, lines = np.nonzero(rows[touched])
    for name, values in patch.items():
        planes[name][np.flatnonzero(touched)[indices], lines] = values[indices, lines]
    return planes
