"""Positions in another frame than ICRS, or in FK5 of another equinox than J2000, which would be read as if in ICRS."""

import re

from survey_batch.catalog.source import Column

_OTHER_FRAME = re.compile(r"(?i)fk4|ecl|gal|cirs|tete|teme|itrs|precessed|altaz|az_el|hadec")
"""Also those of the equator of date, or of the horizon; `gcrs` and `hcrs` are within arcseconds of ICRS."""
_OTHER_UCD = re.compile(r"(?i)pos[._](super)?(gal|ec|az)")
"""Those of 2005 and, as `POS_GAL_LON` and `POS_EC_LAT`, those of before."""
_OTHER_EQUINOX = re.compile(r"(?i)fk5\W+[jb]?(?!2000(\.0*)?\b)\d{4}")
_OTHER_NAME = re.compile(r"(?i)(?:ra|dec?|alpha|delta)[\W_]{0,2}(b1[89]\d\d|j?1[89][0-7]\d|fk4)(?!\d)")
"""`RAB1950`, `RA (1950)` and `ra_fk4`; positions of 1991, as of Hipparcos, are in ICRS."""


def other_frame(column: Column) -> str:
    """Return in which frame a column of positions is, as its file states it or as its name says; "" if ICRS or none."""
    if _OTHER_FRAME.search(column.frame) or _OTHER_EQUINOX.search(column.frame):
        return column.frame
    if _OTHER_UCD.match(column.ucd):
        return f"UCD {column.ucd}"
    named = _OTHER_NAME.search(column.name)
    return f"{named[1]}, as its name says" if named else ""
