"""Frames straight from the archive, with the pixels that the `frames` product has (`stages/stored_frames.py`)."""

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from survey_batch.archive.content import ANY, FITS
from survey_batch.archive.decompress import Inflater, decompress
from survey_batch.archive.download import Archive
from survey_batch.archive.partial import PartialFile
from survey_batch.config.file_reader import as_text, reader_of
from survey_batch.core.errors import (
    ConfigurationError,
    ObjectError,
    ReaderError,
    TransientError,
    UnreadableError,
)
from survey_batch.images.frame import AnyWcs, Frame, FrameTop
from survey_batch.images.ivar import Ccd
from survey_batch.images.reader import Field, ImageReader
from survey_batch.stages.context import Origin
from survey_batch.stages.frame_view import Bands, FrameError, FrameInMemory, FrameTopInMemory, FrameView

T = TypeVar("T")

Reach = Callable[[AnyWcs], int]
"""Tells from a band's WCS how many of the frame's first rows are needed."""

FIELDS_IN_MEMORY = 3
"""A field and its two neighbours on a strip: objects are in the order of fields, so no frame is decoded twice."""

FEW = 8
"""Objects of a field up to which its frames are fetched in parts: the last of nine is in the last tenth of a frame."""

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


def fields_in_memory(reader: ImageReader) -> int:
    """Return how many fields stay in memory: one and its neighbours, or one that fills what is beyond its edge."""
    return FIELDS_IN_MEMORY if reader.grid.overlap is not None else 1 + reader.stitches


class ArchiveFrames:
    """Frames straight from the archive; the last few fields stay in memory.

    Parameters
    ----------
    origin, bands
        The archive, and the bands to read.
    sky
        Whether to read the subtracted sky.
    whole
        False: of each frame, only the rows that `load` is asked for, without calibration, sky and aperture correction.
    """

    def __init__(self, origin: Origin, bands: str, *, sky: bool, whole: bool = True) -> None:
        self.bands, self.sky, self.whole = bands, sky, whole
        self.reader = origin.images()
        self.archive = Archive(origin.archive, content=FITS if self.reader.fits else ANY)
        self._fields: OrderedDict[Field, Bands] = OrderedDict()
        self._most = fields_in_memory(self.reader)
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

    def load(self, field: Field, reach: Reach, objects: int = 1) -> Bands:
        """Return all bands of one field; downloads run in parallel, within the run's limit.

        Parameters
        ----------
        field
            The field.
        reach
            Tells from a band's WCS how many of the frame's first rows will be asked for.
        objects
            How many objects ask for them.
        """
        before = self._fields.get(field, {})
        if any(_is_short(before.get(band), reach) for band in self.bands):
            most = objects > FEW
            self._fields[field] = self._each(lambda band: self._view(field, band, reach, before.get(band), most=most))
            while len(self._fields) > self._most:
                self._fields.popitem(last=False)
        self._fields.move_to_end(field)
        return self._fields[field]

    def decode(self, field: Field) -> dict[str, Frame | FrameError]:
        """Download all bands of a field in parallel, and decode each while the next ones arrive."""
        return self._each(lambda band: self._whole(field, band))

    def _each(self, read: Callable[[str], T]) -> dict[str, T]:
        with ThreadPoolExecutor(len(self.bands)) as pool:
            return dict(zip(self.bands, pool.map(read, self.bands), strict=True))

    def _view(
        self, field: Field, band: str, reach: Reach, before: FrameView | FrameError | None, *, most: bool
    ) -> FrameView | FrameError:
        """Read a band, or more rows of it than before."""
        if before is not None and not _is_short(before, reach):
            return before
        if self.whole:
            frame = self._whole(field, band)
            return FrameInMemory(frame, self.reader.corrects) if isinstance(frame, Frame) else frame
        if isinstance(before, FrameTopInMemory):
            with contextlib.suppress(UnreadableError):  # else it is fetched once more, like any unreadable file
                return self._top(before.file, field, band, reach)
        return self._read_top(field, band, reach, most=most)

    def _whole(self, field: Field, band: str) -> Frame | FrameError:
        """Read a frame, and what lies in other files beside it."""
        frame = self._read(field, band, lambda raw: self._frame(raw, field, band))
        if isinstance(frame, Frame):
            with reader_of(self.archive.section.survey, f"field {field}"):
                files = self.reader.beside(field, band, sky=self.sky)
            for names in files:
                frame = self._with(frame, names, field, band) if isinstance(frame, Frame) else frame
        return frame

    def _with(self, frame: Frame, names: Sequence[str], field: Field, band: str) -> Frame | FrameError:
        """Read another file of a frame, which has some names."""
        path, *others = names

        def decode(raw: bytes) -> Frame:
            with self._decoding:
                file = decompress(raw, self.reader.ceiling, plain=not self.reader.fits)
                made = self.reader.read_beside(frame, file, path, field, band, sky=self.sky)
                return _checked(made, Frame, "read_beside")

        try:
            return self.archive.read(path, decode, others)
        except (ObjectError, TransientError) as error:
            return error

    def _frame(self, raw: bytes, field: Field, band: str) -> Frame:
        with self._decoding:
            file = decompress(raw, self.reader.ceiling, plain=not self.reader.fits)
            return _checked(self.reader.read(file, field, band, sky=self.sky), Frame, "read")

    def _top(self, file: PartialFile, field: Field, band: str, reach: Reach) -> FrameTopInMemory:
        def more(count: int) -> bytes:
            self._decoding.release()  # another band is decoded meanwhile
            try:
                return file.more(count)
            finally:
                self._decoding.acquire()

        with self._decoding:
            part = Inflater(file.raw, self.reader.ceiling, plain=not self.reader.fits, more=more)
            top = _checked(self.reader.read_top(part, field, band, reach), FrameTop, "read_top")
            return FrameTopInMemory(top, file, self.reader.grid)

    def _read(self, field: Field, band: str, decode: Callable[[bytes], T]) -> T | FrameError:
        return self._asked(field, band, lambda path, others: self.archive.read(path, decode, others))

    def _read_top(self, field: Field, band: str, reach: Reach, *, most: bool) -> FrameTopInMemory | FrameError:
        def decode(file: PartialFile) -> FrameTopInMemory:
            return self._top(file, field, band, reach)

        most = most or not self.reader.reads_tops
        return self._asked(field, band, lambda path, others: self.archive.read_part(path, decode, others, most=most))

    def _asked(self, field: Field, band: str, ask: Callable[[str, tuple[str, ...]], T]) -> T | FrameError:
        """Ask for a frame under its name and the others that it may have."""
        try:
            path = self._path(field, band)
            with reader_of(self.archive.section.survey, f"field {field}"):
                others = self.reader.other_paths(field, band, remote=self.archive.remote)
            return ask(path, others)
        except (ObjectError, TransientError) as error:
            return error

    def _path(self, field: Field, band: str) -> str:
        with reader_of(self.archive.section.survey, f"field {field}"):
            return as_text(self.reader.path(field, band))


def _checked(value: object, kind: type[T], method: str) -> T:
    """Refuse what a reader must not return."""
    if not isinstance(value, kind):
        raise TypeError(f"{method} returned {type(value).__name__} and must return a {kind.__name__}")
    return value


def _is_short(frame: FrameView | FrameError | None, reach: Reach) -> bool:
    """Tell whether a frame must be read, or has fewer rows than are needed."""
    return frame is None or (isinstance(frame, FrameTopInMemory) and len(frame.frame.image) < reach(frame.wcs))
