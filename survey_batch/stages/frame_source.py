"""Two sources of frames with identical pixels: the `frames` product and the archive."""

from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Protocol

import numpy as np

from survey_batch.archive.content import ANY, FITS
from survey_batch.archive.decompress import decompress
from survey_batch.archive.download import Archive
from survey_batch.config.file_reader import as_text, reader_of
from survey_batch.core.arrays import F4
from survey_batch.core.errors import (
    ConfigurationError,
    NotFoundError,
    ObjectError,
    ReaderError,
    TransientError,
    UnreadableError,
)
from survey_batch.core.status import Status
from survey_batch.images.aperture_correction import NONE, ApertureCorrection, measure_correction
from survey_batch.images.frame import AnyWcs, Frame, FrameWcs, Sky
from survey_batch.images.ivar import Ccd
from survey_batch.images.reader import Field, ImageReader
from survey_batch.planning.stored import read_fields
from survey_batch.stages.context import Origin
from survey_batch.store.damage import damage_told
from survey_batch.store.products import open_group, read_rows, stored

FrameError = ObjectError | TransientError

FIELDS_IN_MEMORY = 3
"""A field and its two neighbours, if it has any: objects are in the order of fields, so no frame is decoded twice."""

SKY_VARIABLES = {"image": "sky", "column": "sky_column", "row": "sky_row"}
"""Parts of `Sky`, and their names in the `frames` product."""

CORRECTION_VARIABLES = {
    "factor": "aperture_correction",
    "error": "aperture_correction_error",
    "stars": "aperture_correction_stars",
    "fwhm": "psf_fwhm",
}
"""Parts of `ApertureCorrection`, and their names in the products."""

TIME = "mjd_tai"
"""Name of the observation time in the products, as in `Frame`."""

ERROR_OF: dict[int, type[FrameError]] = {
    Status.NOT_FOUND: NotFoundError,
    Status.UNREADABLE: UnreadableError,
    Status.UNREACHABLE: TransientError,
}


def check_bands(reader: ImageReader, bands: str, key: str) -> None:
    """Refuse bands that a survey does not have, and name the key of the job that asks for them.

    Raises
    ------
    ConfigurationError
        Which bands there are.
    """
    if lacking := [band for band in bands if band not in reader.bands]:
        raise ConfigurationError(
            f"{key}: survey {reader.archive.survey!r} has no band {' or '.join(lacking)}; it has {reader.bands}"
        )


class FrameView(Protocol):
    """One band of one field, whose pixels may still be on disk."""

    @property
    def wcs(self) -> AnyWcs:
        """Astrometry of the frame."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    def correction(self) -> ApertureCorrection:
        """Aperture correction of point sources on the frame."""

    @property
    def mjd_tai(self) -> float:
        """When the frame was observed, as in `Frame`."""

    def pixels(self, rows: slice, columns: slice) -> F4:
        """Return part of the image [nanomaggy/pixel]."""

    def calibration(self) -> F4:
        """Return the nanomaggies per count of each column."""

    def sky(self) -> Sky:
        """Return the subtracted sky; only if the job asks for `ivar`."""


Bands = Mapping[str, FrameView | FrameError]
"""Each band's frame, or the reason there is none."""


@dataclass(frozen=True)
class FrameInMemory:
    """A decoded frame."""

    frame: Frame
    corrects: bool = True
    """As of the `ImageReader`."""

    @property
    def wcs(self) -> AnyWcs:
        """Astrometry of the frame."""
        return self.frame.wcs

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        height, width = self.frame.image.shape
        return height, width

    @cached_property
    def correction(self) -> ApertureCorrection:
        """Aperture correction of point sources on the frame; measured when an object is cut from it."""
        return measure_correction(self.frame.image, self.frame.calibration) if self.corrects else NONE

    @property
    def mjd_tai(self) -> float:
        """When the frame was observed, as in `Frame`."""
        return self.frame.mjd_tai

    def pixels(self, rows: slice, columns: slice) -> F4:
        """Return part of the image [nanomaggy/pixel]."""
        return self.frame.image[rows, columns]

    def calibration(self) -> F4:
        """Return the nanomaggies per count of each column."""
        return self.frame.calibration

    def sky(self) -> Sky:
        """Return the subtracted sky."""
        if self.frame.sky is None:
            raise ValueError("the frame was read without its sky")
        return self.frame.sky


