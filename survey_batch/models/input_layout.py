"""The arrays on their way into one's own model, and the named steps that choose and arrange them.

A step is a small pure function of `Data` and of its own numbers or words. Each row is treated by itself, so one object
gives the same input alone and among others. The steps that change values are in `survey_batch.models.input_steps`;
`survey_batch.models.input_pipeline` reads both from text and runs them in order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from survey_batch.core.arrays import F8, Flags
from survey_batch.core.errors import ConfigurationError
from survey_batch.images.middle import middle
from survey_batch.models.table import chosen

Array = npt.NDArray[Any]
Size = Annotated[int, Field(gt=0, le=100_000)]
Side = Literal["first", "last"]

NOT_DATA = ("ivar", "mask")
"""Variables that describe the data."""

CHANNELS = ("variable", "band", "channel")
"""Dimensions that a network takes for channels."""


@dataclass(frozen=True)
class Data:
    """Variables of some objects on their way to a model.

    Attributes
    ----------
    values : dict
        (object, …) each.
    dims : dict
        Names of the dimensions of each, without `object`.
    possible : (object,) bool
        Whether the model can be asked about the object.
    names : dict
        Texts along the dimensions `feature`, `band` and `channel`.
    wavelength : (wavelength,) float64 or None
        Pixel centres [Angstrom, vacuum].
    keeps_missing : bool
        Whether the model is handed missing values as NaN.
    """

    values: Mapping[str, Array]
    dims: Mapping[str, tuple[str, ...]]
    possible: Flags
    names: Mapping[str, tuple[str, ...]]
    wavelength: F8 | None = None
    keeps_missing: bool = False

    @property
    def measured(self) -> tuple[str, ...]:
        """Names of the variables that hold measurements."""
        return tuple(name for name in self.values if name not in NOT_DATA)

    def axis(self, variable: str, *dims: str) -> int | None:
        """Find the axis of a variable that is one of some dimensions, counted from 1 because 0 is the object."""
        return next((i for i, dim in enumerate(self.dims[variable], 1) if dim in dims), None)


def select(data: Data, *names: str) -> Data:
    """Keep features, bands or channels by name, in this order; `*`, `?` and `[…]` work as in file names.

    Raises
    ------
    ConfigurationError
        A name matches nothing, or the product has no names.
    """
    if len(data.names) != 1:
        raise ConfigurationError("step 'select' needs names of features, bands or channels, and there are none")
    ((dim, there),) = data.names.items()
    index = np.concatenate([chosen(there, (name,), "step 'select'") for name in names])
    values = dict(data.values)
    for name in values:
        if (axis := data.axis(name, dim)) is not None:
            values[name] = np.take(values[name], index, axis=axis)
    return replace(data, values=values, names={dim: tuple(there[i] for i in index)})


def take(data: Data, *variables: str) -> Data:
    """Keep these variables, in this order; the others served earlier steps."""
    if missing := [name for name in variables if name not in data.values]:
        raise ConfigurationError(f"step 'take' asks for {missing[0]!r}; there are {', '.join(data.values)}")
    kept = {name: data.values[name] for name in variables}
    return replace(data, values=kept, dims={name: data.dims[name] for name in variables})


def stack(data: Data, side: Side = "first") -> Data:
    """Make one array of all variables, as channels that come first (PyTorch) or last (Keras).

    Variables that have bands or channels are joined along them; others get a new axis.

    Raises
    ------
    ConfigurationError
        The variables differ in shape.
    """
    whole = channels(data, side)
    first, *others = whole.values
    if not others:
        return whole
    if len({values.shape for values in whole.values.values()}) > 1:
        shapes = {name: values.shape[1:] for name, values in data.values.items()}
        raise ConfigurationError(f"step 'stack' needs variables of one shape, and these have {shapes}")
    parts = [values.astype(np.float32) for values in whole.values.values()]
    joined = np.concatenate(parts, axis=1 if side == "first" else -1)
    return replace(whole, values={"stacked": joined}, dims={"stacked": whole.dims[first]}, names={})


def channels(data: Data, side: Side) -> Data:
    """Move bands or channels first (PyTorch) or last (Keras); a variable without them gets an axis of length 1."""
    values, dims = dict(data.values), dict(data.dims)
    for name in values:
        axis = data.axis(name, *CHANNELS)
        if axis is None:
            axis, values[name], dims[name] = 1, values[name][:, None], ("variable", *dims[name])
        moved = dims[name][axis - 1]
        rest = tuple(dim for dim in dims[name] if dim != moved)
        values[name] = np.moveaxis(values[name], axis, 1 if side == "first" else -1)
        dims[name] = (moved, *rest) if side == "first" else (*rest, moved)
    return replace(data, values=values, dims=dims)


def flatten(data: Data) -> Data:
    """Make one row of numbers of each variable."""
    values = {name: values.reshape(len(values), -1) for name, values in data.values.items()}
    return replace(data, values=values, dims=dict.fromkeys(values, ("number",)))


def crop(data: Data, size: Size) -> Data:
    """Keep the middle of images, `size` pixels on a side.

    Raises
    ------
    ConfigurationError
        There is no image, or it is smaller.
    """
    values = dict(data.values)
    images = [name for name, dims in data.dims.items() if {"y", "x"} <= {*dims}]
    if not images:
        raise ConfigurationError("step 'crop' is for images, and the product has none; leave it out")
    for name in images:
        axes = [data.dims[name].index(dim) + 1 for dim in ("y", "x")]
        last = np.moveaxis(values[name], axes, (-2, -1))
        if min(last.shape[-2:]) < size:
            raise ConfigurationError(
                f"step 'crop:{size}': the images have only {min(last.shape[-2:])} pixels on a side"
            )
        values[name] = np.moveaxis(middle(last, size), (-2, -1), axes)
    return replace(data, values=values)
