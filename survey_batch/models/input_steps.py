"""Named preprocessing steps that change the values of the variables on their way into one's own model.

Each step is a small pure function of `Data` and of its own numbers or words. Each row is treated by itself, so one
object gives the same input alone and among others. `ivar` and `mask` describe the data and keep their values, unless a
step says otherwise.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from survey_batch.core.arrays import F4, F8, Flags
from survey_batch.core.errors import ConfigurationError
from survey_batch.images.scaling import percentiles_of
from survey_batch.models.input_layout import CHANNELS, NOT_DATA, Array, Data, Size
from survey_batch.spectra.normalize import good_flux, offset_and_scale
from survey_batch.spectra.pixels import at_pixels
from survey_batch.spectra.smooth import bridge

Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Method = Literal["mean", "median", "l2", "minmax", "robust", "standard", "continuum"]


def mask(data: Data) -> Data:
    """Make bad pixels of `flux` NaN: where `mask` is not 0, or `ivar` is not above 0.

    Raises
    ------
    ConfigurationError
        There is no flux, or nothing says which of its pixels are bad.
    """
    if "flux" not in data.values or not {*NOT_DATA} & {*data.values}:
        raise ConfigurationError(
            f"step 'mask' needs flux, and ivar or mask beside it; there are {', '.join(data.values)}; leave it out"
        )
    flux = data.values["flux"]
    ivar, bits = data.values.get("ivar", np.ones_like(flux)), data.values.get("mask", np.zeros(flux.shape, np.int32))
    return replace(data, values={**data.values, "flux": good_flux(flux, ivar, bits).astype(np.float32)})


def grid(data: Data, spacing: Literal["log", "linear"], low: Positive, high: Positive, count: Size) -> Data:
    """Interpolate spectra linearly to `count` wavelengths from `low` to `high` [Angstrom, vacuum], both included.

    A new pixel between two old ones is missing if either is, and has the mask bits of both.

    Raises
    ------
    ConfigurationError
        The product has no wavelengths, or does not cover the range.
    """
    wavelength = data.wavelength
    if wavelength is None:
        raise ConfigurationError("step 'grid' is for spectra, and the product has no wavelengths; leave it out")
    if not wavelength[0] <= low < high <= wavelength[-1]:
        raise ConfigurationError(
            f"step 'grid' asks for {low:g} to {high:g} Angstrom, and the product has {wavelength[0]:.2f} to "
            f"{wavelength[-1]:.2f}; set wavelength_min and wavelength_max in [spectra], or ask for less"
        )
    made = (np.geomspace if spacing == "log" else np.linspace)(low, high, count)
    pixel = np.interp(made, wavelength, np.arange(wavelength.size))
    left, right = np.floor(pixel).astype(np.intp), np.ceil(pixel).astype(np.intp)
    values = dict(data.values)
    for name in (name for name, dims in data.dims.items() if dims[-1:] == ("wavelength",)):
        bits = values[name].dtype.kind in "iu"
        values[name] = values[name][..., left] | values[name][..., right] if bits else at_pixels(values[name], pixel)
    return replace(data, values=values, wavelength=made)


def normalise(data: Data, method: Method) -> Data:
    """Remove each object's brightness; `ivar` is scaled with `flux`, and a row that has no scale becomes NaN.

    `mean`, `median`, `l2`, `continuum`: divide by the mean, the median, the Euclidean norm, or a fitted continuum.
    `minmax`: from 0 to 1. `standard`: subtract the mean, and divide by the standard deviation. `robust`: subtract the
    median, and divide by half the range from the 16th to the 84th percentile. Missing values are ignored. Bands of one
    object are scaled together, which keeps its colours.

    Raises
    ------
    ConfigurationError
        A continuum is asked of what is no spectrum.
    """
    values = dict(data.values)
    for name in data.measured:
        if method == "continuum" and data.dims[name] != ("wavelength",):
            raise ConfigurationError(f"step 'normalise:continuum' is for spectra, and {name!r} is none")
        shape = data.values[name].shape
        rows = _known(data.values[name])
        offset, scale = _offset_and_scale(rows, method)
        scale = np.where(scale > 0, scale, np.nan)
        values[name] = ((rows - offset) / scale).astype(np.float32).reshape(shape)
        if name == "flux" and "ivar" in values:
            weight = data.values["ivar"].reshape(rows.shape) * scale**2
            values["ivar"] = np.nan_to_num(weight).astype(np.float32).reshape(shape)
    return replace(data, values=values)


def subtract(data: Data, *numbers: Number) -> Data:
    """Subtract one number, or one for each band, channel or feature."""
    return _combined(data, np.subtract, numbers)


def divide(data: Data, *numbers: Number) -> Data:
    """Divide by one number, or by one for each band, channel or feature."""
    if 0 in numbers:
        raise ConfigurationError("step 'divide' cannot divide by 0")
    return _combined(data, np.divide, numbers)


def asinh(data: Data, softening: Positive = 1.0) -> Data:
    """Replace x by asinh(x / softening): linear below the softening, logarithmic above."""
    return _changed(data, lambda _, values: np.arcsinh(values / np.float32(softening)))


def clip(data: Data, low: Number, high: Number) -> Data:
    """Raise values below `low` to it, and lower those above `high` to it; what is missing stays missing."""
    if low >= high:
        raise ConfigurationError(f"step 'clip:{low:g},{high:g}' would make all values equal; write clip:LOW,HIGH")
    return _changed(data, lambda _, values: np.clip(values, low, high))


def nan(data: Data, policy: Literal["zero", "mean", "interpolate", "refuse", "keep"]) -> Data:
    """Fill what is missing with 0, with the object's mean, or from its neighbours in wavelength.

    An object without any value is not answered; with `refuse`, none that lacks a value is. With `keep`, the model is
    handed what is missing as NaN: for forests and boosted trees that were fitted to rows with NaN.

    Raises
    ------
    ConfigurationError
        Interpolation is asked of what is no spectrum.
    """
    possible, filled = data.possible, {}
    for name in data.measured:
        known = np.isfinite(data.values[name]).reshape(len(possible), -1)
        possible = possible & (known.all(axis=1) if policy == "refuse" else known.any(axis=1))
        if policy == "interpolate" and data.dims[name][-1:] != ("wavelength",):
            raise ConfigurationError(f"step 'nan:interpolate' is for spectra, and {name!r} is none")
        filled[name] = _filled(data.values[name], known.reshape(data.values[name].shape), policy)
    keeps = data.keeps_missing or policy == "keep"
    return replace(data, values={**data.values, **filled}, possible=possible, keeps_missing=keeps)


def _filled(values: Array, known: Flags, policy: str) -> Array:
    if policy == "zero":
        return np.where(known, values, values.dtype.type(0))
    if policy == "mean":
        mean = offset_and_scale(_known(values), "flux")[1]
        return np.where(known, values, mean.astype(values.dtype).reshape(-1, *[1] * (values.ndim - 1)))
    if policy == "interpolate":
        return bridge(np.where(known, values, np.nan).reshape(-1, values.shape[-1])).reshape(values.shape)
    return np.where(known, values, values.dtype.type(np.nan)) if policy == "keep" else values


def _known(values: Array) -> F8:
    """Return each object's values in a row, in float64; NaN where they are missing."""
    rows = values.reshape(len(values), int(np.prod(values.shape[1:]))).astype(np.float64)
    return np.where(np.isfinite(rows), rows, np.nan)


