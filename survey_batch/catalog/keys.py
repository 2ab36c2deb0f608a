"""Positions, and the key by which the archive finds a row's file."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.angles import SEXAGESIMAL, Axis, must_lie
from survey_batch.catalog.draft import Draft
from survey_batch.catalog.identifiers import without_point
from survey_batch.catalog.values import to_integer
from survey_batch.config.job import ArchiveSection
from survey_batch.core.arrays import F8, I8, Flags

SDSS_RERUN = 301
"""Rerun of nearly all imaging since DR8; used only if the catalogue has no such column."""

WRAPPED = (-180.0, 540.0)
"""Range of right ascensions [deg] that some files use instead of 0 to 360."""

_LAMOST_NAME = r"^(?:.*/)?spec-(?P<lmjd>\d+)-(?P<planid>.+)_sp(?P<spid>\d+)-(?P<fiberid>\d+)(?:\.fits(?:\.gz|\.bz2)?)?$"


def read_positions(draft: Draft, survey: str) -> tuple[F8, F8]:
    """Return right ascension and declination [deg], NaN where not known; impossible ones make a row unusable.

    A cutout needs a position; a spectrum can be found without one. Right ascensions from -180 to 540 are left to
    `wrap_right_ascensions`, which knows all rows.
    """
    position = []
    limits: dict[Axis, tuple[float, float, str]] = {"ra": (*WRAPPED, "0 to 360"), "dec": (-90.0, 90.0, "-90 to 90")}
    for name, (low, high, within) in limits.items():
        values, bad = draft.angle(name)
        if bad.any():
            _reject_text(draft, name, bad)
        outside = (values < low) | (values > high)
        if survey != "lamost":  # LAMOST spectra are found without a position
            outside |= draft.infinite(name)
        draft.reject(outside, must_lie(name, within, draft.angles.get(name)), name)
        if survey != "lamost":
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
        (SEXAGESIMAL, f'; where it is sexagesimal, say so: [catalog] units = {{{name} = "sexagesimal"}}'),
        (r"^[+-]?\d+,\d+$", "; numbers need a decimal point, not a comma"),
        ("", ""),
    ):
        looks = np.asarray(pc.fill_null(pc.match_substring_regex(text, pattern), False))
        draft.reject(bad & looks, f"{name} is not {form}{hint}", name)


def source_key(draft: Draft, archive: ArchiveSection) -> Mapping[str, "pa.Array | I8"]:
    """Return the key by which the archive finds a row's file; SkyServer's images need only the position."""
    if archive.survey == "lamost":
        return lamost_key(draft, archive)
    if archive.survey == "sdss":
        return sdss_key(draft)
    if archive.survey == "stamps":
        return stamps_key(draft)
    return {name: draft.integer(name) for name in ("rerun", "run", "camcol", "field")}


def sdss_key(draft: Draft) -> dict[str, I8]:
    """Return rerun, run, camcol and field, -1 where missing; a row without its frame cannot be used."""
    if "rerun" not in draft.names:
        draft.notes.append(f"no column for rerun: {SDSS_RERUN} is taken, the rerun of SDSS imaging since DR8")
    key = {name: _checked_integer(draft, name) for name in ("rerun", "run", "camcol", "field")}
    if "rerun" not in draft.names:
        key["rerun"] = np.full(len(draft), SDSS_RERUN)
    for name, values in key.items():
        draft.reject(values < 0, f"{name} is missing: no frame can be found without it", name)
    draft.reject((key["camcol"] < 1) | (key["camcol"] > 6), "camcol must lie from 1 to 6", "camcol")
    return key


def stamps_key(draft: Draft) -> dict[str, pa.Array | I8]:
    """Return the exposure that holds a star's stamp, "" where missing; without it a row cannot be used."""
    exposure = _texts(draft.text("exposure"))
    draft.reject(
        np.asarray(pc.equal(exposure, "")), "exposure is missing: no stamp can be found without it", "exposure"
    )
    outside = np.asarray(pc.match_substring_regex(exposure, r"^/|(^|/)\.\.(/|$)"))
    draft.reject(outside, "exposure names a file outside the archive's root", "exposure")
    return {"exposure": exposure}


def _checked_integer(draft: Draft, name: str) -> I8:
    if name not in draft.names:
        return draft.integer(name)
    values, bad = to_integer(draft.column(name))
    draft.reject(bad, f"{name} is not a whole number from 0 to {2**31 - 1}", name)
    return values


def lamost_key(draft: Draft, archive: ArchiveSection) -> dict[str, pa.Array | I8]:
    """Return the parts of a spectrum's file name, "" or -1 where missing; a row needs enough to name its file."""
    filename = draft.text("filename")
    parts = pc.extract_regex(pc.fill_null(filename, ""), _LAMOST_NAME)
    key: dict[str, pa.Array | I8] = {"obsid": _texts(without_point(draft.text("obsid")))}
    for name in ("lmjd", "spid", "fiberid"):
        values = _checked_integer(draft, name)
        key[name] = np.where(values >= 0, values, to_integer(pc.struct_field(parts, name))[0])
    key["planid"] = _texts(pc.coalesce(draft.text("planid"), pc.struct_field(parts, "planid")))
    key |= {"obsdate": _texts(draft.text("obsdate")), "filename": _texts(filename)}
    _reject_unnamed(draft, key, archive.layout)
    return key


def _texts(values: pa.Array) -> pa.Array:
    return pc.fill_null(values, "")


def _reject_unnamed(draft: Draft, key: dict[str, pa.Array | I8], layout: str) -> None:
    """Reject rows whose file cannot be named in this layout of the archive."""
    empty = {name: np.asarray(pc.equal(key[name], "")) for name in ("obsid", "planid", "obsdate", "filename")}
    numbers = ("lmjd", "spid", "fiberid")
    unnamed = empty["planid"] | np.any([np.asarray(key[name]) < 0 for name in numbers], axis=0)
    if layout == "obsid":
        draft.reject(empty["obsid"], 'obsid is missing, and layout = "obsid" finds files by it', "obsid")
        return
    if layout == "plan":
        for name in ("obsdate", "planid"):
            draft.reject(empty[name], f'{name} is missing, and layout = "plan" finds folders by it', name)
    reason = "neither a filename nor all of lmjd, planid, spid and fiberid: the file cannot be named"
    draft.reject(empty["filename"] & unnamed, reason, "filename", "lmjd", "planid", "spid", "fiberid")
