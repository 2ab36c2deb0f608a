"""Positions in another frame than ICRS, or in FK5 of another equinox than J2000, which would be read as if in ICRS."""

import re

from survey_batch.catalog.source import Column

_OTHER_FRAME = re.compile(r"(?i)fk4|ecl|gal")
_OTHER_UCD = re.compile(r"(?i)pos[._](super)?(galactic|ecliptic|az)\b")
_OTHER_EQUINOX = re.compile(r"(?i)fk5\W+j?(?!2000(\.0*)?\b)\d{4}")
_OTHER_NAME = re.compile(r"(?i)(?:ra|dec?|alpha|delta)[_\s-]?(b1[89]\d\d|1[89][0-7]\d)(?!\d)")
"""`RAB1950` and `ra_1950`."""


def other_frame(column: Column) -> str:
    """Return in which frame a column of positions is, as its file states it or as its name says; "" if ICRS or none."""
    if _OTHER_FRAME.search(column.frame) or _OTHER_EQUINOX.search(column.frame):
        return column.frame
    if _OTHER_UCD.match(column.ucd):
        return f"UCD {column.ucd}"
    named = _OTHER_NAME.search(column.name)
    return f"{named[1]}, as its name says" if named else ""
