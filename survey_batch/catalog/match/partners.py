"""The partner of each row of a catalogue in a second list."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, F8, I4, Index


@dataclass
class Partners:
    """The partner of each row.

    Attributes
    ----------
    row : (n,) int32
        Row of the second list; -1 where there is no partner.
    apart : (n,) float32
        Arcseconds to the partner, or to the nearest row if that is too far to be one; NaN if not known.
    rows : int
        How many rows the second list has.
    unknown : int
        How many of them lack a position or an identifier.
    own_unknown : int
        How many rows of the catalogue do.
    repeated : int
        By id: how many of them repeat that of another.
    chance : float or None
        By position: about how many rows would have a partner by chance.
    """

    row: I4
    apart: F4
    rows: int
    unknown: int = 0
    own_unknown: int = 0
    repeated: int = 0
    chance: float | None = None

    @classmethod
    def none(cls, own: int, rows: int) -> "Partners":
        """Begin without any partner of a number of rows."""
        return cls(np.full(own, -1, np.int32), np.full(own, np.nan, np.float32), rows)


def best_of(one: Index, rank: F4 | None, apart: F8, row: npt.NDArray[Any]) -> Index:
    """Choose one of several pairs of each row: by rank if there is one, then the nearest, then the first.

    Parameters
    ----------
    one, apart, row : (pairs,)
        The row, its separation from the other, and the other's row.
    rank : (pairs,) or None
        The other's; the higher, the better, NaN last.

    Returns
    -------
    ndarray
        Index of the pair of each row that has one.
    """
    keys = [row, apart, *([-np.nan_to_num(rank, nan=-np.inf)] if rank is not None else []), one]
    order = np.lexsort(keys)
    return order[np.flatnonzero(np.diff(one[order], prepend=-1))]
