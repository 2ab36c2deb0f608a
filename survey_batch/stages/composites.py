"""The `composites` product: 8-bit colour images of the cutouts."""

from typing import Any, cast

import numpy as np

from survey_batch.config.sections.images import CompositesSection
from survey_batch.images.composite import SLICE_PIXELS, band_indices, composite_images
from survey_batch.planning.plan import Plan
from survey_batch.planning.stored import Rows
from survey_batch.stages.base import Block, Coordinates, Cost, Stage
from survey_batch.stages.context import Context
from survey_batch.stages.cutouts import CutoutsStage
from survey_batch.store.schema import Variable

COMPOSITE_CPU_SECONDS = 5e-4
"""Time to read, compose and store one 64-pixel image on a core of a 2-core cloud machine; composing takes 1e-4."""

RESIZE_CPU_SECONDS = 1.1e-3
"""Time to resample one image to 224 pixels and store it on the same machine; resampling takes a third."""


BYTES_PER_PIXEL = 100
"""Memory for intermediate results of composing, per pixel of a slice."""


class CompositesStage(Stage):
    """Stage that composes a colour image from each object's bands."""

    name = "composites"
    upstream = "cutouts"
    input_variables = ("flux",)

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.section = context.table(CompositesSection)

    @property
    def cutouts(self) -> CutoutsStage:
        """The stage that makes the cutouts."""
        return cast("CutoutsStage", self.other("cutouts"))

    def check(self) -> None:
        """Refuse a recipe with bands that the cutouts lack."""
        band_indices(self.cutouts.bands, self.section)

    def settings(self) -> dict[str, Any]:
        """Return the cutouts' settings and the recipe."""
        recipe = self.section.model_dump(mode="json", exclude={"keep", "scale"})
        recipe["stretch"] = self.section.linear_stretch
        if self.section.scaling == "flux":
            del recipe["percentiles"]
        return {**self.cutouts.settings(), **{f"composites.{key}": value for key, value in recipe.items()}}

    def sizes(self) -> dict[str, int]:
        """Return the image size in pixels; a pair is twice as wide."""
        size = self.section.size or self.cutouts.section.size
        return {"y": size, "x": size * (2 if self.section.pair else 1), "channel": 3}

    def variables(self) -> tuple[Variable, ...]:
        """Return the image variable, whose attributes say how it was made."""
        recipe = self.section
        pair = {"pair": f"{recipe.pair} as red, green, blue, in the right half"} if recipe.pair else {}
        attrs = {
            "long_name": "colour composite",
            "units": "1",
            "bands": f"{recipe.bands} as red, green, blue" + (", in the left half" if pair else ""),
            **pair,
            "recipe": f"Lupton et al. (2004), scaling {recipe.scaling}, q {recipe.q}, stretch {recipe.linear_stretch}",
        }
        return (Variable("image", ("object", "y", "x", "channel"), "u1", attrs),)

    def coordinates(self) -> Coordinates:
        """Return the channel names."""
        return {"channel": (("channel",), np.array(["red", "green", "blue"]), {"long_name": "colour"})}

    def compute(self, rows: Rows, inputs: Rows) -> Block:
        """Compose the images of a block."""
        block = self.empty_block(len(rows["ra"]))
        block.data["image"] = composite_images(inputs["flux"], self.cutouts.bands, self.section)
        return block

    def cost(self, plan: Plan) -> Cost:
        """Estimate a shard of cutouts and images, and the intermediate memory of one slice."""
        recipe, objects, size = self.section, plan.size("object"), self.cutouts.section.size
        images = 2 if recipe.pair else 1
        resample = RESIZE_CPU_SECONDS * (recipe.size / 224) ** 2 if recipe.size else 0.0
        row = 4 * len(self.cutouts.bands) * size**2 + 2 * self.schema(1).row_nbytes
        between = BYTES_PER_PIXEL * max(SLICE_PIXELS, size**2)
        return Cost(
            worker_bytes=min(self.context.shard_rows, objects) * row + between,
            cpu_seconds=objects * images * (COMPOSITE_CPU_SECONDS * (size / 64) ** 2 + resample),
        )
