"""Images of any FITS files for the stages that work on frames."""

import string
from collections.abc import Iterator
from typing import cast

from survey_batch.archive.spellings import spellings_of_image
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.core.arrays import F8, Flags
from survey_batch.images.frame import Frame, FrameGrid
from survey_batch.images.reader import Field, ImageReader
from survey_batch.surveys.fits_images.files import read_image
from survey_batch.surveys.fits_images.planes import with_mask, with_noise
from survey_batch.surveys.fits_images.section import BAND, FitsImagesArchive


class FitsFrames(ImageReader):
    """Reader of images.

    A field is the path of a file and an HDU, both with `{band}` where the band stands; then those of its noise, and of
    its mask, if the job has them.
    """

    bands = string.ascii_letters + string.digits
    time = "MJD-OBS of the image's header: of most archives, the start of the exposure"
    grid = FrameGrid(4096, 4096)
    corrects = False
    noise_key = "archive.noise"
    file_bytes = 11_000_000
    """About the size of a tile of 3600 x 3600 pixels, packed by fpack."""
    read_seconds = 0.25
    """Time to unpack and read such a tile on a core of a 2-core cloud machine (AMD EPYC of 2024)."""

    def __init__(self, archive: ArchiveSection) -> None:
        super().__init__(archive)
        self.section = cast("FitsImagesArchive", archive)
        self.unit = self.section.unit
        if self.section.mask_bits is not None:
            named = () if self.section.mask_bits == "all" else self.section.mask_bits
            self.mask_bits = {f"bit_{bit}": 1 << bit for bit in sorted(set(named))}

    @property
    def knows_noise(self) -> bool:
        """Whether the job says where the noise is."""
        return self.section.noise is not None

    @property
    def stitches(self) -> bool:  # type: ignore[override]
        """Whether there is a list of images, in which others are found."""
        return self.section.tiles is not None

    def covering(self, ra: F8, dec: F8, middle: tuple[float, float]) -> Iterator[tuple[float, Field, Flags]]:
        """Find images in the list."""
        from survey_batch.surveys.fits_images.tiles import read_tiles  # it takes a search tree, which few jobs need

        tiles = read_tiles(self.section)
        for distance, index, covers in tiles.around(ra, dec, middle):
            yield distance, tuple(tiles.key[name][index].as_py() or "" for name in self.section.key), covers

    def path(self, field: Field, band: str) -> str:
        """Return the path of an image's file."""
        return self._written(field[0], band)

    def other_paths(self, field: Field, band: str, *, remote: bool) -> tuple[str, ...]:  # noqa: ARG002
        """Return the path of the same file packed otherwise."""
        return spellings_of_image(self.path(field, band))[1:]

    def place(self, field: Field, band: str) -> str:
        """Name the image in its file."""
        return f"{self.path(field, band)}[{self._written(field[1], band)}]"

    def read(self, raw: bytes, field: Field, band: str, *, sky: bool) -> Frame:
        """Read an image with its WCS, in the unit of the job, and what its own file holds beside it."""
        path, hdu = (self._written(text, band) for text in field[:2])
        frame = read_image(raw, hdu, self.section.unit, self.section.zero_point, tiles=_says_tiles(path))
        return self._with_planes(frame, raw, path, field, band, noise=sky)

    def beside(self, field: Field, band: str, *, sky: bool) -> tuple[tuple[str, ...], ...]:
        """Return the names of the files of the noise and the mask, where they are not in the image's own."""
        paths = [path for plane, path, _ in self._planes(field, band) if sky or plane != "noise"]
        return tuple(spellings_of_image(path) for path in dict.fromkeys(paths) if path != self.path(field, band))

    def read_beside(self, frame: Frame, raw: bytes, path: str, field: Field, band: str, *, sky: bool) -> Frame:
        """Give an image the noise or the mask that another file holds."""
        return self._with_planes(frame, raw, path, field, band, noise=sky)

    def _planes(self, field: Field, band: str) -> Iterator[tuple[str, str, str]]:
        """Yield the noise and the mask that the job has, with the path and the HDU of each."""
        written = [self._written(text, band) for text in field[2:]]
        yield from zip(self.section.planes, written[::2], written[1::2], strict=True)

    def _with_planes(self, frame: Frame, raw: bytes, file: str, field: Field, band: str, *, noise: bool) -> Frame:
        for plane, path, hdu in self._planes(field, band):
            if path != file:
                continue
            tiles = _says_tiles(path)
            if plane == "mask" and self.section.mask_bits is not None:
                frame = with_mask(frame, raw, hdu, self.section.mask_bits, tiles=tiles)
            elif noise and self.section.noise is not None:
                frame = with_noise(frame, raw, hdu, self.section.noise, tiles=tiles)
        return frame

    def file_name(self, field: Field) -> str:
        """Name a tile by its path."""
        return "-".join(filter(None, field[:2])).replace("/", "-")

    def name(self, field: Field) -> str:
        """Name a tile for people."""
        return f"image {field[0]}" + f"[{field[1]}]" * bool(field[1])

    def _written(self, text: str, band: str) -> str:
        return text.replace(f"{{{BAND}}}", self.section.filters.get(band, band))


def _says_tiles(path: str) -> bool:
    """Tell whether the name of a file says that its images are packed in tiles."""
    return len(spellings_of_image(path)) == 1
