"""Conversion of a catalogue's angles to degrees from the unit that it states."""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.values import to_float, to_text
from survey_batch.core.arrays import F8, Flags

Axis = Literal["ra", "dec"]

_NOTHING = ("", "-", "--", "---", "none", "unitless")
_SPELLED = {
    "deg": ("dd", "degs", "degr", "degrees", "decimaldeg", "decimaldegrees", "decdeg", "degdecimal", "degreeseast"),
    "rad": ("rads", "radians"),
    "hourangle": ("h", "hr", "hrs", "hour", "hours", "hourangles", "decimalhours"),
    "arcsec": ("arcs", "arcseconds", "asec", '"'),
    "arcmin": ("arcm", "arcminutes", "amin"),
}
"""Spellings that astropy does not know or takes for a time; lower case, without blanks."""
_HOURS = re.compile(r"h+(ou)?r?s?m+(in)?(ute)?s?s+(ec)?(ond)?s?")
_DEGREES = re.compile(r"d+(eg)?(ree)?s?(arc)?m+(in)?(ute)?s?(arc)?s+(ec)?(ond)?s?")
_IN_BRACKETS = re.compile(r"(?:angle|ra|dec|deg|right ascension|declination)?\s*[\[(]\s*(.+?)\s*[\])]", re.I)
_FRAME = re.compile(r"[\s,;]*[\[(]?(?:eq\.?\s*)?(?:j2000(?:\.0)?|icrs|fk5)[\])]?$", re.I)

SEXAGESIMAL = (
    r"^(?P<sign>[+-]?)\s*(?P<first>\d{1,3})[\s:hd\x{00b0}]+(?P<minutes>[0-5]?\d)"
    r"(?:[\s:m'\x{2032}]+(?P<seconds>[0-5]?\d(?:\.\d*)?|60(?:\.0*)?)[s\"\x{2033}]?|[m'])?$"
)
"""Hours or degrees, minutes, and seconds, with colons, blanks or letters between them."""


@dataclass(frozen=True)
class Angle:
    """How a column writes its angles.

    Attributes
    ----------
    unit
        As stated by the catalogue or the job.
    degrees
        Degrees per unit, or per unit of the first part of a sexagesimal text.
    sexagesimal
        Whether the column holds texts such as `04:16:53.07`.
    """

    unit: str = ""
    degrees: float = 1.0
    sexagesimal: bool = False

    @property
    def converted(self) -> bool:
        """Whether the column holds something other than degrees."""
        return self.sexagesimal or self.degrees != 1.0


def angle_of(unit: str, axis: Axis) -> Angle:
    """Understand the unit of a right ascension or a declination.

    Parameters
    ----------
    unit
        As written in VOTable, FITS, ECSV, CDS and VizieR files, or by hand; empty means degrees.
    axis
        Hours are accepted for right ascension only.

    Raises
    ------
    ValueError
        The unit is unknown, or is not a unit of angle.
    """
    text = unit.strip().strip("\"'").strip() or unit.strip()
    if within := _IN_BRACKETS.fullmatch(text):
        text = within[1]
    text = _FRAME.sub("", text)
    plain = re.sub(r"[\s_:.,/]", "", text.lower())
    if plain in _NOTHING:
        return Angle(unit)
    if plain == "sexagesimal":
        plain = "hms" if axis == "ra" else "dms"
    if _HOURS.fullmatch(plain) and axis == "ra":
        return Angle(unit, 15.0, sexagesimal=True)
    if _DEGREES.fullmatch(plain):
        return Angle(unit, 1.0, sexagesimal=True)
    known = next((name for name, spelled in _SPELLED.items() if plain in (name, *spelled)), text)
    if known == "hourangle" and axis == "ra":
        return Angle(unit, 15.0)
    degrees = _degrees_in(known) if known != "hourangle" else None
    if degrees is None:
        raise ValueError(unit)
    return Angle(unit, degrees)


def is_angle(text: str) -> bool:
    """Tell whether a text is a unit of right ascension or declination; an empty text is not."""
    if text.strip().strip("\"'").strip().lower() in _NOTHING:
        return False
    try:
        angle_of(text, "ra")
    except ValueError:
        return False
    return True


def _degrees_in(text: str) -> float | None:
    """Return the degrees in a unit of angle, which may be in any unit format that astropy reads."""
    from astropy import units

    for spelled in dict.fromkeys((text, text.lower())):
        for form in (None, "cds", "vounit"):
            try:
                return float(units.Unit(spelled, format=form).to(units.deg))
            except (ValueError, TypeError, units.UnitConversionError):
                continue
    return None


def must_lie(axis: Axis, within: str, angle: Angle | None) -> str:
    """Say where angles must lie, and which unit the column was read in if not degrees."""
    if angle is None or not angle.converted:
        return f"{axis} must lie from {within} degrees"
    return (
        f"{axis} was read in {angle.unit!r} and so lies outside {within} degrees; if it is in degrees, say so: "
        f'[catalog] units = {{{axis} = "deg"}}'
    )


def to_degrees(column: pa.Array | pa.ChunkedArray, angle: Angle) -> tuple[F8, Flags]:
    """Return angles in degrees, NaN where missing, and a mark where a value cannot be understood."""
    if angle.sexagesimal:
        values, bad = _from_sexagesimal(to_text(column))
    else:
        values, bad = to_float(column)
    return (values * angle.degrees if angle.degrees != 1.0 else values), bad


def _from_sexagesimal(text: pa.Array) -> tuple[F8, Flags]:
    parts = pc.extract_regex(text, SEXAGESIMAL)
    first, minutes, seconds = (to_float(pc.struct_field(parts, name))[0] for name in ("first", "minutes", "seconds"))
    sign = np.where(np.asarray(pc.fill_null(pc.equal(pc.struct_field(parts, "sign"), "-"), False)), -1.0, 1.0)
    bad = np.asarray(text.is_valid()) & np.isnan(first)
    return sign * (first + minutes / 60 + np.nan_to_num(seconds) / 3600), bad
