"""The table `[archive]` of FITS images, and the names of tiles that it makes."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, PositiveFloat, field_validator, model_validator

from survey_batch.catalog.template import Template, below
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.sections.base import Unit, WrongKeyError
from survey_batch.core.redaction import check_address
from survey_batch.images.quality import LAST_BIT

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
    noise: Annotated[Literal["ivar", "variance", "sigma"] | None, Field(examples=["variance"])] = None
    """What images of the noise hold, in units of the image's pixels: the inverse variance, the variance, or the
    standard deviation (`sigma`). `cutouts.ivar` needs it."""
    noise_path: Annotated[str | None, Field(examples=["{brick:.3}/{brick}/invvar-{brick}-{band}.fits.fz"])] = None
    """Path of the file with the noise, as `path`. Without it, the column `noise_file`; if there is none, the file of
    the image."""
    noise_hdu: Annotated[str | None, Field(examples=["VARIANCE"])] = None
    """HDU of the noise, as `hdu`. Without it, the column `noise_hdu`; if there is none, the first image of a file of
    its own."""
    mask_bits: Annotated[
        Literal["all"] | tuple[Annotated[int, Field(ge=0, le=LAST_BIT)], ...] | None, Field(examples=[[1, 5, 8]])
    ] = None
    """Bits of the mask's pixels, from 0, that are a reason not to use a pixel; or `"all"`. With it, cutouts have a
    `mask`."""
    mask_path: Annotated[str | None, Field(examples=["{brick:.3}/{brick}/maskbits-{brick}.fits.fz"])] = None
    """Path of the file with the mask, as `noise_path`; without it, the column `mask_file`, or the file of the image."""
    mask_hdu: Annotated[str | None, Field(examples=["MASK"])] = None
    """HDU of the mask, as `noise_hdu`; without it, the column `mask_hdu`."""

    @field_validator("path", "hdu", "noise_path", "noise_hdu", "mask_path", "mask_hdu")
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

    @model_validator(mode="after")
    def _used(self) -> "FitsImagesArchive":
        for plane, (key, meaning) in PLANES.items():
            given = [name for name in (f"{plane}_path", f"{plane}_hdu") if getattr(self, name) is not None]
            if given and getattr(self, key) is None:
                raise WrongKeyError(f"{given[0]} counts only with {key}, which says {meaning}", given[0])
        if self.mask_bits == ():
            raise WrongKeyError('mask_bits must name bits, or be "all"', "mask_bits")
        return self

    @property
    def planes(self) -> tuple[str, ...]:
        """What is read beside the image: `noise`, `mask`."""
        return tuple(plane for plane, (key, _) in PLANES.items() if getattr(self, key) is not None)

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the survey's key that name a tile, with its noise and its mask."""
        return ("file", "hdu", *(f"{plane}_{part}" for plane in self.planes for part in ("file", "hdu")))

    @property
    def templates(self) -> dict[str, Template]:
        """The columns of the key that are made of others."""
        given = {name: getattr(self, _KEYS.get(name, name.replace("_file", "_path"))) for name in self.key}
        return {name: Template(text, (BAND,)) for name, text in given.items() if text is not None}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that name a tile."""
        return self.named_by("file", "hdu")

    def named_by(self, *key: str) -> tuple[str, ...]:
        """Return the columns of a catalogue that columns of the key are made of; an HDU need not be named."""
        made = self.templates
        parts = [made[name].columns if name in made else (name,) for name in key if name in made or name != "hdu"]
        return tuple(dict.fromkeys(column for columns in parts for column in columns))

    def lacking(self, found: Collection[str]) -> list[str]:
        """Return the columns that are needed and not among those found."""
        made = self.templates
        needed = [*self.columns, *(column for name in made for column in made[name].columns)]
        needed += [file for file, hdu in files_and_hdus(self.key[2:]) if not {file, hdu} & {*made, *found}]
        return [name for name in dict.fromkeys(needed) if name not in found]


PLANES = {
    "noise": ("noise", "what the pixels of the noise are"),
    "mask": ("mask_bits", 'which bits of the mask are bad, or "all"'),
}
"""What may stand beside an image: the key that asks for it, and what the key says."""
_KEYS = {"file": "path", "hdu": "hdu"}


def tile_names(archive: FitsImagesArchive, column: Callable[[str], pa.Array], rows: int) -> dict[str, pa.Array]:
    """Return the paths below the root and the HDUs that rows name; a path is null where a part of either is missing.

    The noise and the mask are in the image's own file where no other is named, and then need an HDU.
    """
    made, nothing = archive.templates, pa.scalar(None, pa.string())
    key = {name: made[name].fill(column, rows) if name in made else column(name) for name in archive.key}
    image = key["file"]
    for file, hdu in files_and_hdus(archive.key):
        absent = key[hdu].is_null() if hdu in made else pa.array(np.zeros(rows, bool))
        if file != "file" and file not in made:
            absent = pc.or_(absent, pc.and_(key[file].is_null(), key[hdu].is_null()))
            key[file] = pc.coalesce(key[file], image)
        key[file] = pc.if_else(absent, nothing, below(archive.root, key[file]))
    return key


def files_and_hdus(key: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the columns of the file and of the HDU: of the image, of its noise, of its mask."""
    return zip(key[::2], key[1::2], strict=True)
