"""Class names: their order, and the class number of each label."""

import re
from collections.abc import Iterable
from itertools import takewhile
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.errors import ConfigurationError

SEQUENCE = "OBAFGKM"
"""Spectral letters from hot to cool. Classes named by a letter, or a letter and a number, form a sequence whose
neighbours are alike."""

_TYPE = re.compile(rf"([{SEQUENCE}])(\d(?:\.\d)?)?")


def classes_among(labels: Iterable[str]) -> tuple[str, ...]:
    """List the names that occur, without "": spectral types from hot to cool, then the others alphabetically."""
    names = {str(label) for label in labels} - {""}
    return tuple(sorted(names, key=lambda name: (_rank(name), name)))


def sequence_length(classes: Iterable[str]) -> int:
    """Count the spectral types at the start of the classes, where `classes_among` puts them in sequence."""
    return len(list(takewhile(_TYPE.fullmatch, classes)))


def has_gaps(classes: Iterable[str]) -> bool:
    """Tell whether a sequence of letters skips some, so that neighbours in the list are not neighbours in it."""
    letters = [name for name in classes if len(name) == 1 and name in SEQUENCE]
    indices = [SEQUENCE.index(name) for name in letters]
    return bool(indices) and indices != list(range(indices[0], indices[0] + len(indices)))


def _rank(name: str) -> tuple[int, float]:
    """Find the rank of a spectral type in the sequence; other names come after all of them."""
    found = _TYPE.fullmatch(name)
    return (SEQUENCE.index(found[1]), float(found[2] or -1)) if found else (len(SEQUENCE), 0.0)


def class_numbers(labels: npt.NDArray[Any], classes: tuple[str, ...]) -> npt.NDArray[np.intp]:
    """Find the index of each label among the classes.

    Raises
    ------
    ConfigurationError
        A label is not among the classes.
    """
    index_of = {name: number for number, name in enumerate(classes)}
    if unknown := sorted({str(label) for label in labels} - set(index_of)):
        raise ConfigurationError(f"labels {unknown} are not among the classes {list(classes)}")
    return np.array([index_of[str(label)] for label in labels], dtype=np.intp)
