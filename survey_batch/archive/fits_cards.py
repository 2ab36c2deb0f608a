"""The cards of a FITS header. A survey's files have the same ones in the same order, so they are found once."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

CARD = 80
"""Bytes of a card."""

NAME = 9
"""Bytes of a card's name, and of the `=` behind it."""

HEADERS, VALUES = 32, 1024
"""Lists of a header's names, and values of cards, that are kept; 312 real LAMOST files have 5 such lists."""


def cards_of(raw: bytes, begin: int, end: int) -> Mapping[str, int]:
    """Find where in a header, from its begin, the value of the first card of each name is."""
    names = np.ndarray(((end - begin) // CARD, NAME), np.uint8, raw, begin, (CARD, 1))
    return _cards_named(names.tobytes())


@lru_cache(maxsize=HEADERS)
def _cards_named(names: bytes) -> Mapping[str, int]:
    """Do the same, given the first `NAME` bytes of each card."""
    found: dict[str, int] = {}
    for number, at in enumerate(range(0, len(names), NAME)):
        if names[at + NAME - 1] == ord("="):
            found.setdefault(names[at : at + NAME - 1].decode("latin-1").rstrip(" "), number * CARD + NAME)
    return found


@lru_cache(maxsize=VALUES)
def text_of(value: bytes) -> str:
    """Return what a card says behind its `=`, without quotes and comment; most values are those of other files too."""
    return verbatim_of(value).strip()


def verbatim_of(value: bytes) -> str:
    """Return the same with the blanks at both ends of a text."""
    text = value.decode("ascii", "replace").strip()
    return text[1:].split("'")[0] if text.startswith("'") else text.split("/")[0]
