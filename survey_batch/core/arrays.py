"""Names of array types: a letter for the kind of number, and its size in bytes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

F4 = npt.NDArray[np.float32]
F8 = npt.NDArray[np.float64]
I4 = npt.NDArray[np.int32]
I8 = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Statuses = npt.NDArray[np.uint8]
Index = npt.NDArray[np.intp]
"""Indices into an array."""

Variables = Mapping[str, npt.NDArray[Any]]
"""Variables of some objects by name, (object, …) each."""

TEXT = np.dtype(object, metadata={"element_type": str})
"""Python strings, marked as xarray does, so that it can save an array without inspecting every value."""