def _offset_and_scale(rows: F8, method: Method) -> tuple[F8 | float, F8]:
    if method == "median":
        return 0.0, percentiles_of(rows[:, None, :], [50])[0][:, None]
    if method == "robust":
        low, middle, high = (values[:, None] for values in percentiles_of(rows[:, None, :], [16, 50, 84]))
        return middle, (high - low) / 2
    if method == "standard":
        mean = offset_and_scale(rows, "flux")[1]
        return mean, np.sqrt(offset_and_scale((rows - mean) ** 2, "flux")[1])
    return offset_and_scale(rows, "flux" if method == "mean" else method)


def _changed(data: Data, function: Callable[[str, F4], Array]) -> Data:
    """Change the measured values by a function of their name and themselves; they become float32."""
    changed = {name: function(name, data.values[name].astype(np.float32)) for name in data.measured}
    changed = {name: values.astype(np.float32, copy=False) for name, values in changed.items()}
    return replace(data, values={**data.values, **changed})


def _combined(data: Data, function: Callable[[Array, Array], Array], numbers: tuple[float, ...]) -> Data:
    """Combine values with one number, or with one along the axis of bands, channels or features."""

    def combine(name: str, values: F4) -> Array:
        constants = np.array(numbers, np.float32)
        if len(numbers) == 1:
            return function(values, constants[0])
        axis = data.axis(name, *CHANNELS, "feature")
        if axis is None or values.shape[axis] != len(numbers):
            raise ConfigurationError(
                f"{len(numbers)} numbers do not fit {name!r} of shape {values.shape[1:]} with dimensions "
                f"{', '.join(data.dims[name])}; give one number, or one for each band, channel or feature"
            )
        return function(values, constants.reshape([-1 if i == axis else 1 for i in range(values.ndim)]))

    return _changed(data, combine)
