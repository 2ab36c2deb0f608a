"""The `cutouts` product: calibrated pixels around each object, whole wherever the run holds a whole one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import TypeIs

from survey_batch.archive.sdss import FRAME_SHAPE, ROW_STEP, FieldKey
from survey_batch.errors import TransientError
from survey_batch.images.cutout import coverage, cut, on_image, overlap, window_start
from survey_batch.images.wcs import sky_to_pixel
from survey_batch.job import Job
from survey_batch.plan import Plan, Rows
from survey_batch.products import Array, Variable
from survey_batch.stages.base import Block, Coordinates, Cost, Stage, archive_settings
from survey_batch.stages.frame_source import ArchiveFrames, Bands, FrameError, FrameView, StoredFrames
from survey_batch.stages.frames import (
    FRAME_CPU_SECONDS,
    FRAME_FILE_BYTES,
    PIXEL,
    WCS_VARIABLES,
    field_bytes,
)
from survey_batch.status import Status

CUTOUT_CPU_SECONDS = 1e-4
"""Cutting and storing one 64-pixel cutout in one band, on a core of a 2-core cloud machine (AMD EPYC of 2024)."""

Members = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Window:
    """Where the windows of some objects lie in one band of one frame: (n,) each."""

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    x_start: npt.NDArray[np.int64]
    y_start: npt.NDArray[np.int64]


class CutoutsStage(Stage):
    """Cut a window around each object from the frame of its run in which the window is whole."""

    name = "cutouts"

    @property
    def phase(self) -> str:  # type: ignore[override]
        """Straight from the archive it is ingest."""
        return "prepare" if self.job.frames.keep else "ingest"

    def settings(self) -> dict[str, Any]:
        """Archive, bands and size; not whether frames are kept, as the pixels are the same."""
        return {
            **archive_settings(self.job),
            "frames.bands": self.job.frames.bands,
            "cutouts.size": self.job.cutouts.size,
        }

    def sizes(self) -> dict[str, int]:
        """Bands and pixels."""
        size = self.job.cutouts.size
        return {"band": len(self.job.frames.bands), "y": size, "x": size, "world": 2, "pixel": 2}

    def variables(self) -> tuple[Variable, ...]:
        """Pixels, how many are real, where the object is in them, and their WCS."""
        per_band = ("object", "band")
        position = {"units": "pixel", "comment": "0-based; integers are pixel centres"}
        return (
            Variable("flux", (*per_band, "y", "x"), "f4", {"long_name": "sky-subtracted flux", **PIXEL}),
            Variable("coverage", per_band, "f4", {"long_name": "share of pixels that are real", "units": "1"}),
            Variable("x_object", per_band, "f8", {"long_name": "the object's x in its cutout", **position}),
            Variable("y_object", per_band, "f8", {"long_name": "the object's y in its cutout", **position}),
            *(Variable(n, (*per_band, *dims), "f8", attrs) for n, (dims, attrs) in WCS_VARIABLES.items()),
            Variable("source_field", ("object",), "i4", {"long_name": "field that the pixels come from"}),
        )

    def coordinates(self) -> Coordinates:
        """Band names."""
        return {"band": (("band",), np.array(list(self.job.frames.bands)), {"long_name": "SDSS filter"})}

    def compute(self, rows: Rows, inputs: Rows) -> Block:  # noqa: ARG002
        """Cut all objects, field by field."""
        cutter = Cutter(self.job, rows, self.empty_block(len(rows["ra"])))
        for key, members in by_field(rows):
            cutter.cut_field(key, members)
        return cutter.block

    def cost(self, plan: Plan) -> Cost:
        """Pixels of a shard, and the frames of three fields where they come from the archive."""
        bands = len(self.job.frames.bands)
        shard = min(self.job.shards.objects, plan.size("object")) * self.schema(1).row_nbytes
        cpu = plan.size("object") * bands * CUTOUT_CPU_SECONDS * (self.job.cutouts.size / 64) ** 2
        if self.job.frames.keep:
            return Cost(worker_bytes=2 * shard + field_bytes(1), cpu_seconds=cpu)
        files = plan.size("frame") * bands
        fields = 4 * field_bytes(bands)
        return Cost(files, files * FRAME_FILE_BYTES, 2 * shard + fields, cpu + files * FRAME_CPU_SECONDS)


def by_field(rows: Rows) -> Iterator[tuple[FieldKey, Members]]:
    """Group a shard's rows by their field, in order."""
    keys = np.stack([rows[name] for name in FieldKey._fields], axis=1)
    fields, inverse = np.unique(keys, axis=0, return_inverse=True)
    for number, key in enumerate(fields):
        yield FieldKey(*(int(part) for part in key)), np.flatnonzero(inverse.ravel() == number)


