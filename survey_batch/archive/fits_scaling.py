"""Physical values from stored ones, by the FITS standard 4.0 (section 4.4.2.5)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.errors import UnreadableError


def physical(stored: npt.NDArray[Any], scale: float, zero: str | None, blank: npt.ArrayLike | None) -> npt.NDArray[Any]:
    """Scale stored values; integers that are `blank`, which stands for no value, become NaN."""
    values = scaled(stored, scale, zero)
    if blank is None or stored.dtype.kind not in "iu":
        return values
    blanks = np.equal(stored, blank)
    return np.where(blanks, np.nan, values) if blanks.any() else values


def scaled(values: npt.NDArray[Any], scale: float, zero: str | None) -> npt.NDArray[Any]:
    """Scale values; unsigned integers, which FITS stores as signed ones with an offset, stay exact."""
    if values.dtype.kind not in "iuf" or (scale == 1 and zero is None):
        return values
    try:
        offset = float(zero or 0)
    except ValueError:
        raise UnreadableError(f"the offset of a column or image is {zero!r}, not a number") from None
    if values.dtype.kind == "f" or scale != 1 or not offset.is_integer() or abs(offset) > 2.0**63:
        return values * np.float64(scale) + offset
    if offset == 2.0**63:
        return values.astype(np.uint64) + np.uint64(2**63)
    return values.astype(np.int64) + int(offset)
