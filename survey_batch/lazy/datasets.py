"""Common properties of datasets in a notebook: text as Python strings, no stored layout, and how they were made.

The attribute `made_with` gives the settings as JSON, in the words of a classifier's manifest. It stays with a dataset
that is cut, computed, saved and opened again. xarray gives a concatenation the attributes of its first part. So the
coordinate of the same name holds the settings' fingerprint for each object, which reveals parts that were made
differently.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from survey_batch.core.arrays import TEXT
from survey_batch.core.errors import PlanMismatchError
from survey_batch.models.recipe import Recipe, made_with
from survey_batch.preflight.provenance import fingerprint
from survey_batch.spectra.pca import PCA
from survey_batch.stages.spectral_features import BASIS

if TYPE_CHECKING:
    import xarray as xr

MADE = "made_with"
"""Attribute with the settings, and coordinate with their fingerprint, the same for all objects."""


FLAGS = ("flag_values", "flag_masks")
"""Attributes with values of the variable."""

TEXTS_KEPT = 1_000_000
"""Most texts in a variable that is kept out of Dask; this many ids of 19 digits take 80 MB as Python strings."""


def is_small_text(values: "xr.Variable") -> bool:
    """Tell whether a variable is text that is small enough to be in memory as a whole."""
    return values.dtype.kind in "TO" and values.size <= TEXTS_KEPT


def with_strings(ds: "xr.Dataset") -> "xr.Dataset":
    """Turn numpy's StringDType, in which Zarr returns text, into Python strings, which every library accepts.

    Small text is read when it is used if it is a coordinate or not Dask-backed; computed results stay with Dask.
    """
    from survey_batch.lazy.text import read_when_used

    text: dict[Any, Any] = {}
    for name, values in ds.variables.items():
        apart = name in ds.coords if values.chunks else values.dtype.kind == "T"
        if apart and is_small_text(values) and name not in ds.dims:
            text[name] = read_when_used(values)
        elif values.dtype.kind == "T":
            text[name] = values.astype(TEXT)
    converted: xr.Dataset = ds.assign(text)
    return converted


def made_of(ds: "xr.Dataset") -> dict[str, Any] | None:
    """Return the settings with which a dataset was made; None if it does not say, or its parts differ.

    For a product opened by xarray alone, they come from its attribute `provenance`.
    """
    made: dict[str, Any]
    if MADE in ds.attrs:
        made = json.loads(ds.attrs[MADE])
    elif provenance := json.loads(ds.attrs.get("provenance", "{}")):
        made = made_with(provenance)
    else:
        return None
    if "pca_components" in ds and "object" not in ds["pca_components"].dims:
        made[BASIS] = PCA.stored(ds).fingerprint
    whole = fingerprint(made)
    return made if MADE not in ds.coords or bool((ds[MADE].astype(object) == whole).all()) else None


def made_from(ds: "xr.Dataset", settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how a result is made: the dataset's settings plus new ones; None if the dataset's are not known."""
    before = made_of(ds)
    basis = {key: value for key, value in settings.items() if key == BASIS}
    return None if before is None else {**before, **made_with(settings), **basis}


def check_made(recipe: Recipe, ds: "xr.Dataset") -> None:
    """Refuse a dataset that was made differently from the classifier's training data, as the batch does.

    Raises
    ------
    PlanMismatchError
        The dataset differs, or does not say how it was made; the message lists each difference.
    """
    made = made_of(ds)
    if made is None or (recipe.basis and BASIS not in made):
        raise PlanMismatchError(_unknown(recipe, ds, made))
    recipe.check_made(made)
    recipe.check_basis(made.get(BASIS))


def _unknown(recipe: Recipe, ds: "xr.Dataset", made: Mapping[str, Any] | None) -> str:
    if made is not None:
        why = "it does not say which principal components its scores belong to"
    elif MADE in ds.attrs:
        why = f"the coordinate {MADE!r} differs: its parts were made with different settings"
    else:
        why = f"it has no attribute {MADE!r}"
    wanted = ", ".join(f"{key} = {value!r}" for key, value in sorted(recipe.made.items()))
    return (
        f"it is not known whether this dataset was made like the {recipe.product} that the classifier takes: {why}. "
        f"Pass predict a dataset from open_product or a lazy function. If you know that yours was made so, pass "
        f"unchecked=True. The classifier takes {recipe.product} made with {wanted or 'settings that it does not name'}"
    )


def finished(ds: "xr.Dataset", made: Mapping[str, Any] | None) -> "xr.Dataset":
    """Prepare a dataset for its user; if `made` is None, it does not say how it was made."""
    free = with_strings(ds).drop_encoding()
    for values in free.variables.values():
        values.attrs = _with_typed_flags(values)
    if made is None:
        return free
    return free.assign_attrs({MADE: json.dumps(dict(made), sort_keys=True)}).assign_coords({MADE: _mark(free, made)})


def _with_typed_flags(values: "xr.Variable") -> dict[Any, Any]:
    """Give flags the variable's own type, as CF has it; in the product they are JSON numbers, which have none."""
    flags = {name: np.asarray(values.attrs[name], values.dtype) for name in FLAGS if name in values.attrs}
    return {**values.attrs, **flags}


def _mark(ds: "xr.Dataset", made: Mapping[str, Any]) -> tuple[tuple[str, ...], Any, dict[str, str]]:
    """Return the coordinate that stays with objects when they are joined; a scalar would come from one part only."""
    import dask.array as da

    about = {"long_name": "fingerprint of the settings with which the values were made"}
    dims = tuple(name for name in ("object",) if name in ds.sizes)
    shape, whole = tuple(ds.sizes[name] for name in dims), fingerprint(made)
    chunks = tuple(ds.chunksizes.get(name) for name in dims)
    lazy = all(chunks) and np.prod(shape) > TEXTS_KEPT
    values = da.full(shape, whole, dtype=TEXT, chunks=chunks) if lazy else np.full(shape, whole, TEXT)
    return dims, values, about
