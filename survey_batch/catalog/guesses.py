"""Columns found by their names."""

import re
from collections.abc import Sequence

POSITIONS = (
    ("ra", "dec"),
    ("alpha", "delta"),
    ("raj2000", "dej2000"),
    ("raj2000", "decj2000"),
    ("raicrs", "deicrs"),
    ("raicrs", "decicrs"),
    ("radeg", "decdeg"),
    ("radeg", "dedeg"),
    ("plugra", "plugdec"),
)
"""Names that belong together as a position, in order of preference."""

_DEGREES = re.compile(r"[(\[](deg|degrees?|°)[)\]]\s*$")
"""The unit behind a name; no other unit, since positions are read as degrees if the file says nothing else."""


def plain(name: str) -> str:
    """Return a name in lower case, without underscores, blanks, hyphens and "(deg)"."""
    return re.sub(r"[_\s-]", "", _DEGREES.sub("", name.lower()))


def matching(candidates: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the names that match a candidate, in the order of the candidates."""
    return [name for candidate in candidates for name in names if plain(name) == candidate]


def first_match(candidates: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the first name that matches a candidate, or None."""
    return next(iter(matching(candidates, names)), None)
