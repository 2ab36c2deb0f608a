"""The seam between the stages that work on frames and a survey's files."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Protocol

from survey_batch.config.file_reader import FileReader
from survey_batch.core.arrays import F8, Flags
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
    mask_bits : mapping or None
        Names and values of the bits of `Frame.mask`, from `1 << 0` to `1 << 28`; None if frames have no mask.
    noise_key : str
        Key of the job that would make the noise known; "" if there is none.
    stitches : bool
        Whether windows beyond the edge of a frame are filled from the frames that `covering` finds, where these lie on
        the same pixel grid. Fields with numbers along a strip (`grid.overlap`) need no such search.
    """

    bands: ClassVar[str]
    radesys: ClassVar[str] = "ICRS"
    time: ClassVar[str] = "start of the exposure"
    grid: ClassVar[FrameGrid]
    sky_shape: ClassVar[tuple[int, int] | None] = None
    unit: str = "nanomaggy"
    corrects: ClassVar[bool] = True
    mask_bits: Mapping[str, int] | None = None
    noise_key: ClassVar[str] = ""
    stitches: bool = False

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

    def beside(self, field: Field, band: str, *, sky: bool) -> tuple[tuple[str, ...], ...]:  # noqa: ARG002
        """Return the other files that a frame needs: with its mask, or with its noise if `sky`.

        Each is named by its path below the root, and further paths to try where there is no such file.
        """
        return ()

    def read_beside(self, frame: Frame, raw: bytes, path: str, field: Field, band: str, *, sky: bool) -> Frame:
        """Give a frame what one of the files of `beside`, decompressed, holds of it; `path` is its first.

        Raises
        ------
        UnreadableError
            It is not the file that was asked for, or does not fit the frame.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define read_beside")

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
        """Whether the noise of pixels is known.

        It takes a `sky_shape` and a `ccd` of the reader's own, or frames with `ivar`; a reader of these says so here.
        """
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

    def covering(self, ra: F8, dec: F8, middle: tuple[float, float]) -> Iterator[tuple[float, Field, Flags]]:
        """Yield the fields that cover some positions [deg], with their distance from `middle` and which positions.

        The distances order fields; their unit does not matter. Asked only of a reader that `stitches`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define covering")

    def file_name(self, field: Field) -> str:
        """Name a field in ids and files."""
        return "-".join(map(str, field))

    def name(self, field: Field) -> str:
        """Name a field for people."""
        return "frame " + "/".join(map(str, field))
