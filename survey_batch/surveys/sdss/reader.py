"""SDSS's frames for the stages that work on frames."""

from collections.abc import Callable
from typing import cast

from survey_batch.archive.decompress import SDSS_CEILING
from survey_batch.images.frame import AnyWcs, Frame, FrameTop
from survey_batch.images.ivar import Ccd
from survey_batch.images.reader import Field, ImageReader, PartOfFile
from survey_batch.surveys.sdss.camera import ccd
from survey_batch.surveys.sdss.files import (
    GRID,
    SKY_SHAPE,
    FieldKey,
    frame_path,
    other_frame_paths,
    read_frame,
    read_frame_top,
)
from survey_batch.surveys.sdss.survey import SdssArchive


class SdssFrames(ImageReader):
    """Reader of calibrated frames."""

    bands = "ugriz"
    radesys = "ICRS"
    time = "when row 0 was read out, after an exposure of 53.9 s; row y was read 0.026322 y seconds later"
    grid = GRID
    sky_shape = SKY_SHAPE
    ceiling = SDSS_CEILING
    file_bytes = 3_450_000
    """Mean size of 24 real `.fits.bz2` frames."""
    read_seconds = 0.45
    """Time to decompress and decode one frame on a core of a 2-core cloud machine (AMD EPYC of 2024), nearly all of it
    in `bz2`; it varies from 0.35 to 0.55 with the machine's load."""

    @property
    def _release(self) -> str:
        return cast("SdssArchive", self.archive).release

    def path(self, field: Field, band: str) -> str:
        """Return the path of a frame's file."""
        return frame_path(FieldKey(*field), band, self._release)

    def other_paths(self, field: Field, band: str, *, remote: bool) -> tuple[str, ...]:
        """Return the paths of a frame that is packed differently, or lies in another folder."""
        return other_frame_paths(FieldKey(*field), band, self._release, remote=remote)

    def read(self, raw: bytes, field: Field, band: str, *, sky: bool) -> Frame:
        """Read a frame, and check that it is the one that was asked for."""
        return read_frame(raw, FieldKey(*field), band, sky=sky)

    def read_top(self, file: PartOfFile, field: Field, band: str, rows: Callable[[AnyWcs], int]) -> FrameTop:
        """Read the first rows of a frame; nothing behind them is decompressed."""
        return read_frame_top(file, FieldKey(*field), band, rows)

    def ccd(self, field: Field, band: str) -> Ccd:
        """Look up the noise properties of the CCD behind a frame."""
        key = FieldKey(*field)
        return ccd(key.run, key.camcol, band)

    def file_name(self, field: Field) -> str:
        """Name a field as its frames' files do, without the rerun."""
        return "{:06d}-{}-{:04d}".format(*field[1:])

    def name(self, field: Field) -> str:
        """Name a field as SDSS does."""
        return "frame {}/{}/{}/{:04d}".format(*field)
