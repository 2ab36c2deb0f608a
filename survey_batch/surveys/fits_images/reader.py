"""Images of any FITS files for the stages that work on frames."""

import string
from typing import cast

from survey_batch.archive.spellings import spellings
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.images.frame import Frame, FrameGrid
from survey_batch.images.reader import Field, ImageReader
from survey_batch.surveys.fits_images.files import read_image
from survey_batch.surveys.fits_images.section import BAND, FitsImagesArchive


class FitsFrames(ImageReader):
    """Reader of images; a field is the path of a file and an HDU, both with `{band}` where the band stands."""

    bands = string.ascii_letters + string.digits
    time = "MJD-OBS of the image's header: of most archives, the start of the exposure"
    grid = FrameGrid(4096, 4096)
    corrects = False
    file_bytes = 11_000_000
    """About the size of a tile of 3600 x 3600 pixels, packed by fpack."""
    read_seconds = 0.25
    """Time to unpack and read such a tile on a core of a 2-core cloud machine (AMD EPYC of 2024)."""

    def __init__(self, archive: ArchiveSection) -> None:
        super().__init__(archive)
        self.section = cast("FitsImagesArchive", archive)
        self.unit = self.section.unit

    def path(self, field: Field, band: str) -> str:
        """Return the path of an image's file."""
        return self._written(field[0], band)

    def other_paths(self, field: Field, band: str, *, remote: bool) -> tuple[str, ...]:  # noqa: ARG002
        """Return the path of the same file packed otherwise; the name of a file packed by fpack says so."""
        path = self.path(field, band)
        return () if path.lower().endswith(".fz") else spellings(path)[1:]

    def place(self, field: Field, band: str) -> str:
        """Name the image in its file."""
        return f"{self.path(field, band)}[{self._written(field[1], band)}]"

    def read(self, raw: bytes, field: Field, band: str, *, sky: bool) -> Frame:  # noqa: ARG002
        """Read an image with its WCS, in the unit of the job."""
        return read_image(raw, self._written(field[1], band), self.section.unit, self.section.zero_point)

    def file_name(self, field: Field) -> str:
        """Name a tile by its path."""
        return "-".join(filter(None, field)).replace("/", "-")

    def name(self, field: Field) -> str:
        """Name a tile for people."""
        return f"image {field[0]}" + f"[{field[1]}]" * bool(field[1])

    def _written(self, text: str, band: str) -> str:
        return text.replace(f"{{{BAND}}}", self.section.filters.get(band, band))
