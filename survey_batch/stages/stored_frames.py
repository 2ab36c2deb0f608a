"""Frames of the `frames` product, for the stages that cut from them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from survey_batch.core.arrays import F4, I4
from survey_batch.core.errors import NotFoundError, ObjectError, TransientError, UnreadableError
from survey_batch.core.paths import is_url
from survey_batch.core.status import Status
from survey_batch.images.aperture_correction import ApertureCorrection
from survey_batch.images.frame import FrameWcs, Sky
from survey_batch.images.ivar import Ccd
from survey_batch.images.reader import Field
from survey_batch.planning.stored_fields import PlannedFields
from survey_batch.stages.frame_source import CORRECTION_VARIABLES, SKY_VARIABLES, TIME, ArchiveFrames, Reach
from survey_batch.stages.frame_view import Bands, FrameError, FrameView
from survey_batch.store.chunks import Part, read_parts
from survey_batch.store.damage import damage_told
from survey_batch.store.products import open_group, read_rows, stored
from survey_batch.store.shard_parts import read_part

ERROR_OF: dict[int, type[FrameError]] = {
    Status.NOT_FOUND: NotFoundError,
    Status.UNREADABLE: UnreadableError,
    Status.UNREACHABLE: TransientError,
}


@dataclass(frozen=True)
class StoredFrame:
    """One band of one row of `frames.zarr`."""

    output: str
    index: int
    band: int
    wcs: FrameWcs
    shape: tuple[int, int]
    correction: ApertureCorrection
    mjd_tai: float

    @property
    def place(self) -> tuple[slice, slice]:
        """The row of the product, and the band in it."""
        return slice(self.index, self.index + 1), slice(self.band, self.band + 1)

    def pixels(self, rows: slice, columns: slice) -> F4:
        """Return part of the image [nanomaggy/pixel]; only the chunks it touches are read."""
        return self._read("image", rows, columns)

    def calibration(self) -> F4:
        """Return the nanomaggies per count of each column."""
        return self._read("calibration")

    def sky(self) -> Sky:
        """Return the subtracted sky."""
        return Sky(*(self._read(name) for name in SKY_VARIABLES.values()))

    def ivar(self, rows: slice, columns: slice) -> None:
        """Return nothing: it follows from the sky."""

    def mask(self, rows: slice, columns: slice) -> None:
        """Return nothing: it is not stored."""

    def _read(self, name: str, *part: slice) -> F4:
        group = open_group(self.output, "frames", fresh=False)
        with damage_told(group, [name], slice(self.index, self.index + 1)):
            return read_part(stored(group, name), self.index, self.band, *part)


class FramePart(NamedTuple):
    """Some rows and columns of a frame."""

    frame: FrameView
    rows: slice
    columns: slice


class Patch(NamedTuple):
    """The pixels of a part of a frame, its noise if that is asked for, and its mask if it has one."""

    pixels: F4
    noise: tuple[F4, Sky] | None
    """Calibration and sky of the frame, where the noise follows from them."""
    ivar: F4 | None = None
    mask: I4 | None = None


def read_patches(parts: Sequence[FramePart], *, noise: bool) -> Iterator[Patch]:
    """Read parts of frames: one after the other, but all at once from products in an object store.

    Parameters
    ----------
    parts
        What to read.
    noise
        Whether calibration and sky are read as well.
    """
    frames = [part.frame for part in parts]
    afar = [n for n, frame in enumerate(frames) if isinstance(frame, StoredFrame) and is_url(frame.output)]
    together = dict(zip(afar, _read_together([parts[n] for n in afar], noise=noise), strict=True))
    for number, part in enumerate(parts):
        yield together.get(number) or _read_alone(part, noise=noise)


def _read_alone(part: FramePart, *, noise: bool) -> Patch:
    frame, rows, columns = part
    given = frame.ivar(rows, columns) if noise else None
    follows = (frame.calibration(), frame.sky()) if noise and given is None else None
    return Patch(frame.pixels(rows, columns), follows, given, frame.mask(rows, columns))


def _read_together(parts: Sequence[FramePart], *, noise: bool) -> Iterator[Patch]:
    """Read parts of stored frames."""
    names = ("calibration", *SKY_VARIABLES.values()) if noise else ()
    wanted: list[tuple[str, Part]] = []
    frames = [part.frame for part in parts if isinstance(part.frame, StoredFrame)]
    for frame, (_, rows, columns) in zip(frames, parts, strict=True):
        wanted += [("image", (*frame.place, rows, columns)), *((name, frame.place) for name in names)]
    read = iter(read_parts(frames[0].output, "frames", wanted) if frames else ())
    for _ in parts:
        pixels, *others = (next(read)[0, 0] for _ in range(1 + len(names)))
        yield Patch(pixels, (others[0], Sky(*others[1:])) if noise else None)


class StoredFrames:
    """Frames of the `frames` product; a neighbouring field that the product lacks comes from the archive."""

    def __init__(self, output: str, archive: ArchiveFrames) -> None:
        self.output, self.archive = output, archive
        self.bands, self.reader = archive.bands, archive.reader
        self._planned = PlannedFields(output)
        self._fields: dict[Field, Bands] = {}

    def url(self, field: Field, band: str) -> str:
        """Return the address of a frame's file."""
        return self.archive.url(field, band)

    def ccd(self, field: Field, band: str) -> Ccd:
        """Return the noise properties of the detector behind a frame."""
        return self.archive.ccd(field, band)

    def load(self, field: Field, reach: Reach, objects: int = 1) -> Bands:
        """Return all bands of one field; what the product says of it, but for pixels, is read once."""
        if field not in self._fields:
            if (index := self._planned.index(field)) is None:
                return self.archive.load(field, reach, objects)
            self._fields[field] = self._read(field, index)
        return self._fields[field]

    def _read(self, field: Field, index: int) -> Bands:
        names = ("status", "crval", "crpix", "cd", TIME, *CORRECTION_VARIABLES.values())
        read = read_rows(self.output, "frames", slice(index, index + 1), names)
        status, crval, crpix, cd, mjd_tai, *correction = (read[name][0] for name in names)
        return {
            band: StoredFrame(
                self.output,
                index,
                number,
                FrameWcs(crval[number], crpix[number], cd[number]),
                self.reader.grid.shape,
                ApertureCorrection(*(part[number].item() for part in correction)),
                mjd_tai[number].item(),
            )
            if status[number] == Status.OK
            else self._error(status[number], field, band)
            for number, band in enumerate(self.bands)
        }

    def _error(self, status: int, field: Field, band: str) -> FrameError:
        kind = ERROR_OF.get(int(status), ObjectError)
        return kind(f"{self.url(field, band)} is {Status(status).name.lower()} in frames.zarr")


Frames = ArchiveFrames | StoredFrames
"""The two sources of frames."""
