"""The table `[archive]` of FITS images, and the names of tiles that it makes."""

from collections.abc import Callable
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, PositiveFloat, field_validator, model_validator

from survey_batch.catalog.template import Template, below
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.sections.base import Unit, WrongKeyError
from survey_batch.core.redaction import check_address

BAND = "band"
"""What stands for the band in `path` and `hdu`."""


class FitsImagesArchive(ArchiveSection):
    """The table `[archive]` of FITS images."""

    beside = frozenset({"tiles", "tile_size"})

    path: Annotated[str | None, Field(examples=["{brick:.3}/{brick}/image-{brick}-{band}.fits.fz"])] = None
    """Path of a file below the root, with columns of the catalogue (or of `tiles`) and `{band}` in braces: `{run:06d}`
    writes a number in six digits, `{brick:.3}` the first three characters. Without it, the column `file` is the
    path."""
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


def tile_names(archive: FitsImagesArchive, column: Callable[[str], pa.Array], rows: int) -> dict[str, pa.Array]:
    """Return the path below the root and the HDU that rows name; a path is null where a part of it is missing."""
    made = archive.templates
    key = {name: made[name].fill(column, rows) if name in made else column(name) for name in ("file", "hdu")}
    key["file"] = below(archive.root, key["file"])
    if "hdu" in made:  # without a part of it, the tile has no name
        key["file"] = pc.if_else(key["hdu"].is_null(), pa.scalar(None, pa.string()), key["file"])
    return key
