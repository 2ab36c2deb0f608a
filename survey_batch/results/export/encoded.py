"""A column as a format of fixed rows can hold it, found at once or from blocks of rows that are alike."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from survey_batch.store.schema import Array


@dataclass(frozen=True)
class Encoded:
    """A column as FITS can hold it.

    Attributes
    ----------
    array : (rows, ...) array
        One entry per row, or an object array of arrays of unequal length; absent values filled.
    null : int or None
        The value that stands for an absent integer.
    unit : str or None
    notes : tuple of str
        What was changed.
    """

    array: Array
    null: int | None = None
    unit: str | None = None
    notes: tuple[str, ...] = ()


def common_form(blocks: Iterable[Encoded]) -> Encoded | None:
    """Find the form that blocks of a column share, with no rows; None if the column must be seen as a whole.

    A block without absent integers agrees with one that has them if it does not hold the value that stands for these.
    """
    kinds, nulls, notes, lowest_used = set(), set(), dict[str, None](), False
    for block in blocks:
        array = block.array
        kinds.add((array.dtype, array.shape[1:], block.unit))
        notes |= dict.fromkeys(block.notes)
        if block.null is not None:
            nulls.add(block.null)
        elif array.dtype.kind in "iu":
            lowest_used = lowest_used or bool((array == lowest(array.dtype)).any())
    if len(kinds) != 1 or len(nulls) > 1 or (nulls and lowest_used):
        return None
    ((dtype, shape, unit),) = kinds
    if dtype.kind in "OS":
        return None
    return Encoded(np.empty((0, *shape), dtype), next(iter(nulls), None), unit, tuple(notes))


def lowest(kind: np.dtype[np.integer[Any]]) -> int:
    """Return the value that stands for absent ones if it is not used."""
    return 255 if kind == np.uint8 else int(np.iinfo(kind).min)
