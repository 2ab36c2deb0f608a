"""What is to be learnt of a job's objects besides labels: numbers in columns of its catalogue."""

from dataclasses import dataclass

import numpy as np

from survey_batch.config.job import Job
from survey_batch.core.arrays import F8, Flags
from survey_batch.models.manifest import Quantity
from survey_batch.models.scales import forward
from survey_batch.planning.columns import read_columns
from survey_batch.planning.plan import make_plan
from survey_batch.planning.stored import to_numpy


@dataclass(frozen=True)
class Targets:
    """Values of quantities in the catalogue.

    Attributes
    ----------
    quantities : tuple of Quantity
        With the catalogue's units, where the job states none.
    values : (object, quantity)
        In the order of the plan.
    """

    quantities: tuple[Quantity, ...]
    values: F8

    @property
    def known(self) -> Flags:
        """Mark objects with a number in every column, which the quantity's scale allows, (object,)."""
        return np.asarray(np.isfinite(forward(self.values, self.quantities)).all(axis=1))


def read_targets(job: Job, quantities: tuple[Quantity, ...]) -> Targets:
    """Read the columns of some quantities.

    Raises
    ------
    ConfigurationError
        The catalogue lacks a column, or the column has no number.
    """
    rows = to_numpy(make_plan(job).objects["row"])
    found = read_columns(job, rows, [quantity.column for quantity in quantities], "train.columns")
    stated = (
        quantity.model_copy(update={"units": unit})
        if quantity.units == "1" and (unit := found.units[quantity.column])
        else quantity
        for quantity in quantities
    )
    return Targets(tuple(stated), found.values)
