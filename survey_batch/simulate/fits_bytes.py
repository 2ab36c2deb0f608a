"""FITS files put together from bytes.

Simulated files are small and many: `astropy.io.fits` takes longer to write the cards of one header than everything
else takes together.
"""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

CARD, BLOCK = 80, 2880

Card = tuple[str, Any, str]
"""Keyword, value and comment."""


def primary_cards(bits: int, axes: list[int]) -> list[Card]:
    """Return the cards that begin a file: type of pixel, and lengths of the axes."""
    return [
        ("SIMPLE", True, ""),
        ("BITPIX", bits, ""),
        ("NAXIS", len(axes), "Number of array dimensions"),
        *((f"NAXIS{i + 1}", size, "") for i, size in enumerate(axes)),
        ("EXTEND", True, ""),
    ]


def unit(cards: Sequence[Card], data: npt.NDArray[Any]) -> bytes:
    """Make one header and its data, each padded to whole blocks (FITS standard 4.0, section 3)."""
    header = "".join(_card(*card) for card in cards) + "END".ljust(CARD)
    content = data.tobytes()
    return header.ljust(-(-len(header) // BLOCK) * BLOCK).encode("ascii") + content + b"\0" * (-len(content) % BLOCK)


def _card(key: str, value: Any, comment: str) -> str:
    """Make one card in fixed format (FITS standard 4.0, section 4.2); simulated values never contain quotes."""
    if isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, str):
        text = f"'{value:<8}'".ljust(20)
    else:
        text = f"{value!r:>20}".upper()
    return f"{key:<8}= {text} / {comment}"[:CARD].ljust(CARD)
