"""The `composites` product: 8-bit colour images of the cutouts."""

from typing import Any

import numpy as np

from survey_batch.images.composite import SLICE_PIXELS, band_places, composite_images
from survey_batch.planning.plan import Plan, Rows
from survey_batch.stages.base import Block, Coordinates, Cost, Stage
from survey_batch.stages.cutouts import CutoutsStage
from survey_batch.store.products import Variable

COMPOSITE_CPU_SECONDS = 5e-4
"""Time to read, compose and store one 64-pixel image on a core of a 2-core cloud machine; composing takes 1e-4."""

RESIZE_CPU_SECONDS = 2e-3
"""Time to resample one image to 224 pixels and store it on the same machine; resampling takes half."""


BYTES_PER_PIXEL = 100
"""Memory for intermediate results of composing, per pixel of a slice."""


class CompositesStage(Stage):
    """Stage that composes a colour image from each object's bands."""

    name = "composites"
    upstream = "cutouts"
    input_variables = ("flux",)

    def check(self) -> None:
        """Refuse a recipe with bands that the cutouts lack."""
        band_places(self.job.frames.bands, self.job.composites)

    def settings(self) -> dict[str, Any]:
        """Return the cutouts' settings and the recipe."""
        recipe = self.job.composites.model_dump(mode="json", exclude={"keep", "scale"})
        recipe["stretch"] = self.job.composites.linear_stretch
        if self.job.composites.scaling == "flux":
            del recipe["percentiles"]
        return {**CutoutsStage(self.job).settings(), **{f"composites.{key}": value for key, value in recipe.items()}}

    def sizes(self) -> dict[str, int]:
        """Return the image size in pixels; a pair is twice as wide."""
        size = self.job.composites.size or self.job.cutouts.size
        return {"y": size, "x": size * (2 if self.job.composites.pair else 1), "channel": 3}

    def variables(self) -> tuple[Variable, ...]:
        """Return the image variable, whose attributes say how it was made."""
        recipe = self.job.composites
        pair = {"pair": f"{recipe.pair} as red, green, blue, in the right half"} if recipe.pair else {}
        attrs = {
            "long_name": "colour composite",
            "bands": f"{recipe.bands} as red, green, blue" + (", in the left half" if pair else ""),
            **pair,
            "recipe": f"Lupton et al. (2004), scaling {recipe.scaling}, q {recipe.q}, stretch {recipe.linear_stretch}",
        }
        return (Variable("image", ("object", "y", "x", "channel"), "u1", attrs),)

    def coordinates(self) -> Coordinates:
        """Return the channel names."""
        return {"channel": (("channel",), np.array(["red", "green", "blue"]), {"long_name": "channel of the image"})}

    def compute(self, rows: Rows, inputs: Rows) -> Block:
        """Compose the images of a block."""
        block = self.empty_block(len(rows["ra"]))
        block.data["image"] = composite_images(inputs["flux"], self.job.frames.bands, self.job.composites)
        return block

    def cost(self, plan: Plan) -> Cost:
        """Estimate a shard of cutouts and images, and the intermediate memory of one slice."""
        recipe, objects, size = self.job.composites, plan.size("object"), self.job.cutouts.size
        images = 2 if recipe.pair else 1
        resample = RESIZE_CPU_SECONDS * (recipe.size / 224) ** 2 if recipe.size else 0.0
        row = 4 * len(self.job.frames.bands) * size**2 + 2 * self.schema(1).row_nbytes
        between = BYTES_PER_PIXEL * max(SLICE_PIXELS, size**2, (recipe.size or 0) ** 2)
        return Cost(
            worker_bytes=min(self.job.shards.objects, objects) * row + between,
            cpu_seconds=objects * images * (COMPOSITE_CPU_SECONDS * (size / 64) ** 2 + resample),
        )
