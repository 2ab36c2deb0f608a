"""Class names: their order, and the number of each label among them."""

import re
from collections.abc import Iterable
from itertools import takewhile
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.errors import ConfigurationError

SEQUENCE = "OBAFGKM"
"""Spectral letters from hot to cool; classes of these names, or of a letter and a digit, are a sequence, in which
neighbours are alike."""

_TYPE = re.compile(rf"([{SEQUENCE}])(\d(?:\.\d)?)?")


def classes_among(labels: Iterable[str]) -> tuple[str, ...]:
    """Names that occur, without "": spectral types first, from hot to cool, then the others by alphabet."""
    names = {str(label) for label in labels} - {""}
    return tuple(sorted(names, key=lambda name: (_place(name), name)))


def sequence_length(classes: Iterable[str]) -> int:
    """How many of the first classes are spectral types, which `classes_among` puts in their sequence."""
    return len(list(takewhile(_TYPE.fullmatch, classes)))


def has_gaps(classes: Iterable[str]) -> bool:
    """Tell whether a sequence of letters leaves some out, so that neighbours in the list are none in the sequence."""
    letters = [name for name in classes if len(name) == 1 and name in SEQUENCE]
    places = [SEQUENCE.index(name) for name in letters]
    return bool(places) and places != list(range(places[0], places[0] + len(places)))


def _place(name: str) -> tuple[int, float]:
    """Place of a spectral type on the sequence; one that is no spectral type comes after all of them."""
    found = _TYPE.fullmatch(name)
    return (SEQUENCE.index(found[1]), float(found[2] or -1)) if found else (len(SEQUENCE), 0.0)


def class_numbers(labels: npt.NDArray[Any], classes: tuple[str, ...]) -> npt.NDArray[np.intp]:
    """Place of each label among the classes.

    Raises
    ------
    ConfigurationError
        A label is not among them.
    """
    place = {name: number for number, name in enumerate(classes)}
    if unknown := sorted({str(label) for label in labels} - set(place)):
        raise ConfigurationError(f"labels {unknown} are not among the classes {list(classes)}")
    return np.array([place[str(label)] for label in labels], dtype=np.intp)
