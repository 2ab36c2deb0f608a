"""The seam between the stages that work on frames and a survey's files."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from survey_batch.config.file_reader import FileReader
from survey_batch.images.frame import AnyWcs, Frame, FrameGrid, FrameTop
from survey_batch.images.ivar import Ccd

Field = tuple[Any, ...]
"""A field: the values of the survey's columns `Survey.field`, in their order, integers or text."""


class PartOfFile(Protocol):
    """A file that is decompressed no further than its bytes are asked for; `archive.decompress.Inflater` is one."""

    def upto(self, length: int) -> bytes:
        """Return at least the first `length` bytes, or the whole file if it has fewer."""

    def whole(self) -> bytes:
        """Return the whole file."""


class ImageReader(FileReader):
    """Where a survey's frames are, and how they are read.

    A frame is one band of one field.

    Attributes
    ----------
    bands : str
        Letters of the survey's bands.
    radesys : str
        System of the sky coordinates of every frame's WCS, as FITS writes it.
    time : str
        What moment of the observation `Frame.mjd_tai` is.
    grid : FrameGrid
        Shape of a frame, and how neighbouring fields lie on its pixels. Frames without neighbours (`overlap` None) may
        have any shape where no frames are stored; the memory of a worker is then estimated from this one.
    sky_shape : (int, int) or None
        Shape of the sky image that `read` returns on request; None if the noise of its pixels is not known. Then
        cutouts have no inverse variance.
    unit : str
        Unit of the pixels; features of images take nanomaggies alone.
    corrects : bool
        Whether the aperture correction of point sources may be measured on its frames: it is made for pixels of 0.396
        arcsec. If not, it is 1.
    """

    bands: ClassVar[str]
    radesys: ClassVar[str] = "ICRS"
    time: ClassVar[str] = "start of the exposure"
    grid: ClassVar[FrameGrid]
    sky_shape: ClassVar[tuple[int, int] | None] = None
    unit: str = "nanomaggy"
    corrects: ClassVar[bool] = True

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

    def read_top(self, file: PartOfFile, field: Field, band: str, rows: Callable[[AnyWcs], int]) -> FrameTop:  # noqa: ARG002
        """Read no more rows of a frame than are needed, where its file allows; by default the whole frame is read.

        Parameters
        ----------
        file
            Gives as many bytes of the decompressed file as are asked for.
        field, band
            The frame.
        rows
            Tells from the frame's WCS how many of its first rows are needed; 0 to all.

        Returns
        -------
        FrameTop
            The pixels that `read` returns, at least in these rows.

        Raises
        ------
        UnreadableError
            The bytes are not the frame that was asked for.
        """
        frame = self.read(file.whole(), field, band, sky=False)
        return FrameTop(frame.image, frame.wcs, frame.mjd_tai) if isinstance(frame, Frame) else frame

    @property
    def reads_tops(self) -> bool:
        """Whether `read_top` reads less than the whole file, which takes one of the reader's own."""
        return type(self).read_top is not ImageReader.read_top

    @property
    def knows_noise(self) -> bool:
        """Whether the noise of pixels is known, which takes a `sky_shape` and a `ccd` of the reader's own."""
        return self.sky_shape is not None and type(self).ccd is not ImageReader.ccd

    def ccd(self, field: Field, band: str) -> Ccd:
        """Return the noise properties of the detector behind a frame; asked only of a reader that `knows_noise`."""
        raise NotImplementedError(f"{type(self).__name__} does not define ccd")

    def place(self, field: Field, band: str) -> str:
        """Say where a frame is in the archive, for people; frames at one place are one frame."""
        return self.path(field, band)

    def beyond(self, field: Field, step: int) -> Field:
        """Return the field that lies some steps further along the strip; neighbours differ in their last number."""
        return (*field[:-1], field[-1] + step)

    def file_name(self, field: Field) -> str:
        """Name a field in ids and files."""
        return "-".join(map(str, field))

    def name(self, field: Field) -> str:
        """Name a field for people."""
        return "frame " + "/".join(map(str, field))
