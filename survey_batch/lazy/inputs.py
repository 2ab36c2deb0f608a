"""What the functions of a notebook take of a dataset, which may be a user's own: checked, and in the kernels' order."""

from typing import TYPE_CHECKING, Any

import numpy as np

from survey_batch.core.errors import ConfigurationError
from survey_batch.images.features import POINT_SOURCES
from survey_batch.lazy.datasets import made_of
from survey_batch.stages import Stage
from survey_batch.stages.component_fit import SPECTRUM
from survey_batch.stages.predictions import PredictionsStage
from survey_batch.store.schema import OBJECT_COORDINATES

if TYPE_CHECKING:
    import xarray as xr

DIMENSIONS = ("object", "band", "feature", "wavelength", "y", "x", "channel", "quantity", "dimension")
"""Dimensions in the order that the kernels expect."""

FORMS = {
    "cutouts": {
        **dict.fromkeys(("flux", "ivar", "mask"), ("object", "band", "y", "x")),
        **dict.fromkeys(("x_object", "y_object", *POINT_SOURCES), ("object", "band")),
    },
    "spectra": {**dict.fromkeys(SPECTRUM, ("object", "wavelength")), "redshift": ("object",)},
}
"""Dimensions of the variables that stages take of a product."""

OWN = tuple(variable.name for variable in OBJECT_COORDINATES)
"""Coordinates of an object, which pass through as they are."""


def needed(stage: Stage, ds: "xr.Dataset", *others: str) -> "xr.Dataset":
    """Take the variables that a stage works on, and those of the others that are there."""
    if missing := [name for name in stage.input_variables if name not in ds]:
        raise ConfigurationError(
            f"{stage.name} needs variables {list(stage.input_variables)}; the dataset lacks {missing}"
        )
    if "status" in others and "status" in ds and ds["status"].dtype.kind not in "iu":
        raise ConfigurationError(
            f"variable 'status' is of type {ds['status'].dtype}; it must hold the whole numbers of survey_batch.Status."
            " If every object can be used, leave it out: ds.drop_vars('status')"
        )
    part: xr.Dataset = ds[[*stage.input_variables, *there(ds, *others)]]
    _refuse_without_objects(part)
    return part if isinstance(stage, PredictionsStage) else part.assign(_formed(stage, part))


def _formed(stage: Stage, ds: "xr.Dataset") -> dict[str, Any]:
    """Check the dimensions of a stage's variables, and turn whole numbers into the fractions that it works on."""
    formed: dict[str, Any] = {}
    for name in stage.input_variables:
        values, dims = ds[name].variable, FORMS[str(stage.upstream)][name]
        if set(values.dims) != set(dims):
            raise ConfigurationError(
                f"variable {name!r} has the dimensions ({', '.join(map(str, values.dims))}), and must have "
                f"({', '.join(dims)})"
            )
        if name != "mask" and values.dtype.kind in "iu":
            formed[name] = values.astype(np.float32)
    return formed


def in_order(ds: "xr.Dataset") -> "xr.Dataset":
    """Put dimensions in the products' order, with common chunks along `object` and a single chunk along the others."""
    _refuse_without_objects(ds)
    ds = ds.transpose(*(dim for dim in DIMENSIONS if dim in ds.dims), ...)
    if not any(variable.chunks for variable in ds.variables.values()):
        return ds
    ds = ds.unify_chunks()
    chunked = {name: values for name, values in ds.variables.items() if values.chunks}
    whole = {name: v.chunk({dim: -1 for dim in v.dims if dim != "object"}) for name, v in chunked.items()}
    return ds.assign(whole)


def _refuse_without_objects(ds: "xr.Dataset") -> None:
    if "object" not in ds.dims:
        raise ConfigurationError("the dataset has no dimension 'object'; keep it with isel(object=slice(3, 4))")


def there(ds: "xr.Dataset", *names: str) -> list[str]:
    """Return the names of the variables that a dataset has."""
    return [name for name in names if name in ds.variables]


def refuse_cut(cutouts: "xr.Dataset", *positions: str) -> None:
    """Refuse parts of images whose positions, variables in pixels, count from the corner of the whole ones."""
    made, y, x = (made_of(cutouts) or {}).get("cutouts.size"), cutouts.sizes["y"], cutouts.sizes["x"]
    if made is not None and (made, made) != (y, x):
        raise ConfigurationError(
            f"the cutouts were made with {made} x {made} pixels and have {x} x {y} now, and {' and '.join(positions)} "
            f"{'do' if len(positions) > 1 else 'does'} not tell what was cut off: take the whole cutouts. Or subtract "
            "what was cut off, and then drop what the dataset says of how it was made: ds.drop_attrs(deep=False)"
        )
