"""The `features` product of images: fluxes, colours, sizes, shapes and neighbours."""

from functools import cached_property
from typing import Any, cast

import numpy as np

from survey_batch.config.sections.images import ImageFeaturesSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.feature import Feature
from survey_batch.images.feature_names import features_of
from survey_batch.images.features import POINT_SOURCES, SLICE, PointSources, check_size, image_features
from survey_batch.planning.plan import Plan
from survey_batch.planning.stored import Rows
from survey_batch.stages.base import Block, Cost
from survey_batch.stages.context import Context
from survey_batch.stages.cutouts import CutoutsStage
from survey_batch.stages.measured import MeasuredStage

FEATURES_CPU_SECONDS = 2.3e-4
"""Time to measure an object in one band with the default radii on a busy cloud core (Intel Xeon, 2.8 GHz)."""
PSF_FLUX, UNCORRECTED = "corrected to 7.4 arcsec by the stars of each frame", "not corrected"
"""Definitions of `psf_flux`, stored in the product; a product with another definition is refused."""
STAMP_BYTES = 24
"""Bytes in memory per pixel of a stamp and band."""


class ImageFeaturesStage(MeasuredStage):
    """Stage that measures each object in its cutouts."""

    name = "features"
    phase = "prepare"
    upstream = "cutouts"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.section = context.table(ImageFeaturesSection)

    @property
    def cutouts(self) -> CutoutsStage:
        """The stage that makes the cutouts."""
        return cast("CutoutsStage", self.other("cutouts"))

    @cached_property
    def corrected(self) -> bool:
        """Whether the fluxes of point sources are corrected by the stars of their frames; a notebook sets it."""
        return self.cutouts.reader.corrects

    @property
    def input_variables(self) -> tuple[str, ...]:  # type: ignore[override]
        """Pixels, positions and the frames' aperture corrections; inverse variances and masks if cutouts have them."""
        also = (name for name, there in (("ivar", self.cutouts.section.ivar), ("mask", self.cutouts.masked)) if there)
        return ("flux", "x_object", "y_object", *POINT_SOURCES, *also)

    def settings(self) -> dict[str, Any]:
        """Return the cutouts' settings and the recipe."""
        recipe = self.section.model_dump(mode="json", exclude={"keep"})
        return {
            **self.cutouts.settings(),
            "cutouts.ivar": self.cutouts.section.ivar,
            "psf_flux": PSF_FLUX if self.corrected else UNCORRECTED,
            **{f"image_features.{key}": value for key, value in recipe.items()},
        }

    def check(self) -> None:
        """Refuse radii that do not fit, cutouts without aperture corrections, and other units than nanomaggies."""
        if not self.cutouts.section.aperture_correction:
            raise ConfigurationError(
                "psf_flux needs the aperture corrections, and cutouts.aperture_correction is false: remove the key, or "
                "remove 'features' from stages"
            )
        check_size(self.section, self.cutouts.section.size)
        if (unit := self.cutouts.unit) != "nanomaggy":
            raise ConfigurationError(
                f"stage {self.name!r} measures pixels in nanomaggies, and archive.unit is {unit!r}: set "
                f"archive.zero_point instead of archive.unit, or leave {self.name!r} out of stages"
            )

    def features(self) -> list[Feature]:
        """Return the features, in order."""
        return features_of(self.section, self.cutouts.bands, corrected=self.corrected)

    def compute(self, rows: Rows, inputs: Rows) -> Block:
        """Measure all objects of a block."""
        block = self.empty_block(len(rows["ra"]))
        section, bands = self.section, self.cutouts.bands
        flux, x, y = (inputs[name] for name in ("flux", "x_object", "y_object"))
        if "mask" in inputs:
            flux = np.where(inputs["mask"] == 0, flux, np.float32(np.nan))
        stars = PointSources(*(inputs[name] for name in POINT_SOURCES))
        block.data["value"][:] = image_features(flux, x, y, section, bands, inputs.get("ivar"), stars)
        return block

    def cost(self, plan: Plan) -> Cost:
        """Estimate a shard's cutouts and features, and the stamps of the objects measured at once."""
        bands, objects = len(self.cutouts.bands), min(self.context.shard_rows, plan.size("object"))
        pixels = bands * self.cutouts.section.size**2 * (2 if self.cutouts.section.ivar else 1)
        width = 2 * self.section.background[1] + 3
        return Cost(
            worker_bytes=int(
                objects * (4 * pixels + 4 * len(self.features())) + SLICE * bands * width**2 * STAMP_BYTES
            ),
            cpu_seconds=plan.size("object") * bands * FEATURES_CPU_SECONDS * (width / 53) ** 2,
        )
