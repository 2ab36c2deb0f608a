"""The `stamps` product: a small image of each star, with its noise and its position in the field."""

from typing import Any

import numpy as np

from survey_batch.archive.decompress import decompress
from survey_batch.archive.download import Archive
from survey_batch.archive.spellings import spellings
from survey_batch.core.errors import ObjectError, TransientError, UnreadableError
from survey_batch.core.status import Status
from survey_batch.optics.exposure import exposure_key
from survey_batch.planning.plan import Plan
from survey_batch.planning.stored import Rows
from survey_batch.stages.base import Block, Coordinates, Cost, Stage
from survey_batch.store.schema import Variable
from survey_batch.surveys.stamps.files import STAMPS_CEILING, Exposure, exposure_path, read_exposure

SIZE = 32
"""Pixels on a side of a stamp."""

EXPOSURE_BYTES = 12_000_000
"""Size of an exposure with a few thousand stars."""

STAMP_CPU_SECONDS = 5e-5
"""Time to read and store one stamp on a core of a 2-core cloud machine."""


class StampsStage(Stage):
    """Stage that reads stamps from the files of their exposures."""

    name = "stamps"
    phase = "ingest"

    def settings(self) -> dict[str, Any]:
        """Return the archive."""
        return self.context.origin.settings()

    def sizes(self) -> dict[str, int]:
        """Return the number of pixels."""
        return {"y": SIZE, "x": SIZE}

    def variables(self) -> tuple[Variable, ...]:
        """Return the stamp, its inverse variance, the exposure, and the star's position in its field."""
        dims = ("object", "y", "x")
        flux = {"long_name": "flux in one wide band", "units": "1"}
        ivar = {"long_name": "inverse variance of the flux; 0 where there is no measurement", "units": "1"}
        position = {
            f"{axis}_field": {"long_name": f"{axis} of the star in the field of view", "units": "1"} for axis in "xy"
        }
        return (
            Variable("flux", dims, "f4", flux),
            Variable("ivar", dims, "f4", ivar),
            *(Variable(name, ("object",), "f8", attrs) for name, attrs in position.items()),
            Variable(
                "exposure_key", ("object",), "i8", {"long_name": "number of the exposure, from the SHA-256 of its name"}
            ),
        )

    def coordinates(self) -> Coordinates:
        """Return nothing: the product has no such arrays."""
        return {}

    def compute(self, rows: Rows, inputs: Rows) -> Block:  # noqa: ARG002
        """Read each exposure once; set aside a star that cannot be loaded, with the reason."""
        block = self.empty_block(len(rows["ra"]))
        archive = Archive(self.context.origin.archive)
        names = np.asarray(rows["exposure"]).astype(str)
        for name in dict.fromkeys(names.tolist()):
            self._take(block, archive, name, np.flatnonzero(names == name), rows)
        return block

    def _take(self, block: Block, archive: Archive, name: str, indices: Any, rows: Rows) -> None:
        path = exposure_path(name)
        try:
            exposure = archive.read(path, _read, spellings(path)[1:])
        except (ObjectError, TransientError) as error:
            for index in indices:
                block.fail(int(index), error.status, str(error), archive.locate(path), error.traceback)
            return
        for index in indices:
            try:
                self._store(block, int(index), exposure, str(rows["object_id"][index]), name)
            except ObjectError as error:
                block.fail(int(index), error.status, f"{archive.locate(path)}: {error}", archive.locate(path))

    def _store(self, block: Block, index: int, exposure: Exposure, object_id: str, name: str) -> None:
        row = exposure.row_of(object_id)
        block.data["flux"][index], block.data["ivar"][index] = exposure.flux[row], exposure.ivar[row]
        block.data["x_field"][index], block.data["y_field"][index] = exposure.x[row], exposure.y[row]
        block.data["exposure_key"][index] = exposure_key(name)
        if not (np.isfinite(exposure.flux[row]) & (exposure.ivar[row] > 0)).any():
            block.fail(index, Status.UNREADABLE, "no pixel of the stamp has both a flux and a positive ivar", name)

    def cost(self, plan: Plan) -> Cost:
        """Estimate the cost; each shard reads the exposures of its stars."""
        usable = plan.size("object") - plan.invalid
        exposures = len(set(plan.objects["exposure"].to_pylist()) - {""}) if usable else 0
        shard = min(self.context.shard_rows, plan.size("object")) * self.schema(1).row_nbytes
        return Cost(exposures, exposures * EXPOSURE_BYTES, 2 * shard + 4 * EXPOSURE_BYTES, usable * STAMP_CPU_SECONDS)


def _read(raw: bytes) -> Exposure:
    exposure = read_exposure(decompress(raw, STAMPS_CEILING))
    if exposure.flux.shape[1:] != (SIZE, SIZE):
        raise UnreadableError("stamps of {} x {} pixels, not of {} x {}".format(*exposure.flux.shape[1:], SIZE, SIZE))
    return exposure
