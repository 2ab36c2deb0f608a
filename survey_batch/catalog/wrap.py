"""Right ascensions below 0 or from 360 degrees up, which some files use by convention."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from survey_batch.catalog.angles import Angle, must_lie
from survey_batch.catalog.draft import Draft
from survey_batch.catalog.objects import Objects
from survey_batch.core.arrays import F8, Flags


@dataclass
class RightAscensions:
    """What is known about a file's right ascensions, collected batch by batch.

    Attributes
    ----------
    low, high
        Lowest and highest [deg].
    rows, written
        Input rows of right ascensions below 0 or from 360 up, and the values as the file writes them.
    beyond
        Distinct values among these; only enough to tell whether there are several.
    angle
        How the file writes angles.
    """

    low: float = np.inf
    high: float = -np.inf
    rows: list[npt.NDArray[np.int64]] = field(default_factory=list)
    written: list[pa.ChunkedArray] = field(default_factory=list)
    beyond: set[float] = field(default_factory=set)
    angle: Angle | None = None

    def include(self, draft: Draft, values: F8, first: int) -> None:
        """Add a batch of values [deg], whose first input row is `first`."""
        known, self.angle = values[~np.isnan(values)], draft.angles.get("ra")
        if not known.size:
            return
        self.low, self.high = min(self.low, float(known.min())), max(self.high, float(known.max()))
        indices = np.flatnonzero((values < 0) | (values >= 360))
        if indices.size:
            self.rows.append(first + indices)
            self.written.append(draft.column("ra").take(pa.array(indices)))
            self.beyond |= set(np.unique(values[indices])[:2].tolist())

    @property
    def negative_by_convention(self) -> bool:
        """Whether all lie from -180 to 180; if the only value below 0 is one whole number, it means "missing"."""
        word_for_nothing = len(self.beyond) == 1 and all(value.is_integer() for value in self.beyond)
        return self.high <= 180 and not word_for_nothing

    @property
    def beyond_360_by_convention(self) -> bool:
        """Whether all lie from 180 to 540, as in plots of surveys across 0 h."""
        return self.low >= 180


def wrap_right_ascensions(objects: Objects, found: RightAscensions) -> None:
    """Take right ascensions modulo 360 degrees if all of the file's lie within one turn; otherwise reject such rows.

    Parameters
    ----------
    objects
        With `ra` from -180 to 540, or NaN.
    found
        Right ascensions of all rows of the file, including rows that are not selected.
    """
    if not found.rows:
        return
    ra: F8 = objects.numbers("ra").copy()
    wrapped = np.asarray(ra == 360)
    for beyond, by_convention in (
        (ra < 0, found.negative_by_convention),
        (ra > 360, found.beyond_360_by_convention),
    ):
        if by_convention:
            wrapped |= beyond
        else:
            _refuse(objects, found, beyond)
            ra[beyond] = np.nan
    ra[wrapped] %= 360
    ra[ra == 360] = 0.0  # the modulus turns the smallest negative numbers into 360
    objects.put("ra", pa.array(ra))
    if wrapped.any():
        objects.notes.append(
            f"column {objects.names['ra']!r} holds right ascensions from {found.low:g} to {found.high:g} degrees: "
            f"{np.sum(wrapped)} of {len(ra)} are taken modulo 360"
        )


def _refuse(objects: Objects, found: RightAscensions, beyond: Flags) -> None:
    indices = np.flatnonzero(beyond)
    if indices.size == 0:
        return
    name, reason = objects.names["ra"], must_lie("ra", "0 to 360", found.angle)
    at = np.searchsorted(np.concatenate(found.rows), objects.numbers("row")[indices])
    written = (
        pa.chunked_array([chunk for part in found.written for chunk in part.chunks]).take(pa.array(at)).to_pylist()
    )
    objects.reject(indices, [f"{name} = {value!r}; {reason}" for value in written])
