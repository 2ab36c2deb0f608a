"""Spectral type of a star from its images: calibrated cutouts, or 8-bit colour images.

A star's colour is the signal. So the pixels of all bands share one scale, and nothing is standardised per band or per
object.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from survey_batch.config.sections.train_images import ImageTraining
from survey_batch.core.arrays import F4, Variables
from survey_batch.core.errors import ConfigurationError
from survey_batch.images.features import POINT_SOURCES
from survey_batch.images.middle import middle
from survey_batch.models.base import Inputs
from survey_batch.models.examples import Training
from survey_batch.models.image_networks import small_cnn, small_vit
from survey_batch.models.keras_family import KerasClassifier
from survey_batch.models.labelled import Labelled
from survey_batch.models.preprocessing import step
from survey_batch.models.recipe import Recipe

if TYPE_CHECKING:
    from survey_batch.models.fitting import Fit

Build = Callable[[Inputs, int, float, int], Any]

CORE = 3
"""Pixels to either side of the centre that must have data in all bands: they hold most of a star's light."""
IMAGES_AT_ONCE = 8
"""Cutouts that stay in a core's cache while they are turned into images."""
WHITE = 255.0
"""Grey level that becomes 1."""

INPUTS = {"cutouts": "flux", "composites": "image"}
"""Variable of each product that the networks use."""
MEASURED = {"cutouts": ("flux", "x_object", "y_object", *POINT_SOURCES), "composites": ("image",)}
"""Variables of each product that training reads, including those for the baseline."""


class ImageClassifier(KerasClassifier[ImageTraining]):
    """A network on the images of one star.

    Cutouts are in nanomaggies; the network takes asinh(flux / `softening`) (Lupton, Gunn & Szalay 1999, AJ 118, 1406),
    the same for all bands. A pixel without data counts as 0. An object is not classified if a pixel within 3 of the
    centre is missing in any band. Composites are used as they are; the two halves of a pair become six channels. An
    object with an all-black image is not classified.
    """

    kind: ClassVar[str] = "stellar-image"
    why_not: ClassVar[str] = "the object's own pixels are missing in a band"
    network: ClassVar[Build]

    @classmethod
    def product_of(cls, section: ImageTraining) -> str:
        """Return the table's `product`."""
        return section.product

    @classmethod
    def variables_of(cls, section: ImageTraining) -> tuple[str, ...]:
        """List the pixels and, for the baseline on cutouts, the object's position and PSF values."""
        return MEASURED[section.product]

    @classmethod
    def recipe_of(cls, data: Labelled, section: ImageTraining) -> Recipe:
        """Make the recipe: the product's shape, its bands or channels, and how pixels are scaled.

        Raises
        ------
        ConfigurationError
            The images are smaller than `crop`.
        """
        variable = INPUTS[section.product]
        shape = data.shapes[variable]
        sides = shape[1:] if section.product == "cutouts" else shape[:2]
        if section.crop and section.crop > min(sides):
            raise ConfigurationError(
                f"train.crop = {section.crop} is more than the {sides[0]} x {sides[1]} pixels of {section.product}"
            )
        dim = "band" if section.product == "cutouts" else "channel"
        scaling = {"softening": section.softening} if section.product == "cutouts" else {}
        return Recipe(
            product=section.product,
            variables=(variable,),
            units={variable: "nanomaggy/pixel" if section.product == "cutouts" else "1"},
            shape=shape,
            names={dim: tuple(str(name) for name in data.coordinates[dim])},
            steps={"method": section.product, "crop": section.crop or 0, **scaling},
        )

    @classmethod
    def baselines(cls, data: Labelled, section: ImageTraining, classes: tuple[str, ...]) -> "dict[str, Fit]":
        """Return boosted trees on five magnitudes of the same objects."""
        from survey_batch.models.magnitudes import magnitude_trees, magnitudes_of

        measure = magnitudes_of(data, section)
        return {"magnitudes": magnitude_trees(measure, classes)} if measure else {}

    @classmethod
    def valid_rows(cls, block: Variables, recipe: Recipe) -> npt.NDArray[np.bool_]:
        """Mark cutouts with data in the middle in all bands, and images that are not black."""
        pixels = block[recipe.variables[0]]
        if recipe.product == "composites":
            return np.asarray(pixels.any(axis=(1, 2, 3)))
        return np.asarray(np.isfinite(middle(pixels, 2 * CORE + 1)).all(axis=(1, 2, 3)))

    def prepare(self, block: Variables) -> Inputs:
        """Make images (object, y, x, channel): nanomaggies as float32, or grey levels as uint8."""
        pixels, crop = block[self.recipe.variables[0]], int(step(self.recipe.steps, "crop"))
        if self.recipe.product == "composites":
            return crop_images(halves_as_channels(pixels), crop)
        return channels_last(middle(pixels, crop) if crop else pixels)

    @override
    def training(self, section: ImageTraining) -> Training:
        """Flip and turn images by right angles, which changes no colour; the rate falls to zero."""
        unit = WHITE if section.product == "composites" else section.softening
        return Training(
            build=lambda sample: type(self).network(sample, len(self.classes), unit, self.manifest.seed),
            augment=turned if section.augment else None,
            decay="cosine",
        )


class ImageCNN(ImageClassifier):
    """A small convolutional network."""

    variant: ClassVar[str] = "cnn"
    network: ClassVar[Build] = staticmethod(small_cnn)


class SmallViT(ImageClassifier):
    """A small vision transformer, trained from scratch."""

    variant: ClassVar[str] = "small-vit"
    network: ClassVar[Build] = staticmethod(small_vit)


def channels_last(flux: F4) -> F4:
    """Turn cutouts (object, band, y, x) into images (object, y, x, band); a pixel without data (NaN) is 0."""
    images = np.empty((len(flux), *flux.shape[2:], flux.shape[1]), np.float32)
    for start in range(0, len(flux), IMAGES_AT_ONCE):
        part = images[start : start + IMAGES_AT_ONCE]
        part[...] = np.moveaxis(flux[start : start + IMAGES_AT_ONCE], 1, -1)
        part[~np.isfinite(part)] = 0
    return images


def halves_as_channels(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Stack the halves of images that are twice as wide as high as channels: (n, y, 2 x, 3) to (n, y, x, 6)."""
    height, width = images.shape[1:3]
    if width != 2 * height:
        return images
    return np.concatenate([images[:, :, :height], images[:, :, height:]], axis=-1)


def crop_images(images: npt.NDArray[np.uint8], crop: int) -> npt.NDArray[np.uint8]:
    """Crop images (object, y, x, channel) to `crop` pixels on a side around the middle; 0 keeps all."""
    return np.moveaxis(middle(np.moveaxis(images, -1, 1), crop), 1, -1) if crop else images


def turned(
    values: npt.NDArray[Any], targets: npt.NDArray[Any], random: np.random.Generator
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Flip and turn each square image (object, y, x, channel) in one of eight ways."""
    way = random.integers(0, 8, len(values))
    images = np.empty_like(values)
    for number in range(8):
        rows = way == number
        part = np.rot90(values[rows], number % 4, axes=(1, 2))
        images[rows] = part[:, :, ::-1] if number >= 4 else part
    return images, targets
