"""The `composites` product of SkyServer: colour images drawn by the archive."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from survey_batch.config.sections.images import CompositesSection
from survey_batch.core.errors import ConfigurationError, ObjectError, TransientError
from survey_batch.core.paths import is_url
from survey_batch.core.status import Status
from survey_batch.planning.plan import Plan
from survey_batch.planning.stored import Rows
from survey_batch.stages.base import Block, Coordinates, Cost, Stage
from survey_batch.stages.context import Context
from survey_batch.store.schema import Variable
from survey_batch.surveys.skyserver.service import SCALES, SIZES, fetch_image, image_path, open_skyserver

DEFAULT_SIZE = 64
"""Pixels on a side, as for cutouts."""

BYTES_PER_PIXEL = 0.3
"""For composites of 64 pixels of a real field, saved at quality 75; larger images need half as much."""

READ_CPU_SECONDS = 1e-3
"""Time to fetch and decode one image of 64 pixels on a core of a 2-core cloud machine."""

Failure = tuple[Status, str, str, str]
"""Status, message and address of an image that could not be loaded, and the traceback of a faulty reader."""


class SkyImagesStage(Stage):
    """Stage that fetches the image that SkyServer draws around each object."""

    name = "composites"
    phase = "ingest"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.section = context.table(CompositesSection)

    @property
    def size(self) -> int:
        """Pixels on a side."""
        return self.section.size or DEFAULT_SIZE

    def settings(self) -> dict[str, Any]:
        """Return the archive, scale and size."""
        recipe = {"composites.scale": self.section.scale, "composites.size": self.size}
        return {**self.context.origin.settings(), **recipe}

    def check(self) -> None:
        """Refuse settings that the service would silently change."""
        section, root = self.section, self.context.origin.archive.root
        for key, value, (least, most) in (("size", self.size, SIZES), ("scale", section.scale, SCALES)):
            if not least <= value <= most:
                raise ConfigurationError(f"composites.{key} is {value}; SkyServer allows {least} to {most}")
        if root.rstrip("/").lower().endswith("getjpeg"):
            raise ConfigurationError(f"archive.root {root!r}: remove getjpeg, it is added for each image")

    def sizes(self) -> dict[str, int]:
        """Return the numbers of pixels and channels."""
        return {"y": self.size, "x": self.size, "channel": 3}

    def variables(self) -> tuple[Variable, ...]:
        """Return the image variable."""
        attrs = {
            "long_name": "colour image drawn by SkyServer",
            "units": "1",
            "bands": "irg as red, green, blue",
            "scale": self.section.scale,
            "scale_units": "arcsec/pixel",
            "orientation": "first row north, first column east",
        }
        return (Variable("image", ("object", "y", "x", "channel"), "u1", attrs),)

    def coordinates(self) -> Coordinates:
        """Return the channel names."""
        return {"channel": (("channel",), np.array(["red", "green", "blue"]), {"long_name": "colour"})}

    def compute(self, rows: Rows, inputs: Rows) -> Block:  # noqa: ARG002
        """Read the image of each object; set aside an image that cannot be loaded, with the reason."""
        block = self.empty_block(len(rows["ra"]))
        archive, images = open_skyserver(self.context.origin.archive), block.data["image"]

        def fill(row: int) -> Failure | None:
            path = image_path(rows["ra"][row], rows["dec"][row], self.section.scale, self.size)
            try:
                images[row] = fetch_image(archive, path, self.size)
            except (ObjectError, TransientError) as error:
                return error.status, str(error), archive.locate(path), error.traceback
            return None

        with ThreadPoolExecutor(self.context.origin.archive.connections) as pool:
            run = pool.map if is_url(self.context.origin.archive.root) else map
            for row, failure in enumerate(run(fill, range(len(images)))):
                if failure is not None:
                    block.fail(row, *failure)
        return block

    def cost(self, plan: Plan) -> Cost:
        """Estimate one image per object."""
        usable = plan.size("object") - plan.invalid
        shard = min(self.context.shard_rows, plan.size("object")) * self.schema(1).row_nbytes
        fetched = int(usable * BYTES_PER_PIXEL * self.size**2)
        cpu = usable * READ_CPU_SECONDS * (self.size / DEFAULT_SIZE) ** 2
        return Cost(usable, fetched, 2 * shard, cpu, at_once=self.context.origin.archive.connections)
