"""One band of one field for the stages that cut from it: whole, or the first rows alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from survey_batch.archive.partial import PartialFile
from survey_batch.core.arrays import F4, I4
from survey_batch.core.errors import ObjectError, TransientError
from survey_batch.images.aperture_correction import NONE, ApertureCorrection, measure_correction
from survey_batch.images.frame import AnyWcs, Frame, FrameGrid, FrameTop, Sky

FrameError = ObjectError | TransientError

ONLY_ROWS = "only the first rows of the frame were read"


class FrameView(Protocol):
    """One band of one field, whose pixels may still be on disk."""

    @property
    def wcs(self) -> AnyWcs:
        """Astrometry of the frame."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the frame."""

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

    def ivar(self, rows: slice, columns: slice) -> F4 | None:
        """Return part of the inverse variance; None if it follows from the sky."""

    def mask(self, rows: slice, columns: slice) -> I4 | None:
        """Return part of the mask; None if there is none."""


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
        """Rows and columns of the frame."""
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

    def ivar(self, rows: slice, columns: slice) -> F4 | None:
        """Return part of the inverse variance; None if it follows from the sky."""
        return None if self.frame.ivar is None else self.frame.ivar[rows, columns]

    def mask(self, rows: slice, columns: slice) -> I4 | None:
        """Return part of the mask; None if there is none."""
        return None if self.frame.mask is None else self.frame.mask[rows, columns]


@dataclass(frozen=True)
class FrameTopInMemory:
    """The first rows of a frame, decoded; the file is kept in case that more of them are needed."""

    frame: FrameTop
    file: PartialFile
    grid: FrameGrid
    """Of the `ImageReader`: says how many rows there are, where all frames have the same."""

    @property
    def wcs(self) -> AnyWcs:
        """Astrometry of the frame."""
        return self.frame.wcs

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the frame."""
        height, width = self.frame.image.shape
        return (height if self.grid.overlap is None else self.grid.rows), width

    @property
    def correction(self) -> ApertureCorrection:
        """Is not known: it takes all stars of the frame."""
        raise ValueError(ONLY_ROWS)

    @property
    def mjd_tai(self) -> float:
        """When the frame was observed, as in `Frame`."""
        return self.frame.mjd_tai

    def pixels(self, rows: slice, columns: slice) -> F4:
        """Return part of the image [nanomaggy/pixel]."""
        return self.frame.image[rows, columns]

    def calibration(self) -> F4:
        """Refuse: it lies behind the image."""
        raise ValueError(ONLY_ROWS)

    def sky(self) -> Sky:
        """Refuse: it lies behind the image."""
        raise ValueError(ONLY_ROWS)

    def ivar(self, rows: slice, columns: slice) -> None:
        """Return nothing: whoever needs it reads whole frames."""

    def mask(self, rows: slice, columns: slice) -> None:
        """Return nothing: whoever needs it reads whole frames."""
