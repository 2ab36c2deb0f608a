"""Any FITS images: objects are cut from the file that their row names, or that covers their position."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.guesses import plain
from survey_batch.catalog.identifiers import position_names
from survey_batch.config.key_columns import CatalogRows, KeyColumn, NamedRows
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.stage_kind import StageKind
from survey_batch.config.survey import Survey
from survey_batch.core.paths import OUTSIDE_ROOT
from survey_batch.stages.kinds import COMPOSITES, IMAGE_FEATURES
from survey_batch.stages.kinds import CUTOUTS as STORED_CUTOUTS
from survey_batch.surveys.fits_images.section import FitsImagesArchive, tile_names

CUTOUTS = StageKind(
    STORED_CUTOUTS.make,
    reads=("frames.bands", *(f"cutouts.{key}" for key in ("size", "registration", "keep"))),
    table="cutouts",
    starts=True,
)
"""Images may have any shape, and are not stored; the noise of their pixels is not known."""


class FitsImages(Survey):
    """Any FITS images: Legacy Survey, PS1, HSC, one's own."""

    name = "fits-images"
    archive = FitsImagesArchive
    key = (
        KeyColumn(
            "file",
            "text",
            ("file", "filename", "filepath", "path", "image"),
            needed=False,
            meaning="path of the image's file below the root; `{band}` stands for the band",
        ),
        KeyColumn(
            "hdu",
            "text",
            ("hdu", "ext", "extension", "extname", "ccdname"),
            needed=False,
            meaning="name or number of the HDU; `{band}` stands for the band",
        ),
    )
    order = ("file", "hdu")
    columns: ClassVar = {
        "object_id": ("objectid", "id", "sourceid", "objid"),
        **{f"mag_{band}": (f"mag{band}",) for band in "ugriz"},
    }
    stages: ClassVar = {"cutouts": CUTOUTS, "composites": COMPOSITES, "features": IMAGE_FEATURES}
    field = ("file", "hdu")
    file = "image"
    image_reader = "survey_batch.surveys.fits_images.reader:FitsFrames"
    simulator = "survey_batch.simulate.tiles:simulate_tiles"

    @classmethod
    def located_by(cls) -> str:
        """Name the keys that decide where to look for files."""
        return "archive.root, archive.path, archive.hdu and archive.filters"

    def columns_of_job(self, archive: ArchiveSection) -> Mapping[str, tuple[str, ...]]:
        """Return the columns in the braces of `path` and `hdu`."""
        known = self.known_columns()
        return {name: (plain(name),) for name in _own(archive).columns if name not in known}

    def missing(self, found: Mapping[str, str], archive: ArchiveSection) -> list[str]:
        """Return the columns that are needed and not found; a list of tiles stands for what names a tile."""
        own = _own(archive)
        named = () if own.tiles else own.columns
        return [*super().missing(found, archive), *(name for name in named if name not in found)]

    def purpose(self, archive: ArchiveSection) -> str:
        """Say what the columns are needed for, and what may stand for them."""
        return PURPOSE.format(columns=", ".join(_own(archive).columns))

    def substitute_ids(self, rows: NamedRows) -> Iterator[tuple[str, pa.Array]]:
        """Yield ids made from the position, as a list of images needs nothing else."""
        yield "the position", position_names(rows.numbers("ra"), rows.numbers("dec"))

    def read_key(self, rows: CatalogRows, archive: ArchiveSection) -> dict[str, pa.Array]:
        """Make the path and the HDU of each row's tile; a row without a tile cannot be used."""
        own = _own(archive)
        key = tile_names(own, rows.text, len(rows))
        nameless = np.asarray(key["file"].is_null())
        if own.tiles and nameless.any():
            from survey_batch.surveys.fits_images.tiles import find_tiles  # it takes a search tree, which few jobs need

            key = find_tiles(rows, key, nameless, own)
            nameless = np.asarray(key["file"].is_null())
        columns = " or ".join(own.columns)
        rows.reject(nameless, f"{columns} is missing: no image can be found without it", *own.columns)
        key = {name: pc.fill_null(values, "") for name, values in key.items()}
        outside = np.asarray(pc.match_substring_regex(key["file"], OUTSIDE_ROOT))
        rows.reject(outside, "the path must be one below archive.root", *own.columns)
        return key

    def example(self) -> str:
        """Return a commented job file to start from."""
        return EXAMPLE


def _own(archive: ArchiveSection) -> FitsImagesArchive:
    return cast("FitsImagesArchive", archive)


PURPOSE = """\
survey "fits-images" finds the image that an object is cut from by the columns {columns} besides ra and dec. Either
  - name what the catalogue calls it: [catalog] columns = {{ file = "<column with the path of the image's file>" }}
  - say how the path is made of columns: [archive] path = "{{brick}}/image-{{brick}}-{{band}}.fits.fz"
  - name a list of the images and where they are: [archive] tiles = "tiles.csv"; then ra and dec are enough"""

EXAMPLE = """\
name   = "{name}"
output = "runs/{name}"
stages = ["cutouts", "composites"]          # and "features"

[catalog]
path = "catalog.csv"                        # ra, dec, and the columns in braces below; any format

[archive]
survey = "fits-images"
root = "images"                             # a folder, https://... or s3://...
path = "{brick}/image-{brick}-{band}.fits.fz"   # below the root; without it, a column `file` has the path
# hdu = "SCI"                               # a name or number, with columns or {band} too; else the first image
# filters = { r = "HSC-R2" }                # if files call a band something else
# tiles = "bricks.fits"                     # finds the image of a position if the catalogue names none
# zero_point = 22.5                         # or a header card; else the header's BUNIT, MAGZERO, ...
# unit = "adu"                              # no zero point: leave pixels as they are, in this unit

[frames]
bands = "grz"

[cutouts]
size = 64                                   # pixels of the images, whatever they measure on the sky

[composites]
bands = "zrg"                               # red, green, blue
"""

FITS_IMAGES = FitsImages()
