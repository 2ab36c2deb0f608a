"""What a dataset holds, and which of its objects a person means: by index, by id, or by a condition."""

import difflib
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from survey_batch.core.arrays import Flags, Index
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status, usable

if TYPE_CHECKING:
    import xarray as xr

Object = int | str
"""An object: its index on the axis `object` (from the end if negative), or its id."""


AXES = ("object", "band", "y", "x", "channel")
"""The order of axes in products of images."""


def arranged(ds: "xr.Dataset") -> "xr.Dataset":
    """Return a dataset as products have it: its axes in their order, and ids that index the objects in `object_id`."""
    if "object_id" not in ds.variables and "object" in ds.indexes:
        ids = ds["object"].variable
        ds = ds.drop_vars("object").assign_coords(object_id=("object", ids.values, ids.attrs))
    return ds.transpose(*AXES, ..., missing_dims="ignore")


def kind_of(ds: "xr.Dataset") -> str:
    """Tell which product a dataset is like, by its variables: "cutouts", "spectra" and so on.

    Raises
    ------
    ConfigurationError
        It is like none that can be drawn.
    """
    dims = {str(name): set(variable.dims) for name, variable in ds.variables.items()}
    if "flux" in dims and "wavelength" in dims["flux"]:
        return "spectra"
    if "flux" in dims and {"y", "x"} <= dims["flux"]:
        return "cutouts" if "band" in dims["flux"] else "stamps"
    if "image" in dims and "channel" in dims["image"]:
        return "composites"
    if "probability" in dims:
        return "predictions"
    raise ConfigurationError(
        f"this dataset ({ds.attrs.get('title', 'without a title')}) has nothing to draw object by object; cutouts, "
        "composites, stamps, spectra and predictions have"
    )


def row_of(ds: "xr.Dataset", which: Object) -> int:
    """Find an object's index on the axis.

    Parameters
    ----------
    ds : xarray.Dataset
        With the axis `object`.
    which : int or str
        An index, or an `object_id`.

    Raises
    ------
    ConfigurationError
        The dataset has no such object, or no objects at all.
    """
    size = objects_in(ds)
    if hasattr(which, "item") and getattr(which, "ndim", 1) == 0:  # one value of numpy or xarray
        which = which.item()
    if isinstance(which, str):
        found = np.flatnonzero(ds["object_id"].values == which)
        if not found.size:
            raise ConfigurationError(f"no object of this dataset has the id {which!r}; its ids are in ds.object_id")
        return int(found[0])
    if not size:
        raise ConfigurationError("this dataset has no objects")
    if not isinstance(which, int) or isinstance(which, bool):
        raise ConfigurationError(
            f"an object is named by its index or its id (text), not by a value of type {type(which).__name__}"
        )
    if not -size <= which < size:
        raise ConfigurationError(
            f"object {which}: this dataset has the objects 0 to {size - 1}; an id is given as text: {str(which)!r}"
        )
    return which % size


def rows_of(ds: "xr.Dataset", which: "Iterable[Object] | None", count: int) -> Index:
    """Find the indices of the objects asked for; without any, of `count` objects with data, evenly spaced."""
    if which is not None:
        return np.array([row_of(ds, one) for one in which], np.intp)
    held = np.flatnonzero(usable(ds["status"].values)) if "status" in ds else np.arange(objects_in(ds))
    indices = np.linspace(0, len(held) - 1, min(count, len(held))).round().astype(np.intp)
    return np.asarray(held[indices], np.intp)


def objects_in(ds: "xr.Dataset") -> int:
    """Count the objects of a dataset.

    Raises
    ------
    ConfigurationError
        The dataset is not one of objects.
    """
    if "object" not in ds.dims:
        raise ConfigurationError(
            f"this dataset has the axes {', '.join(map(str, ds.dims))} and no axis 'object': take cutouts, spectra, "
            "features, predictions or another product of objects"
        )
    return int(ds.sizes["object"])


def chosen(ds: "xr.Dataset", conditions: dict[str, Any]) -> Flags:
    """Mark the objects that fulfil all conditions.

    Parameters
    ----------
    ds : xarray.Dataset
        With the axis `object`.
    conditions : dict
        By variable with one value an object: a value, several values, or a `slice` of numbers with both ends
        included. Statuses go by their names, and "usable" means `ok` or `partial`.

    Raises
    ------
    ConfigurationError
        There is no such variable, or it has more than one value an object.
    """
    marked = np.ones(objects_in(ds), bool)
    for name, wanted in conditions.items():
        marked &= _fulfils(name, _values(ds, name), _statuses(wanted) if name == "status" else wanted)
    return marked


def _values(ds: "xr.Dataset", name: str) -> Any:
    usual = [str(other) for other, variable in ds.variables.items() if variable.dims == ("object",)]
    if name not in usual:
        near = difflib.get_close_matches(name, usual, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ConfigurationError(
            f"select: {name!r} is no variable with one value an object{hint}; there are {', '.join(sorted(usual))}"
        )
    return ds[name].values


def _fulfils(name: str, values: Any, wanted: Any) -> Flags:
    if isinstance(wanted, slice):
        held = np.ones(len(values), bool)
        for end, within in ((wanted.start, np.greater_equal), (wanted.stop, np.less_equal)):
            if end is not None:
                held &= within(values, _like(name, values, [end])[0])
        return held
    return np.asarray(np.isin(values, _like(name, values, _several(wanted))), bool)


def _several(wanted: Any) -> list[Any]:
    return list(wanted) if isinstance(wanted, Collection) and not isinstance(wanted, str) else [wanted]


def _like(name: str, values: Any, wanted: list[Any]) -> Any:
    """Make an array of what is wanted that compares with a variable's values; no text is cut, and no number changed."""
    text = values.dtype.kind in "OTU"
    given = np.array(wanted, dtype=object) if text else np.asarray(wanted)
    fit = all(isinstance(one, str) for one in wanted) if text else given.dtype.kind not in "OTUS"
    if not fit:
        odd = next((one for one in wanted if isinstance(one, str) != text), None)
        raise ConfigurationError(f"select: {name!r} holds {'text' if text else 'numbers'}, and {odd!r} is none")
    if text:
        return np.array(wanted, dtype=str if values.dtype.kind == "U" else values.dtype)
    return given.astype(values.dtype) if values.dtype.kind == "f" else given


def _statuses(wanted: Any) -> list[int]:
    return [int(status) for name in _several(wanted) for status in _named(name)]


def _named(name: Any) -> list[Status]:
    if name == "usable":
        return [status for status in Status if usable(np.array([status], np.uint8))[0]]
    try:
        return [Status[name.upper()] if isinstance(name, str) else Status(name)]
    except (KeyError, ValueError) as error:
        names = ", ".join(["usable", *(status.name.lower() for status in Status)])
        raise ConfigurationError(f"select: {name!r} is no status; there are {names}") from error
