"""The cards of a FITS header. A survey's files have the same ones in the same order, so they are found once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

CARD = 80
"""Bytes of a card."""

NAME = 9
"""Bytes of a card's name, and of the `=` behind it."""

HEADERS, EXTENTS, VALUES = 32, 256, 1024
"""Lists of a header's names, sizes of data, and values of cards that are kept; 312 real LAMOST files have 5 lists."""


MOST_AXES = 9

_OF_EXTENT = ("BITPIX", "NAXIS", *(f"NAXIS{axis}" for axis in range(1, MOST_AXES + 1)), "GCOUNT", "PCOUNT")
"""Cards that say how large the data behind a header are."""


class Cards(NamedTuple):
    """Where in a header, from its begin, the value of the first card of each name is."""

    places: Mapping[str, int]
    of_extent: tuple[int, ...]
    """Those of the cards that say how large the data are."""


@dataclass
class Extent:
    """The shape and size of the data behind a header, once somebody has found them."""

    shape: tuple[int, ...] | None = None
    nbytes: int | None = None


def extent_of(raw: bytes, begin: int, cards: Cards) -> Extent:
    """Return one extent for all headers that say it in the same words."""
    return _extent_said(tuple([raw[begin + at - NAME : begin + at + CARD - NAME] for at in cards.of_extent]))


@lru_cache(maxsize=EXTENTS)
def _extent_said(_cards: tuple[bytes, ...]) -> Extent:
    return Extent()


def cards_of(raw: bytes, begin: int, end: int) -> Cards:
    """Find the cards of a header."""
    names = np.ndarray(((end - begin) // CARD, NAME), np.uint8, raw, begin, (CARD, 1))
    return _cards_named(names.tobytes())


@lru_cache(maxsize=HEADERS)
def _cards_named(names: bytes) -> Cards:
    """Do the same, given the first `NAME` bytes of each card."""
    found: dict[str, int] = {}
    for number, at in enumerate(range(0, len(names), NAME)):
        if names[at + NAME - 1] == ord("="):
            found.setdefault(names[at : at + NAME - 1].decode("latin-1").rstrip(" "), number * CARD + NAME)
    return Cards(found, tuple(found[name] for name in _OF_EXTENT if name in found))


@lru_cache(maxsize=VALUES)
def text_of(value: bytes) -> str:
    """Return what a card says behind its `=`, without quotes and comment; most values are those of other files too."""
    return verbatim_of(value).strip()


def verbatim_of(value: bytes) -> str:
    """Return the same with the blanks at both ends of a text."""
    text = value.decode("ascii", "replace").strip()
    return text[1:].split("'")[0] if text.startswith("'") else text.split("/")[0]
