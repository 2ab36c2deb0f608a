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
from survey_batch.surveys.fits_images.section import PLANES, FitsImagesArchive, files_and_hdus, tile_names

CUTOUTS = StageKind(
    STORED_CUTOUTS.make,
    reads=("frames.bands", *(f"cutouts.{key}" for key in ("size", "registration", "ivar", "keep"))),
    table="cutouts",
    starts=True,
)
"""Images may have any shape, and are not stored."""


BESIDE = tuple(
    KeyColumn(f"{plane}_{part}", "text", (f"{plane}{part}",), needed=False, meaning=f"{meaning} {plane}")
    for plane in PLANES
    for part, meaning in (("file", "path of the file with the image's"), ("hdu", "name or number of the HDU with the"))
)
"""Columns of what stands beside an image."""


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
        *BESIDE,
    )
    order = ("file", "hdu")
    columns: ClassVar = {
        "object_id": ("objectid", "id", "sourceid", "objid"),
        **{f"mag_{band}": (f"mag{band}",) for band in "ugriz"},
    }
    stages: ClassVar = {"cutouts": CUTOUTS, "composites": COMPOSITES, "features": IMAGE_FEATURES}
    field = ("file", "hdu", *(column.name for column in BESIDE))
    file = "image"
    image_reader = "survey_batch.surveys.fits_images.reader:FitsFrames"
    simulator = "survey_batch.simulate.tiles:simulate_tiles"

    @classmethod
    def located_by(cls) -> str:
        """Name the keys that decide where to look for files."""
        return "archive.root, archive.path, archive.hdu and archive.filters"

    def settings(self, archive: ArchiveSection) -> dict[str, object]:
        """Return the keys of `[archive]` that affect values; a list of images lets cutouts be stitched."""
        stitched = {"archive.tiles": "stitched"} if _own(archive).tiles else {}
        return {**super().settings(archive), **stitched}

    def key_of(self, archive: ArchiveSection) -> tuple[KeyColumn, ...]:
        """Return the columns that name a tile, with its noise and its mask if the job has them."""
        return tuple(column for column in self.key if column.name in _own(archive).key)

    def columns_of_job(self, archive: ArchiveSection) -> Mapping[str, tuple[str, ...]]:
        """Return the columns in the braces of `path` and `hdu`, and of those of the noise and the mask."""
        known, own = self.known_columns(), _own(archive)
        return {name: (plain(name),) for name in own.named_by(*own.key) if name not in known}

    def missing(self, found: Mapping[str, str], archive: ArchiveSection) -> list[str]:
        """Return the columns that are needed and not found; a list of tiles stands for what names a tile."""
        own = _own(archive)
        return [*super().missing(found, archive), *([] if own.tiles else own.lacking(found))]

    def purpose(self, archive: ArchiveSection) -> str:
        """Say what the columns are needed for, and what may stand for them."""
        own = _own(archive)
        return PURPOSE.format(columns=", ".join(own.columns)) + "".join(OF_PLANE[plane] for plane in own.planes)

    def substitute_ids(self, rows: NamedRows) -> Iterator[tuple[str, pa.Array]]:
        """Yield ids made from the position, as a list of images needs nothing else."""
        yield "the position", position_names(rows.numbers("ra"), rows.numbers("dec"))

    def read_key(self, rows: CatalogRows, archive: ArchiveSection) -> dict[str, pa.Array]:
        """Make the path and the HDU of each row's tile; a row without a tile cannot be used."""
        own = _own(archive)
        key = tile_names(own, rows.text, len(rows))
        nameless = np.asarray(key["file"].is_null())
        if own.tiles:
            from survey_batch.surveys.fits_images.tiles import find_tiles, read_tiles  # they take a search tree

            read_tiles(own)  # windows are filled by the list, too: one that cannot be read is refused before any work
            if nameless.any():
                key = find_tiles(rows, key, nameless, own)
                nameless = np.asarray(key["file"].is_null())
        columns = " or ".join(own.columns)
        rows.reject(nameless, f"{columns} is missing: no image can be found without it", *own.columns)
        for file, hdu in files_and_hdus(own.key[2:]):
            lacking = np.asarray(key[file].is_null()) & ~nameless
            plane = file.removesuffix("_file")
            named = own.named_by(file, hdu)
            rows.reject(lacking, f"{' or '.join(named)} is missing: the image's {plane} cannot be found", *named)
        key = {name: pc.fill_null(values, "") for name, values in key.items()}
        for file, _ in files_and_hdus(own.key):
            outside = np.asarray(pc.match_substring_regex(key[file], OUTSIDE_ROOT))
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

OF_PLANE = {
    plane: f"""
It finds the {plane} of the image by [archive] {plane}_path and {plane}_hdu, or by columns {plane}_file and {plane}_hdu;
without a file of its own, the {plane} is an HDU of the image's file"""
    for plane in PLANES
}

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
# noise = "ivar"                            # or "variance", "sigma"; with cutouts.ivar = true
# noise_path = "{brick}/invvar-{brick}-{band}.fits.fz"    # or, in the image's own file, noise_hdu = "VARIANCE"
# mask_bits = [1, 5]                        # bits that are bad, or "all"
# mask_path = "{brick}/maskbits-{brick}.fits.fz"          # or mask_hdu = "MASK"

[frames]
bands = "grz"

[cutouts]
size = 64                                   # pixels of the images, whatever they measure on the sky
# ivar = true                               # with archive.noise

[composites]
bands = "zrg"                               # red, green, blue
"""

FITS_IMAGES = FitsImages()
