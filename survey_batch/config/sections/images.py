"""The tables of the job file for products of images."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, field_validator, model_validator

from survey_batch.config.sections.base import Section, Unit, WrongKeyError


class FramesSection(Section):
    """The `frames` product, or the frames behind cutouts."""

    bands: Annotated[str, Field(pattern="^[A-Za-z0-9]{1,16}$")] = "ugriz"
    """Bands to read, one sign for each, in the order of the product's dimension `band`."""
    keep: Annotated[bool | None, Field(examples=[True])] = None
    """False: cutouts come straight from the archive and no frame is stored. By default it is decided as a product that
    exists was made, else by the objects per field: frames are stored from a tenth of `shards.objects` on, or where
    cutouts are not stored."""

    @field_validator("bands")
    @classmethod
    def _each_band_once(cls, bands: str) -> str:
        if len(set(bands)) != len(bands):
            raise ValueError("name each band once")
        return bands


Band = Literal["u", "g", "r", "i", "z"]


class CutoutsSection(Section):
    """The `cutouts` product."""

    size: Annotated[int, Field(ge=1, le=1024), Unit("pixel")] = 64
    """Pixels on a side, even or odd; a window that no single field contains is stitched from several fields."""
    registration: Literal["pixel", "subpixel"] = "pixel"
    """`pixel`: the frame's own pixels, so that an object may be off by up to half a pixel in each band; `subpixel`:
    resampled, so that the object is at x = y = (size - 1) / 2 in all bands."""
    ivar: bool = False
    """Whether the inverse variance of each pixel is stored with the flux; it takes the same space."""
    aperture_correction: bool = True
    """Whether the aperture correction and seeing of each object's frames are measured, from all stars on them; stage
    `features` needs them. False, with `frames.keep = false` and no `ivar`: each frame is fetched and decompressed only
    as far as the last row that a cutout needs, which saves a third of the time, and nearly half of the bytes, where
    each field holds one object. With `archive.cache` or `archive.pause`, files are fetched whole."""
    keep: bool = True
    """False: handed on to the next stages and not stored."""

    @property
    def whole_frames(self) -> bool:
        """Whether cutouts need what only whole frames give."""
        return self.ivar or self.aperture_correction


class CompositesSection(Section):
    """The `composites` product: 8-bit colour images for networks trained on such images."""

    bands: Annotated[str, Field(pattern="^[A-Za-z0-9]{3}$")] = "irg"
    """Bands shown as red, green and blue, in this order."""
    pair: Annotated[Annotated[str, Field(pattern="^[A-Za-z0-9]{3}$")] | None, Field(examples=["zru"])] = None
    """Bands of a second image of the same object, to the right of the first."""
    scaling: Literal["flux", "percentile"] = "flux"
    """`flux`: one scale in nanomaggies for all bands, which keeps the colour; `percentile`: each band of each
    object scaled by its own percentiles, which destroys the colour."""
    q: Annotated[float, Field(ge=0)] = 8.0
    """Softening of Lupton et al. (2004)."""
    stretch: Annotated[PositiveFloat | None, Field(examples=[0.5]), Unit("nanomaggy, or 1")] = None
    """Linear stretch of Lupton et al. (2004), in units of the scaled image: nanomaggies, or 1; by default 0.5 for
    `flux`, 0.02 for `percentile`."""
    percentiles: Annotated[tuple[float, float], Unit("%")] = (1.0, 99.0)
    """Percentiles that become 0 and 1 if `scaling = "percentile"`."""
    size: Annotated[Annotated[int, Field(ge=1, le=1024)] | None, Field(examples=[224]), Unit("pixel")] = None
    """Pixels on a side after resizing (Lanczos); if not set, images are not resized. A pair is twice as wide."""
    scale: Annotated[PositiveFloat, Unit("arcsec/pixel")] = 0.396
    """SkyServer: arcsec per pixel of the requested image; its size is `size`."""
    keep: bool = True
    """False: handed on to the next stages and not stored."""

    @property
    def linear_stretch(self) -> float:
        """`stretch`, or the default of the scaling."""
        return self.stretch or {"flux": 0.5, "percentile": 0.02}[self.scaling]

    @model_validator(mode="after")
    def _ordered(self) -> "CompositesSection":
        low, high = self.percentiles
        if not 0 <= low < high <= 100:
            raise WrongKeyError("percentiles must be two numbers from 0 to 100, the lower first", "percentiles")
        return self


class ImageFeaturesSection(Section):
    """The `features` product of images."""

    apertures: Annotated[tuple[PositiveFloat, ...], Field(min_length=1), Unit("pixel")] = (3.0, 5.0, 7.5)
    """Radii of circular apertures in pixels, smallest first."""
    colour_aperture: Annotated[PositiveFloat | None, Field(examples=[5.0]), Unit("pixel")] = None
    """The aperture in `apertures` used for colours; by default the middle one. In a smaller one a star's colour depends
    on the seeing in each band; a larger one adds noise."""
    background: Annotated[tuple[PositiveFloat, PositiveFloat], Unit("pixel")] = (15.0, 25.0)
    """Inner and outer radius in pixels of the ring in which the local background is measured."""
    keep: bool = True
    """False: handed on to the next stages and not stored."""

    @model_validator(mode="after")
    def _ring(self) -> "ImageFeaturesSection":
        if self.background[0] >= self.background[1]:
            raise WrongKeyError("background must be two radii, the inner one first", "background")
        return self

    @model_validator(mode="after")
    def _radii(self) -> "ImageFeaturesSection":
        if list(self.apertures) != sorted(set(self.apertures)):
            raise WrongKeyError("apertures must be different radii, the smallest first", "apertures")
        if self.colour_radius not in self.apertures:
            raise WrongKeyError(f"colour_aperture must be one of apertures: {list(self.apertures)}", "colour_aperture")
        return self

    @property
    def colour_radius(self) -> float:
        """Radius of the aperture used for colours."""
        return self.colour_aperture or self.apertures[len(self.apertures) // 2]