class Cutter:
    """Cuts the objects of one block; `block` is filled field by field."""

    def __init__(self, job: Job, rows: Rows, block: Block) -> None:
        self.bands = job.frames.bands
        self.size = job.cutouts.size
        self.source = StoredFrames(job) if job.frames.keep else ArchiveFrames(job)
        self.rows, self.block = rows, block

    def cut_field(self, key: FieldKey, members: Members) -> None:
        """Cut the objects of a field, each from the field or the neighbour in which its window is whole."""
        own = self.source.load(key)
        step = self._choose_neighbours(own, members)
        for offset in (-1, 0, 1):
            chosen = members[step == offset]
            if not chosen.size:
                continue
            served = key if offset == 0 else key._replace(field=key.field + offset)
            bands = own if offset == 0 else self._neighbour(served, own)
            self._cut_from(key if bands is own else served, bands, chosen)

    def _choose_neighbours(self, own: Bands, members: Members) -> npt.NDArray[np.int64]:
        """Find the field (-1, 0 or 1 from the catalogue's) that covers each window best.

        Adjacent fields of a run lie on one pixel grid, `ROW_STEP` rows apart, so this needs no other file.
        """
        windows = [self._window(frame.wcs, members) for frame in usable(own).values()]
        steps = np.array([0, -1, 1])  # the catalogue's own field first: it wins a tie
        shares = [
            sum(
                (overlap(w.y_start - step * ROW_STEP, self.size, FRAME_SHAPE[0]) for w in windows),
                np.zeros(len(members)),
            )
            for step in steps
        ]
        return np.asarray(steps[np.argmax(np.round(shares, 9), axis=0)])

    def _neighbour(self, key: FieldKey, own: Bands) -> Bands:
        """Load a neighbour; where the archive has not at least the same bands of it, stay with the own field."""
        bands = self.source.load(key)
        errors = [frame for frame in bands.values() if isinstance(frame, TransientError)]
        return bands if errors or len(usable(bands)) >= len(usable(own)) else own

    def _cut_from(self, key: FieldKey, bands: Bands, members: Members) -> None:
        self.block.data["source_field"][members] = key.field
        self.block.data["coverage"][members] = 0  # a band that is missing covers nothing
        on_frame = np.zeros(len(members), dtype=bool)
        for number, frame in enumerate(bands[letter] for letter in self.bands):
            if not is_error(frame):
                window = self._window(frame.wcs, members)
                on_frame |= on_image(window.x, window.y, FRAME_SHAPE)
                self._cut_band(number, frame, window, members)
        self._judge(key, bands, members, on_frame)

    def _window(self, wcs: Any, members: Members) -> Window:
        x, y = sky_to_pixel(wcs, self.rows["ra"][members], self.rows["dec"][members])
        # A position on the far side of the sky has no pixel; any far one will do, as it is on no frame.
        x, y = (np.nan_to_num(v, nan=-1e6, posinf=1e6, neginf=-1e6).clip(-1e6, 1e6) for v in (x, y))
        return Window(x, y, window_start(x, self.size), window_start(y, self.size))

    def _cut_band(self, number: int, frame: FrameView, window: Window, members: Members) -> None:
        rows, columns = (
            _bounds(start, self.size, length)
            for start, length in zip((window.y_start, window.x_start), FRAME_SHAPE, strict=True)
        )
        pixels = frame.pixels(rows, columns)
        data, flux = (
            self.block.data,
            cut(pixels, window.x_start - columns.start, window.y_start - rows.start, self.size),
        )
        data["flux"][members, number] = flux
        data["coverage"][members, number] = coverage(flux)
        data["x_object"][members, number] = window.x - window.x_start
        data["y_object"][members, number] = window.y - window.y_start
        data["crval"][members, number] = frame.wcs.crval
        data["cd"][members, number] = frame.wcs.cd
        data["crpix"][members, number] = frame.wcs.crpix - np.stack([window.x_start, window.y_start], axis=1)

    def _judge(self, key: FieldKey, bands: Bands, members: Members, on_frame: npt.NDArray[np.bool_]) -> None:
        """Give each object its status; unusable rows are emptied."""
        errors = {letter: frame for letter, frame in bands.items() if is_error(frame)}
        for place, row in enumerate(members):
            status, message = self._verdict(errors, self.block.data["coverage"][row], bool(on_frame[place]))
            if status is Status.OK:
                continue
            letter = next(iter(errors), self.bands[0])
            self.block.fail(int(row), status, message, self.source.url(key, letter))
            if status is not Status.PARTIAL:
                self._empty(int(row))

    def _verdict(self, errors: Mapping[str, FrameError], share: Array, on_frame: bool) -> tuple[Status, str]:
        worst = max((error.status for error in errors.values()), default=Status.OK)
        if worst >= Status.UNREACHABLE or len(errors) == len(self.bands):
            return worst, "; ".join(f"{letter}: {error}" for letter, error in errors.items())
        if not on_frame:
            return Status.OUTSIDE, "the position is not on the frame; check ra, dec, run, camcol and field"
        lacking = [f"{letter}: {error}" for letter, error in errors.items()]
        lacking += [
            f"{letter}: {value:.1%} of the pixels are on the frame"
            for letter, value in zip(self.bands, share, strict=True)
            if letter not in errors and value < 1
        ]
        return (Status.PARTIAL, "; ".join(lacking)) if lacking else (Status.OK, "")

    def _empty(self, row: int) -> None:
        for values in self.block.data.values():
            values[row] = np.nan if values.dtype.kind == "f" else 0


def is_error(frame: FrameView | FrameError) -> TypeIs[FrameError]:
    """Tell a band that could not be had."""
    return isinstance(frame, Exception)


def usable(bands: Bands) -> dict[str, FrameView]:
    """Keep the bands that could be had."""
    return {letter: frame for letter, frame in bands.items() if not is_error(frame)}


def _bounds(start: npt.NDArray[np.int64], size: int, length: int) -> slice:
    """Part of an axis that holds all windows; at least one pixel, so that no window is cut from nothing."""
    low = int(np.clip(start.min(), 0, length - 1))
    return slice(low, int(np.clip(start.max() + size, low + 1, length)))
