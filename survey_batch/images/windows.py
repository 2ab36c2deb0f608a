"""Windows around positions in one frame, and the field of a strip that covers each of them best."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F8, I8, Flags, Index
from survey_batch.images.cutout import on_image, overlap
from survey_batch.images.frame import AnyWcs, FrameGrid
from survey_batch.images.quality import flag, usable_ivar
from survey_batch.images.register import Span, pixel_span, subpixel_span
from survey_batch.images.wcs import pixel_to_sky, sky_to_pixel

Planes = dict[str, npt.NDArray[Any]]
"""Windows of `flux`, and of `ivar` and `mask` where cutouts have them: (n, y, x)."""

SAME_PIXEL = 1e-3
"""Pixels by which two grids may differ and still be one."""
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
        return self.shifted(0, -rows)

    def shifted(self, x: "I8 | int", y: "I8 | int") -> "Window":
        """Return the window in another frame, where its pixels have other numbers."""
        return Window(self.x.moved(x), self.y.moved(y))

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


def overlay(planes: Planes, patch: Planes, members: Index, pixels: Flags) -> None:
    """Replace some pixels in the windows of some objects, in place.

    Parameters
    ----------
    planes : (n, y, x) each
        All windows.
    patch : (m, y, x) each
        The windows of the touched objects, in order.
    members : (m,)
        Indices of these objects.
    pixels : (m, y, x), or (m, y, 1) for whole rows
        What to take from the patch.
    """
    for name, values in patch.items():
        planes[name][members] = np.where(pixels, values, planes[name][members])


def beyond_edge(window: Window, reach: int, shape: tuple[int, int]) -> Flags:
    """Mark the pixels of windows that lie beyond a frame of (ny, nx) pixels: (n, reach, reach)."""
    y, x = (
        (pixel < 0) | (pixel >= length)
        for pixel, length in zip(
            (span.start[:, None] + np.arange(reach) for span in (window.y, window.x)), shape, strict=True
        )
    )
    return np.asarray(y[:, :, None] | x[:, None, :])


def grid_offset(own: AnyWcs, other: AnyWcs, window: Window, reach: int) -> tuple[I8, Flags]:
    """Find by how many pixels another frame's grid is off, where it is the same grid all over a window.

    Parameters
    ----------
    own, other
        Astrometry of the frame that windows are in, and of the other.
    window
        Windows of n objects.
    reach
        Pixels of a window on a side.

    Returns
    -------
    (n, 2) int, (n,) bool
        What to add to x and y for the pixels of the other frame; whether the corners, the sides' middles and the middle
        of the window are all off by this whole number, within `SAME_PIXEL`.
    """
    at = np.array([0, reach // 2, reach - 1])
    x = np.repeat(window.x.start[:, None] + at, 3, axis=1).astype(np.float64)
    y = np.tile(window.y.start[:, None] + at, 3).astype(np.float64)
    there = sky_to_pixel(other, *pixel_to_sky(own, x.ravel(), y.ravel()))
    off = np.stack([part.reshape(x.shape) - here for part, here in zip(there, (x, y), strict=True)], axis=-1)
    whole = np.rint(np.nan_to_num(off[:, 4], nan=FAR, posinf=FAR, neginf=-FAR))
    return whole.astype(np.int64), np.asarray((np.abs(off - whole[:, None]) < SAME_PIXEL).all(axis=(1, 2)))
