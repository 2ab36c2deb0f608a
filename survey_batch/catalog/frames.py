"""Positions in another frame than ICRS, or in FK5 of another equinox than J2000, which would be read as if in ICRS."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from survey_batch.catalog.source import Column

_OTHER_FRAME = re.compile(r"(?i)fk4|ecl|gal|gappt|cirs|tete|teme|itrs|precessed|altaz|az_el|hadec")
"""Also those of the equator of date, or of the horizon; `gcrs` and `hcrs` are within arcseconds of ICRS."""
_OTHER_UCD = re.compile(r"(?i)pos[._](super)?(gal|ec|az)")
"""Those of 2005 and, as `POS_GAL_LON` and `POS_EC_LAT`, those of before."""
_OTHER_EQUINOX = re.compile(r"(?i)fk5\W+[jb]?(?!2000(\.0*)?\b)\d{4}")
_OTHER_NAME = re.compile(r"(?i)(?:ra|dec?|alpha|delta)[\W_]{0,2}(b1[89]\d\d|j?1[89][0-7]\d|fk4)(?!\d)")
"""`RAB1950`, `RA (1950)` and `ra_fk4`; positions of 1991, as of Hipparcos, are in ICRS."""

_ICRS_NAME = re.compile(r"(?i)2000|icrs")
_FK4_BEFORE = 1984.0
"""By the FITS standard, an EQUINOX before this without a RADESYS means FK4, a later one FK5."""


def header_frame(headers: Sequence[Mapping[str, Any]]) -> str:
    """Return the frame that the first FITS header with RADESYS or EQUINOX states for its positions; "" if none does.

    EPOCH is not read: in catalogues it is the time of the positions as often as their equinox.
    """
    for header in headers:
        system = next((str(header[key]).strip() for key in ("RADESYS", "RADECSYS") if key in header), "")
        try:
            equinox = float(str(header.get("EQUINOX", "")).strip().lstrip("JBjb"))
        except ValueError:
            equinox = 0.0
        if system or equinox:
            system = system or ("FK4" if equinox < _FK4_BEFORE else "FK5")
            return f"{system} {equinox:.6g}" if equinox else system
    return ""


def frame_of_named(name: str, frame: str) -> str:
    """Return the frame of a column in a table that states one for all; `RAJ2000` says that it is in another."""
    return "" if _ICRS_NAME.search(name) else frame


def other_frame(column: Column) -> str:
    """Return in which frame a column of positions is, as its file states it or as its name says; "" if ICRS or none."""
    if _OTHER_FRAME.search(column.frame) or _OTHER_EQUINOX.search(column.frame):
        return column.frame
    if _OTHER_UCD.match(column.ucd):
        return f"UCD {column.ucd}"
    named = _OTHER_NAME.search(column.name)
    return f"{named[1]}, as its name says" if named else ""
