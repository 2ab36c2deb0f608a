"""Right ascensions below 0 or from 360 degrees up, which some files write by convention."""

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
    """What is known of the right ascensions of a file, batch by batch.

    Attributes
    ----------
    low, high
        Least and greatest [deg].
    rows, written
        Input rows of those below 0 and from 360 up, and how the file writes them.
    beyond
        Different values among these, no more than are needed to tell that there are several.
    angle
        How the file writes them.
    """

    low: float = np.inf
    high: float = -np.inf
    rows: list[npt.NDArray[np.int64]] = field(default_factory=list)
    written: list[pa.ChunkedArray] = field(default_factory=list)
    beyond: set[float] = field(default_factory=set)
    angle: Angle | None = None

    def include(self, draft: Draft, values: F8, first: int) -> None:
        """Take in a batch [deg], whose first input row is given."""
        known, self.angle = values[~np.isnan(values)], draft.angles.get("ra")
        if not known.size:
            return
        self.low, self.high = min(self.low, float(known.min())), max(self.high, float(known.max()))
        places = np.flatnonzero((values < 0) | (values >= 360))
        if places.size:
            self.rows.append(first + places)
            self.written.append(draft.column("ra").take(pa.array(places)))
            self.beyond |= set(np.unique(values[places])[:2].tolist())

    @property
    def negative_by_convention(self) -> bool:
        """Whether all lie from -180 to 180; a whole number, always the same one below 0, stands for nothing."""
        word_for_nothing = len(self.beyond) == 1 and all(value.is_integer() for value in self.beyond)
        return self.high <= 180 and not word_for_nothing

    @property
    def beyond_360_by_convention(self) -> bool:
        """Whether all lie from 180 to 540, as surveys across 0 h are plotted."""
        return self.low >= 180


def wrap_right_ascensions(objects: Objects, found: RightAscensions) -> None:
    """Take right ascensions modulo 360 degrees where the file's lie in one turn; else such rows cannot be used.

    Parameters
    ----------
    objects
        With `ra` from -180 to 540, or NaN.
    found
        Those of all rows of the file, also of rows that are not selected.
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
    ra[ra == 360] = 0.0  # what the modulus makes of the smallest negative numbers
    objects.put("ra", pa.array(ra))
    if wrapped.any():
        objects.notes.append(
            f"column {objects.names['ra']!r} holds right ascensions from {found.low:g} to {found.high:g} degrees: "
            f"{np.sum(wrapped)} of {len(ra)} are taken modulo 360"
        )


def _refuse(objects: Objects, found: RightAscensions, beyond: Flags) -> None:
    places = np.flatnonzero(beyond)
    if places.size == 0:
        return
    name, reason = objects.names["ra"], must_lie("ra", "0 to 360", found.angle)
    at = np.searchsorted(np.concatenate(found.rows), objects.numbers("row")[places])
    written = (
        pa.chunked_array([chunk for part in found.written for chunk in part.chunks]).take(pa.array(at)).to_pylist()
    )
    objects.reject(places, [f"{name} = {value!r}; {reason}" for value in written])
