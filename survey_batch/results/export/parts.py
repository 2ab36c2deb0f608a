"""Columns of an export that are read together, some rows of the plan at a time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import zarr

from survey_batch.store.damage import read_array
from survey_batch.store.schema import Array


@dataclass(frozen=True)
class Part:
    """Columns that are read together.

    Attributes
    ----------
    fields : tuple of pyarrow.Field
        Names, without prefix, types and meanings.
    read : callable
        Returns the columns for some successive rows of the plan.
    """

    fields: tuple[pa.Field, ...]
    read: Callable[[slice], list[pa.Array]]


def to_column(values: Array, there: npt.NDArray[np.bool_]) -> pa.Array:
    """Make a column with NULL where there is no value: no text, NaN, or an object without data."""
    if values.dtype == object:
        return pa.array(values, pa.string(), mask=~there | (values == ""))
    absent = ~there | np.isnan(values) if values.dtype.kind == "f" else ~there
    return pa.array(values, mask=absent)


def stored_rows(group: zarr.Group, name: str, rows: slice) -> Array:
    """Read rows of an array, with fill values for rows that it lacks so far; text becomes Python strings."""
    values = read_array(group, name, rows)
    values = values.astype(object) if values.dtype.kind in "TU" else values
    lacking = rows.stop - rows.start - len(values) if rows.stop is not None else 0
    if not lacking:
        return values
    return np.concatenate([values, np.full((lacking, *values.shape[1:]), "" if values.dtype == object else 0)])
