"""Class names: their order, and the number of each label among them."""

from collections.abc import Iterable
from itertools import takewhile
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.errors import ConfigurationError

SEQUENCE = "OBAFGKM"
"""Spectral letters from hot to cool; classes of these names are a sequence, in which neighbours are alike."""


def classes_among(labels: Iterable[str]) -> tuple[str, ...]:
    """Names that occur, without "": spectral letters first, from hot to cool, then the others by alphabet."""
    names = {str(label) for label in labels} - {""}
    place = {letter: number for number, letter in enumerate(SEQUENCE)}
    return tuple(sorted(names, key=lambda name: (place.get(name, len(SEQUENCE)), name)))


def sequence_length(classes: Iterable[str]) -> int:
    """How many of the first classes are spectral letters, which `classes_among` puts in their sequence."""
    return len(list(takewhile(lambda name: name in tuple(SEQUENCE), classes)))


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
