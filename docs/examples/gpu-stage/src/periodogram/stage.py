"""The stage: how much of a spectrum's scatter lies at each frequency."""

from typing import Any

import numpy as np

from periodogram.kind import PeriodogramSection
from survey_batch.stages import Block, Context, Coordinates, Cost, Plan, Rows, Stage, Variable


class PeriodogramStage(Stage):
    """Stage that computes the power spectrum of each spectrum."""

    name = "periodogram"
    phase = "predict"
    gpu = in_steps = True
    upstream = "spectra"
    input_variables = ("flux", "ivar")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.bins = context.table(PeriodogramSection).bins

    def settings(self) -> dict[str, Any]:
        """Return what the product depends on: the settings of the spectra, and ours."""
        return {**self.other("spectra").settings(), "periodogram.bins": self.bins}

    def sizes(self) -> dict[str, int]:
        """Return the length of each dimension but that of the objects."""
        return {"frequency": self.bins}

    def variables(self) -> tuple[Variable, ...]:
        """Return the arrays of the product."""
        power = {"long_name": "share of the power at each frequency", "units": "1"}
        return (Variable("power", ("object", "frequency"), "f4", power),)

    def coordinates(self) -> Coordinates:
        """Return the small fixed arrays of the product."""
        middle = (np.arange(self.bins) + 0.5) / (2 * self.bins)
        return {"frequency": (("frequency",), middle, {"long_name": "frequency", "units": "1 / pixel"})}

    def prepare(self, inputs: Rows) -> Rows:
        """Fill gaps and remove the mean; another thread does this while the device computes."""
        known = inputs["ivar"] > 0
        mean = np.sum(inputs["flux"], axis=1, where=known, keepdims=True) / np.maximum(known.sum(1, keepdims=True), 1)
        return {"flux": np.where(known, inputs["flux"] - mean, np.float32(0))}

    def compute(self, rows: Rows, inputs: Rows) -> Block:
        """Transform the spectra of a block on the device."""
        import keras

        self.context.prepare_gpu()
        real, imaginary = keras.ops.rfft(inputs["flux"])
        power = keras.ops.convert_to_numpy(real**2 + imaginary**2)[:, 1:]
        edges = np.linspace(0, power.shape[1], self.bins + 1).astype(int)[:-1]
        binned = np.add.reduceat(power, edges, axis=1)
        block = self.empty_block(len(rows["ra"]))
        total = np.maximum(binned.sum(axis=1, keepdims=True), np.finfo("f4").tiny)
        block.data["power"][:] = binned / total
        return block

    def cost(self, plan: Plan) -> Cost:
        """Estimate the memory and the time."""
        objects = plan.size("object")
        shard = min(self.context.shard_rows, objects) * self.other("spectra").schema(1).row_nbytes
        return Cost(worker_bytes=3 * shard, process_bytes=700_000_000, cpu_seconds=1e-3 * objects, start_seconds=15)