class ArchiveFrames:
    """Frames straight from the archive; the last few fields stay in memory."""

    def __init__(self, origin: Origin, bands: str, *, sky: bool) -> None:
        self.bands, self.sky = bands, sky
        self.reader = origin.images()
        self.archive = Archive(origin.archive, content=FITS if self.reader.fits else ANY)
        self._fields: OrderedDict[Field, Bands] = OrderedDict()
        self._decoding = Lock()  # one core per task: more threads would only take cores from other workers

    def url(self, field: Field, band: str) -> str:
        """Return the address of a frame's file; empty if the reader cannot name it."""
        try:
            return self.archive.locate(self._path(field, band))
        except ReaderError:
            return ""

    def ccd(self, field: Field, band: str) -> Ccd:
        """Return the noise properties of the detector behind a frame."""
        with reader_of(self.archive.section.survey, f"field {field}"):
            return self.reader.ccd(field, band)

    def load(self, field: Field) -> Bands:
        """Return all bands of one field; downloads run in parallel, within the run's limit."""
        if field not in self._fields:
            while len(self._fields) >= (1 if self.reader.grid.overlap is None else FIELDS_IN_MEMORY):
                self._fields.popitem(last=False)
            self._fields[field] = {
                band: FrameInMemory(frame, self.reader.corrects) if isinstance(frame, Frame) else frame
                for band, frame in self.decode(field).items()
            }
        self._fields.move_to_end(field)
        return self._fields[field]

    def decode(self, field: Field) -> dict[str, Frame | FrameError]:
        """Download all bands of a field in parallel, and decode each while the next ones arrive."""
        with ThreadPoolExecutor(len(self.bands)) as pool:
            return dict(zip(self.bands, pool.map(lambda band: self._read(field, band), self.bands), strict=True))

    def _read(self, field: Field, band: str) -> Frame | FrameError:
        def decode(raw: bytes) -> Frame:
            with self._decoding:
                frame = self.reader.read(
                    decompress(raw, self.reader.ceiling, plain=not self.reader.fits), field, band, sky=self.sky
                )
            if not isinstance(frame, Frame):
                raise TypeError(f"read returned {type(frame).__name__} and must return a Frame")
            return frame

        try:
            path = self._path(field, band)
            with reader_of(self.archive.section.survey, f"field {field}"):
                others = self.reader.other_paths(field, band, remote=self.archive.remote)
            return self.archive.read(path, decode, others)
        except (ObjectError, TransientError) as error:
            return error

    def _path(self, field: Field, band: str) -> str:
        with reader_of(self.archive.section.survey, f"field {field}"):
            return as_text(self.reader.path(field, band))


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

    def pixels(self, rows: slice, columns: slice) -> F4:
        """Return part of the image [nanomaggy/pixel]; only the chunks it touches are read."""
        return self._read("image", rows, columns)

    def calibration(self) -> F4:
        """Return the nanomaggies per count of each column."""
        return self._read("calibration")

    def sky(self) -> Sky:
        """Return the subtracted sky."""
        return Sky(*(self._read(name) for name in SKY_VARIABLES.values()))

    def _read(self, name: str, *part: slice) -> F4:
        group = open_group(self.output, "frames", fresh=False)
        where: tuple[int | slice, ...] = (self.index, self.band, *part)
        with damage_told(group, [name], slice(self.index, self.index + 1)):
            return np.asarray(stored(group, name)[where])


class StoredFrames:
    """Frames of the `frames` product; a neighbouring field that the product lacks comes from the archive."""

    def __init__(self, output: str, archive: ArchiveFrames) -> None:
        self.output, self.archive = output, archive
        self.bands, self.reader = archive.bands, archive.reader
        self._index_of = read_fields(output)
        self._fields: dict[Field, Bands] = {}

    def url(self, field: Field, band: str) -> str:
        """Return the address of a frame's file."""
        return self.archive.url(field, band)

    def ccd(self, field: Field, band: str) -> Ccd:
        """Return the noise properties of the detector behind a frame."""
        return self.archive.ccd(field, band)

    def load(self, field: Field) -> Bands:
        """Return all bands of one field; what the product says of it, but for pixels, is read once."""
        if field not in self._index_of:
            return self.archive.load(field)
        if field not in self._fields:
            self._fields[field] = self._read(field, self._index_of[field])
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
