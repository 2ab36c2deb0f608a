"""The seam between the stages that work on frames and a survey's files."""

from abc import ABC, abstractmethod
from typing import ClassVar

from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.images.frame import Frame, FrameGrid
from survey_batch.images.ivar import Ccd

Field = tuple[int, ...]
"""A field: the values of the survey's columns `Survey.field`, in their order."""


class ImageReader(ABC):
    """Where a survey's frames are, and how they are read.

    A frame is one band of one field. A subclass is opened with the job's table `[archive]`, on every worker.

    Attributes
    ----------
    bands : str
        Letters of the survey's bands.
    grid : FrameGrid
        Shape of a frame, and how neighbouring fields lie on its pixels.
    sky_shape : (int, int)
        Shape of the sky image that `read` returns on request.
    fits : bool
        Whether its files are FITS; anything else that comes is then refused. If not, `read` gets whatever comes,
        unpacked.
    ceiling : int
        Most bytes of a decompressed file; a larger one is refused.
    file_bytes : int
        Mean size of a file, for estimates.
    read_seconds : float
        Time to decompress and read one file on one core, for estimates.
    """

    bands: ClassVar[str]
    grid: ClassVar[FrameGrid]
    sky_shape: ClassVar[tuple[int, int]]
    fits: ClassVar[bool] = True
    ceiling: ClassVar[int]
    file_bytes: ClassVar[int]
    read_seconds: ClassVar[float]

    def __init__(self, archive: ArchiveSection) -> None:
        self.archive = archive

    @abstractmethod
    def path(self, field: Field, band: str) -> str:
        """Return the path of a frame's file below the archive's root."""

    def other_paths(self, field: Field, band: str, *, remote: bool) -> tuple[str, ...]:  # noqa: ARG002
        """Return other paths to try where there is no such file; if `remote`, each one costs a request."""
        return ()

    @abstractmethod
    def read(self, raw: bytes, field: Field, band: str, *, sky: bool) -> Frame:
        """Read a decompressed file.

        Raises
        ------
        UnreadableError
            The bytes are not the frame that was asked for.
        """

    @abstractmethod
    def ccd(self, field: Field, band: str) -> Ccd:
        """Return the noise properties of the detector behind a frame."""

    def beyond(self, field: Field, step: int) -> Field:
        """Return the field that lies some steps further along the strip; neighbours differ in their last number."""
        return (*field[:-1], field[-1] + step)

    def file_name(self, field: Field) -> str:
        """Name a field in ids and files."""
        return "-".join(map(str, field))

    def name(self, field: Field) -> str:
        """Name a field for people."""
        return "frame " + "/".join(map(str, field))
