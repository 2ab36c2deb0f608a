"""Any FITS images: objects are cut from the file that their row names, or that covers their position."""

from collections.abc import Callable, Mapping
from typing import Annotated, ClassVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, PositiveFloat, field_validator, model_validator

from survey_batch.catalog.guesses import plain
from survey_batch.catalog.template import Template
from survey_batch.config.key_columns import CatalogRows, KeyColumn
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.sections.base import Unit, WrongKeyError
from survey_batch.config.survey import Survey
from survey_batch.core.redaction import check_address
from survey_batch.stages.kinds import COMPOSITES, CUTOUTS, IMAGE_FEATURES

BAND = "band"
"""What stands for the band in `path` and `hdu`."""


class FitsImagesArchive(ArchiveSection):
    """The table `[archive]` of FITS images."""

    beside = frozenset({"tiles", "tile_size"})

    path: Annotated[str | None, Field(examples=["{brick:.3}/{brick}/image-{brick}-{band}.fits.fz"])] = None
    """Path of a file below the root, with columns of the catalogue (or of `tiles`) and `{band}` in braces: `{run:06d}`
    writes a number in six digits, `{brick:.3}` the first three signs. Without it, the column `file` is the path."""
    hdu: Annotated[str | None, Field(examples=["SCI_{band}"])] = None
    """Name or number of the HDU, from 0, with columns and `{band}` in braces. Without it, the column `hdu`; if there is
    none, the first HDU with an image of two dimensions."""
    filters: Annotated[dict[str, str], Field(default_factory=dict, examples=[{"r": "HSC-R2"}])]
    """What stands for `{band}`, for bands that files name otherwise."""
    tiles: Annotated[str | None, Field(examples=["survey-bricks.fits.gz"])] = None
    """List of the tiles, which finds the tile of a position where the catalogue names none: a table with the columns of
    `path` and `hdu`, or `file`, and where the tiles are: the middle `ra`, `dec` (with `tile_size`), or `ra1`, `ra2`,
    `dec1`, `dec2`, or the corners `ra0` to `ra3` and `dec0` to `dec3` one after the other. Without these columns, the
    headers of the files tell, in a folder."""
    tile_size: Annotated[PositiveFloat | None, Field(examples=[0.25]), Unit("deg")] = None
    """Length of the sides of tiles, north up, if `tiles` has only their middles."""
    unit: str = "nanomaggy"
    """Unit of the product's pixels. `nanomaggy`: converted by `zero_point`, or by the header: its unit (nanomaggies or
    janskys) or its zero point. Any other: pixels stay as they are, and a header that states another unit is refused."""
    zero_point: Annotated[float | str | None, Field(examples=[22.5, "MAGZERO"])] = None
    """AB magnitude of a pixel of 1, or the header card that holds it; before anything else that the header says."""

    @field_validator("path", "hdu")
    @classmethod
    def _template(cls, text: str | None) -> str | None:
        if text is not None:
            Template(text, (BAND,))
        return text

    @field_validator("tiles")
    @classmethod
    def _address(cls, tiles: str | None) -> str | None:
        return tiles and check_address(tiles)

    @model_validator(mode="after")
    def _converted(self) -> "FitsImagesArchive":
        if self.zero_point is not None and self.unit != "nanomaggy":
            raise WrongKeyError('zero_point counts only with unit = "nanomaggy"', "zero_point")
        if wrong := [band for band in self.filters if len(band) != 1]:
            raise WrongKeyError(f"filters: {wrong[0]!r} is no band; a band is one letter or digit", "filters")
        return self

    @property
    def templates(self) -> dict[str, Template]:
        """The columns `file` and `hdu`, as they are made of others."""
        given = {"file": self.path, "hdu": self.hdu}
        return {name: Template(text, (BAND,)) for name, text in given.items() if text is not None}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that name a tile."""
        made = [column for template in self.templates.values() for column in template.columns]
        return tuple(dict.fromkeys(made if self.path is not None else ["file", *made]))


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
    columns: ClassVar = {**{f"mag_{band}": (f"mag{band}",) for band in "ugriz"}}
    stages: ClassVar = {"cutouts": CUTOUTS, "composites": COMPOSITES, "features": IMAGE_FEATURES}
    field = ("file", "hdu")
    file = "image"
    image_reader = "survey_batch.surveys.fits_images.reader:FitsFrames"
    simulator = "survey_batch.simulate.tiles:simulate_tiles"

    @classmethod
    def located_by(cls) -> str:
        """Name the keys that decide where to look for files."""
        return "archive.root, archive.path, archive.hdu and archive.filters"

    def columns_of(self, archive: ArchiveSection) -> Mapping[str, tuple[str, ...]]:
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
        outside = np.asarray(pc.match_substring_regex(key["file"], r"^/|(^|/)\.\.(/|$)"))
        rows.reject(outside, "the path must be one below archive.root", *own.columns)
        return key

    def example(self) -> str:
        """Return a commented job file to start from."""
        return EXAMPLE


def _own(archive: ArchiveSection) -> FitsImagesArchive:
    return cast("FitsImagesArchive", archive)


def tile_names(archive: FitsImagesArchive, column: Callable[[str], pa.Array], rows: int) -> dict[str, pa.Array]:
    """Return the path and the HDU that rows name; a path is null where a part of it is missing."""
    made = archive.templates
    key = {name: made[name].fill(column, rows) if name in made else column(name) for name in ("file", "hdu")}
    if "hdu" in made:  # without a part of it, the tile has no name
        key["file"] = pc.if_else(key["hdu"].is_null(), pa.scalar(None, pa.string()), key["file"])
    return key


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
