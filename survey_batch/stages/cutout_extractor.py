"""Extraction of the cutouts of one block, field by field, from all fields of the run that their windows touch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import TypeIs

from survey_batch.config.sections.images import CutoutsSection
from survey_batch.core.errors import TransientError
from survey_batch.core.status import Status
from survey_batch.images.cutout import coverage, cut, on_image, overlap
from survey_batch.images.ivar import window_ivar
from survey_batch.images.reader import Field
from survey_batch.images.register import MARGIN, Span, pixel_span, resample, resample_ivar, subpixel_span
from survey_batch.images.stitch import rows_from, steps_beyond
from survey_batch.images.wcs import sky_to_pixel
from survey_batch.planning.plan import Rows
from survey_batch.stages.base import Block
from survey_batch.stages.frame_source import (
    CORRECTION_VARIABLES,
    ArchiveFrames,
    Bands,
    FrameError,
    FrameView,
    StoredFrames,
)
from survey_batch.stages.verdict import MissingFrame, verdict

Members = npt.NDArray[np.intp]
Planes = dict[str, npt.NDArray[np.float32]]
"""Windows of `flux`, and of `ivar` if requested: (n, y, x)."""


@dataclass(frozen=True)
class Window:
    """Positions of the windows of some objects in one band of one frame."""

    x: Span
    y: Span

    def take(self, selection: npt.NDArray[np.bool_]) -> "Window":
        """Select objects."""
        return Window(self.x.take(selection), self.y.take(selection))

    def moved(self, rows: int) -> "Window":
        """Return the window with its rows counted from another field's first row, some rows further along the strip."""
        return Window(self.x, self.y.moved(-rows))


@dataclass(frozen=True)
class Group:
    """Objects that are cut from one field."""

    key: Field
    members: Members
    on_frame: npt.NDArray[np.bool_]
    """Whether the position lies on the field in any band."""


