"""A column as a format of fixed rows can hold it, found at once or from blocks of rows that are alike."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from survey_batch.results.export.staging import Column
from survey_batch.store.schema import Array


@dataclass(frozen=True)
class Encoded:
    """A column as a format of fixed rows can hold it.

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


def in_blocks(column: Column, encode: Callable[[pa.Array], Encoded]) -> tuple[Encoded, Iterable[Array]]:
    """Return a column's form and its values, some rows at a time where their form does not depend on the others."""
    if form := common_form(map(encode, column.blocks())):
        return form, (encode(block).array for block in column.blocks())
    whole = encode(column.whole())
    return whole, [whole.array]


def as_letters(array: Array) -> Array:
    """Return Booleans as FITS and VOTable store them, T or F; other values as they are."""
    return np.where(array, np.uint8(ord("T")), np.uint8(ord("F"))) if array.dtype == bool else array


def common_form(blocks: Iterable[Encoded]) -> Encoded | None:
    """Find the form that blocks of a column share, with no rows; None if the column must be seen as a whole.

    Text and lists of unequal length depend on all rows. Where integers are absent in some blocks, all blocks must have
    the same value free to stand for them: the usual one.
    """
    kinds, nulls, notes, usual_used = set(), set(), dict[str, None](), False
    for block in blocks:
        array = block.array
        kinds.add((array.dtype, array.shape[1:], block.unit))
        if array.dtype.kind in "OS" or len(kinds) > 1:
            return None
        notes |= dict.fromkeys(block.notes)
        if block.null is not None:
            nulls.add(block.null)
        elif array.dtype.kind in "iu":
            usual_used = usual_used or bool((array == usual_null(array.dtype)).any())
    if not kinds:
        return None
    ((dtype, shape, unit),) = kinds
    if nulls and (usual_used or nulls != {usual_null(dtype)}):
        return None
    return Encoded(np.empty((0, *shape), dtype), next(iter(nulls), None), unit, tuple(notes))


def usual_null(kind: np.dtype[np.integer[Any]]) -> int:
    """Return the value that stands for absent ones if it is not used."""
    return 255 if kind == np.uint8 else int(np.iinfo(kind).min)
