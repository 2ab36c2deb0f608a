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
    ("ra", "decl"),  # 2MASS
    ("rightascension", "declination"),  # Euclid
    ("alphaj2000", "deltaj2000"),  # SExtractor
    ("ramean", "decmean"),  # Pan-STARRS
    ("targetra", "targetdec"),  # DESI
)
"""Names that belong together as a position, in order of preference."""

_SEXAGESIMAL = r"[hd]{1,3}:?m{1,2}:?s{1,2}(?:\.s+)?|sexagesimal"
_WHOLE = rf"deg|degrees?|°|rad|radians?|{_SEXAGESIMAL}"
"""Units of a whole angle; there may be minutes in another column beside `RA (h)`."""
_IN_BRACKETS, _WHOLE_IN_BRACKETS = (
    re.compile(rf"(?i)[(\[]\s*({units})\s*[)\]]\s*$")
    for units in (rf"{_WHOLE}|h|hrs?|hours?|arcsec|arcmin|mas", _WHOLE)
)
_BEHIND = re.compile(
    rf"(?i)_*(?:ra|dec?|alpha|delta)(?:_?(?:j2000|icrs))?[\s_.-]*(hrs?|hours?|rad|radians?|arcsec|arcmin|{_SEXAGESIMAL})"
)
"""`ra_hours`, and `RArad` as in the Hipparcos catalogue."""


def plain(name: str) -> str:
    """Return a name in lower case, without underscores, blanks, hyphens, "(deg)" and "[h:m:s]"."""
    return re.sub(r"[_\s-]", "", _WHOLE_IN_BRACKETS.sub("", name.lower()))


def unit_in_name(name: str) -> str:
    """Return the unit of angle that the name of a position's column ends with, "" if none."""
    found = _IN_BRACKETS.search(name) or _BEHIND.fullmatch(name.strip())
    return found[1] if found else ""


def matching(candidates: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the names that match a candidate, in the order of the candidates."""
    return [name for candidate in candidates for name in names if plain(name) == candidate]


def first_match(candidates: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the first name that matches a candidate, or None."""
    return next(iter(matching(candidates, names)), None)