class CutoutExtractor:
    """Extractor of the objects of one block; fills `block` field by field."""

    def __init__(self, section: CutoutsSection, source: ArchiveFrames | StoredFrames, rows: Rows, block: Block) -> None:
        self.source, self.bands, self.reader = source, source.bands, source.reader
        self.size, self.ivar = section.size, section.ivar
        self.subpixel = section.registration == "subpixel"
        self.reach = self.size + (MARGIN if self.subpixel else 0)
        self.grid = self.reader.grid
        self.rows, self.block = rows, block
        self._beyond: dict[int, list[MissingFrame]] = {}

    def cut_field(self, key: Field, members: Members) -> None:
        """Cut the objects of a field, each from the field or neighbour that covers most of its window."""
        own = self.source.load(key)
        step = self._choose_neighbours(own, members)
        for offset in (-1, 0, 1):
            chosen = members[step == offset]
            if not chosen.size:
                continue
            served = key if offset == 0 else self.reader.beyond(key, offset)
            bands = own if offset == 0 else self._neighbour(served, own)
            self._cut_from(key if bands is own else served, bands, chosen)

    def _choose_neighbours(self, own: Bands, members: Members) -> npt.NDArray[np.int64]:
        """Find the field (-1, 0 or 1 from the catalogue's field) that covers each window best.

        Adjacent fields of a run share one pixel grid, `grid.step` rows apart, so no other file is needed.
        """
        windows = [self._window(frame.wcs, members) for frame in usable(own).values()]
        steps = np.array([0, -1, 1] if self.grid.overlap is not None else [0])  # the catalogue's own field wins a tie
        shares = [
            sum(
                (overlap(w.y.start - step * self.grid.step, self.reach, self.grid.rows) for w in windows),
                np.zeros(len(members)),
            )
            for step in steps
        ]
        return np.asarray(steps[np.argmax(np.round(shares, 9), axis=0)])

    def _neighbour(self, key: Field, own: Bands) -> Bands:
        """Load a neighbour; if the archive has fewer bands of it, return the catalogue's own field."""
        bands = self.source.load(key)
        errors = [frame for frame in bands.values() if isinstance(frame, TransientError)]
        return bands if errors or len(usable(bands)) >= len(usable(own)) else own

    def _cut_from(self, key: Field, bands: Bands, members: Members) -> None:
        data = self.block.data
        for name in ("source_field", "first_field", "last_field"):
            data[name][members] = key[-1]
        data["coverage"][members] = 0  # a missing band covers nothing
        windows = {letter: self._window(frame.wcs, members) for letter, frame in usable(bands).items()}
        on_frame = np.zeros(len(members), dtype=bool)
        for window in windows.values():
            on_frame |= on_image(window.x.position, window.y.position, self.grid.shape)
        group = Group(key, members, on_frame)
        for number, letter in enumerate(self.bands):
            if not is_error(frame := bands[letter]):
                self._cut_band(group, number, frame, windows[letter])
        self._judge(group, bands)

    def _cut_band(self, group: Group, number: int, frame: FrameView, window: Window) -> None:
        planes = self._cut_windows(group.key, number, frame, window)
        self._stitch(group, number, planes, window)
        self._store(number, frame, self._register(planes, window), window, group.members)

    def _window(self, wcs: Any, members: Members) -> Window:
        x, y = sky_to_pixel(wcs, self.rows["ra"][members], self.rows["dec"][members])
        # A position on the far side of the sky has no pixel; use one that is far from every frame.
        x, y = (np.nan_to_num(v, nan=-1e6, posinf=1e6, neginf=-1e6).clip(-1e6, 1e6) for v in (x, y))
        span = subpixel_span if self.subpixel else pixel_span
        return Window(span(x, self.size), span(y, self.size))

    def _cut_windows(self, key: Field, number: int, frame: FrameView, window: Window) -> Planes:
        """Cut the part of the windows that one frame covers."""
        x_start, y_start = window.x.start, window.y.start
        rows, columns = (
            _bounds(start, self.reach, length)
            for start, length in zip((y_start, x_start), self.grid.shape, strict=True)
        )
        pixels = frame.pixels(rows, columns)
        planes = {"flux": cut(pixels, x_start - columns.start, y_start - rows.start, self.reach)}
        if self.ivar:
            chip = self.reader.ccd(key, self.bands[number])
            planes["ivar"] = window_ivar(planes["flux"], x_start, y_start, frame.calibration(), frame.sky(), chip)
        return planes

    def _stitch(self, group: Group, number: int, planes: Planes, window: Window) -> None:
        """Fill the rows that the serving frame lacks from other frames of the run."""
        wanted = group.on_frame & (overlap(window.x.start, self.reach, self.grid.columns) > 0)
        for step in steps_beyond(window.y.start[wanted], self.reach, self.grid):
            rows = rows_from(step, window.y.start, self.reach, self.grid)
            touched = wanted & rows.any(axis=1)
            if not touched.any():
                continue
            key = self.reader.beyond(group.key, step)
            frame = self.source.load(key)[self.bands[number]]
            if is_error(frame):
                self._note(group.members[touched], MissingFrame(key, self.bands[number], frame))
                continue
            patch = self._cut_windows(key, number, frame, window.moved(step * self.grid.step).take(touched))
            _overlay(planes, patch, touched, rows)
            self._widen(group.members[touched], key[-1])

    def _note(self, members: Members, lack: MissingFrame) -> None:
        for row in members:
            self._beyond.setdefault(int(row), []).append(lack)

    def _widen(self, members: Members, field: int) -> None:
        for name, choose in (("first_field", np.minimum), ("last_field", np.maximum)):
            values = self.block.data[name]
            values[members] = choose(values[members], field)

    def _register(self, planes: Planes, window: Window) -> Planes:
        """Resample windows to the cutouts' pixels, if needed."""
        if not self.subpixel:
            return planes
        shift = {"flux": resample, "ivar": resample_ivar}
        return {name: shift[name](values, window.x, window.y) for name, values in planes.items()}

    def _store(self, number: int, frame: FrameView, planes: Planes, window: Window, members: Members) -> None:
        data = self.block.data
        for name, values in planes.items():
            data[name][members, number] = values
        data["coverage"][members, number] = coverage(planes["flux"])
        data["x_object"][members, number] = window.x.inside
        data["y_object"][members, number] = window.y.inside
        data["crval"][members, number] = frame.wcs.crval
        data["cd"][members, number] = frame.wcs.cd
        data["crpix"][members, number] = frame.wcs.crpix - np.stack([window.x.first, window.y.first], axis=1)
        for part, name in CORRECTION_VARIABLES.items():
            data[name][members, number] = getattr(frame.correction, part)

    def _judge(self, group: Group, bands: Bands) -> None:
        """Set each object's status; empty the unusable rows."""
        errors = [MissingFrame(group.key, letter, frame) for letter, frame in bands.items() if is_error(frame)]
        for row, on_frame in zip(group.members.tolist(), group.on_frame.tolist(), strict=True):
            beyond = self._beyond.get(row, [])
            status, message = verdict(self.bands, errors, beyond, self.block.data["coverage"][row], on_frame)
            if status is Status.OK:
                continue
            lacks = [(lack.field, lack.band) for lack in (*errors, *beyond)]
            self.block.fail(row, status, message, self.source.url(*(lacks or [(group.key, self.bands[0])])[0]))
            if status is not Status.PARTIAL:
                self._empty(row)

    def _empty(self, row: int) -> None:
        for values in self.block.data.values():
            values[row] = np.nan if values.dtype.kind == "f" else 0


def is_error(frame: FrameView | FrameError) -> TypeIs[FrameError]:
    """Tell whether a band could not be loaded."""
    return isinstance(frame, Exception)


def usable(bands: Bands) -> Mapping[str, FrameView]:
    """Select the bands that could be loaded."""
    return {letter: frame for letter, frame in bands.items() if not is_error(frame)}


def _overlay(planes: Planes, patch: Planes, touched: npt.NDArray[np.bool_], rows: npt.NDArray[np.bool_]) -> None:
    """Replace some rows (n, size) in the windows of the touched objects by those of a patch."""
    places, lines = np.nonzero(rows[touched])
    for name, values in patch.items():
        planes[name][np.flatnonzero(touched)[places], lines] = values[places, lines]


def _bounds(start: npt.NDArray[np.int64], size: int, length: int) -> slice:
    """Return the part of an axis that holds all windows; at least one pixel, so that there is something to cut from."""
    low = int(np.clip(start.min(), 0, length - 1))
    return slice(low, int(np.clip(start.max() + size, low + 1, length)))
