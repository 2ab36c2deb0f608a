"""Positions of a batch of the catalogue."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.angles import SEXAGESIMAL, Axis, must_lie
from survey_batch.catalog.draft import Draft
from survey_batch.core.arrays import F8, Flags
from survey_batch.core.errors import ConfigurationError

WRAPPED = (-180.0, 540.0)
"""Range of right ascensions [deg] that some files use instead of 0 to 360."""


def read_positions(draft: Draft, *, needed: bool) -> tuple[F8, F8]:
    """Return right ascension and declination [deg], NaN where not known; impossible ones make a row unusable.

    A cutout needs a position; some surveys' spectra are found without one (`needed`). Right ascensions from -180 to 540
    are left to `wrap_right_ascensions`, which knows all rows.

    Raises
    ------
    ConfigurationError
        Positions are needed, and a column is in half precision, whose numbers from 256 to 512 are a quarter apart.
    """
    position = []
    limits: dict[Axis, tuple[float, float, str]] = {"ra": (*WRAPPED, "0 to 360"), "dec": (-90.0, 90.0, "-90 to 90")}
    for name, (low, high, within) in limits.items():
        if needed and name in draft.names and pa.types.is_float16(draft.column(name).type):
            raise ConfigurationError(
                f"catalog: column {draft.names[name]!r} ({name}) is in half precision, which rounds positions by up to "
                "an eighth of a degree: write it again in double precision"
            )
        values, bad = draft.angle(name)
        if bad.any():
            _reject_text(draft, name, bad)
        outside = (values < low) | (values > high)
        if needed:
            outside |= draft.infinite(name)
        draft.reject(outside, must_lie(name, within, draft.angles.get(name)), name)
        if needed:
            draft.reject(np.isnan(values), f"{name} is missing: a cutout needs a position", name)
        position.append(np.where(outside, np.nan, values))
    return position[0], position[1]


def _reject_text(draft: Draft, name: Axis, bad: Flags) -> None:
    """Reject texts that are not numbers, with a hint at what they look like."""
    text = draft.text(name)
    angle = draft.angles.get(name)
    unit = repr(angle.unit) if angle and angle.converted else "degrees"
    form = "sexagesimal" if angle and angle.sexagesimal else f"a number in {unit}"
    for pattern, hint in (
        (SEXAGESIMAL, f'; if it is sexagesimal, say so: [catalog] units = {{{name} = "sexagesimal"}}'),
        (r"^[+-]?\d+,\d+$", "; numbers need a decimal point, not a comma"),
        (r"^[+-]?[\d.]+[dD][+-]?\d+$", "; the exponent needs an E, not a D"),
        (r"^\x{2212}", "; the minus sign needs to be a hyphen"),
        (r"\x{00b0}$", "; leave out the degree sign"),
        ("", ""),
    ):
        looks = np.asarray(pc.fill_null(pc.match_substring_regex(text, pattern), False))
        draft.reject(bad & looks, f"{name} is not {form}{hint}", name)
