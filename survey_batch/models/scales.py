"""Scales on which quantities are learnt: the number that a network sees, and the way back to the quantity."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from survey_batch.core.arrays import F8
from survey_batch.models.manifest import Quantity

NORMAL_68, NORMAL_95 = 0.6827, 0.95
"""Shares of a normal distribution within 1 and 1.96 standard deviations."""
ERRORS_95 = 1.96
"""Half the width of a 95 % interval, in errors."""


@dataclass(frozen=True)
class Scale:
    """A scale.

    Attributes
    ----------
    forward, back : callable
        From the quantity to the learnt number, and from there to the quantity.
    slope : callable
        Change of the quantity for each unit of the learnt number, at a learnt number.
    unit_of : callable
        By what a residual is divided, at a value of the catalogue.
    above : float
        Quantities at or below it cannot be learnt.
    residual : str
        What a residual is.
    """

    forward: Callable[[F8], F8]
    back: Callable[[F8], F8]
    slope: Callable[[F8], F8]
    unit_of: Callable[[F8], F8]
    above: float
    residual: str


SCALES = {
    "linear": Scale(np.array, np.array, np.ones_like, np.ones_like, -np.inf, "value - catalogue"),
    "log": Scale(np.log, np.exp, np.exp, np.array, 0.0, "(value - catalogue) / catalogue"),
    "redshift": Scale(np.log1p, np.expm1, np.exp, lambda z: 1 + z, -1.0, "(value - catalogue) / (1 + catalogue)"),
}
"""Scales by name. Redshifts are learnt as log(1 + z), which is a shift along the logarithm of wavelength."""


def scale_of(quantity: Quantity) -> Scale:
    """Return the scale on which a quantity is learnt."""
    return SCALES[quantity.scale]


def forward(values: F8, quantities: tuple[Quantity, ...]) -> F8:
    """Convert quantities, (object, quantity), to the numbers that are learnt; NaN where there is none."""
    columns = []
    for column, quantity in zip(values.T, quantities, strict=True):
        scale = scale_of(quantity)
        columns.append(scale.forward(np.where(column > scale.above, column, np.nan)))
    return np.stack(columns, axis=1)


def back(learnt: F8, errors: F8, quantities: tuple[Quantity, ...]) -> F8:
    """Convert learnt numbers and their errors, (object, quantity) each, to quantities and then their errors.

    Errors are propagated to first order, and multiplied by each quantity's `error_factor`.
    """
    pairs = list(zip(learnt.T, errors.T, quantities, strict=True))
    values = [scale_of(quantity).back(number) for number, _, quantity in pairs]
    stated = [scale_of(quantity).slope(number) * error * quantity.error_factor for number, error, quantity in pairs]
    return np.stack([*values, *stated], axis=1)
