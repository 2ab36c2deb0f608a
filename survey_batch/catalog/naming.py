"""One identifier per row: the file's own where it is sound, else a stable substitute, and never two alike."""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.draft import Draft
from survey_batch.catalog.identifiers import (
    fibre_names,
    field_names,
    position_names,
    read_ids,
    spectrum_names,
)
from survey_batch.catalog.values import Floats, Integers, Mask, joined

Key = Mapping[str, "pa.Array | Integers"]

SAME_OBJECT_ARCSEC = 3.0
"""Rows of one id farther apart than this are different objects; about the width of an SDSS or LAMOST fibre."""


def name_objects(draft: Draft, key: Key, ra: Floats, dec: Floats, survey: str) -> pa.Array:
    """Give each row its object_id.

    Parameters
    ----------
    draft
        Its `object_id` column is taken where it is sound.
    key
        The source key, of which substitutes are made.
    ra, dec
        Degrees.
    survey
        `sdss` or `lamost`.

    Returns
    -------
    pyarrow.Array
        Text, unique. Rows for which no id can be made, and later rows of one object, become unusable. No id
        depends on the order of the rows but for the suffix of such later rows.
    """
    ids = _own_ids(draft)
    substitutes = _sdss_substitutes(draft, key, ra, dec) if survey == "sdss" else _lamost_substitutes(key)
    if ids.null_count:
        for made_of, names in substitutes:
            before, ids = ids.null_count, pc.coalesce(ids, names)
            if before > ids.null_count:
                made = before - ids.null_count
                draft.notes.append(f"{made} of {len(draft)} rows have no usable id: theirs is made of {made_of}")
    draft.reject(np.asarray(ids.is_null()), "no identifier, nor the columns to make one of", "object_id")
    return _unique(draft, _told_apart(draft, ids, ra, dec))


def _own_ids(draft: Draft) -> pa.Array:
    """Read the file's identifiers; null where missing, all null where the column has lost digits."""
    if "object_id" not in draft.names:
        return pa.nulls(len(draft), pa.string())
    name = draft.names["object_id"]
    ids, lost = read_ids(draft.column("object_id"))
    if 2 * lost > len(ids) - ids.null_count:
        draft.notes.append(
            f"column {name!r} was written as floating point and has lost digits ({lost} of {len(ids)} rows; the "
            f"first is {draft.column('object_id')[0].as_py()!r}): it cannot tell objects apart and is not used"
        )
        return pa.nulls(len(draft), pa.string())
    nothing = ["-9999", "-9999.0"] if name.lower() in ("object_id", "id") else ["-9999", "-9999.0", "0", "-1"]
    return pc.if_else(pc.is_in(ids, value_set=pa.array(nothing)), pa.scalar(None, pa.string()), ids)


def _sdss_substitutes(draft: Draft, key: Key, ra: Floats, dec: Floats) -> Iterator[tuple[str, pa.Array]]:
    spectra = spectrum_names(draft.integer("plate"), draft.integer("mjd"), draft.integer("fiberid"))
    if pc.count_distinct(spectra).as_py() == len(spectra) - spectra.null_count:
        yield "plate-mjd-fiberid", spectra
    fields = field_names(*(np.asarray(key[name]) for name in ("run", "camcol", "field")))
    yield "run-camcol-field and the position", joined(fields, "-", position_names(ra, dec))


def _lamost_substitutes(key: Key) -> Iterator[tuple[str, pa.Array]]:
    lmjd, spid, fiberid = (np.asarray(key[name]) for name in ("lmjd", "spid", "fiberid"))
    planid = pc.if_else(pc.equal(key["planid"], ""), pa.scalar(None, pa.string()), key["planid"])
    yield "lmjd-planid-spid-fiberid", fibre_names(lmjd, planid, spid, fiberid)
    yield (
        "the file's name",
        pc.if_else(pc.equal(key["filename"], ""), pa.scalar(None, pa.string()), key["filename"]),
    )


def _told_apart(draft: Draft, ids: pa.Array, ra: Floats, dec: Floats) -> pa.Array:
    """Add the position to ids that stand for several objects, on each of their rows."""
    code, keeper = _keepers(ids, draft.problem != "")
    far = _separation_arcsec(ra, dec, ra[keeper], dec[keeper]) > SAME_OBJECT_ARCSEC
    ambiguous = np.isin(code, code[far]) & np.asarray(ids.is_valid())
    if not ambiguous.any():
        return ids
    draft.notes.append(
        f"{np.sum(ambiguous)} rows share their id with an object elsewhere on the sky: it has their position added"
    )
    longer = pc.coalesce(joined(ids, "-", position_names(ra, dec)), ids)
    return pc.if_else(pa.array(ambiguous), longer, ids)


def _unique(draft: Draft, ids: pa.Array) -> pa.Array:
    """Number the rows that repeat an id (`<id>#2`) and set them aside."""
    rows = np.arange(len(ids))
    ids = pc.coalesce(ids, joined("row-", pa.array(rows).cast(pa.string())))
    while len(ids) > pc.count_distinct(ids).as_py():
        code, keeper = _keepers(ids, draft.problem != "")
        repeats = np.flatnonzero(keeper != rows)
        draft.notes.append(
            f"{len(repeats)} rows repeat the id of another: the first usable one keeps it, the others are invalid"
        )
        _reject_repeats(draft, repeats, keeper)
        ids = _with_suffix(ids, repeats, code)
    return ids


def _reject_repeats(draft: Draft, repeats: Integers, keeper: Integers) -> None:
    for row in repeats:
        if draft.problem[row] == "":
            draft.problem[row] = f"same object_id as row {keeper[row]}, the same object once more"


def _with_suffix(ids: pa.Array, repeats: Integers, code: Integers) -> pa.Array:
    order = repeats[np.argsort(code[repeats], kind="stable")]
    starts = np.flatnonzero(np.diff(code[order], prepend=-1))
    count = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order))) + 2
    suffix = np.full(len(ids), "", dtype=object)
    suffix[order] = [f"#{number}" for number in count]
    return joined(ids, pa.array(suffix, pa.string()))


def _keepers(ids: pa.Array, unusable: Mask) -> tuple[Integers, Integers]:
    """Number the ids, and find for each row the row that keeps its id: the first usable one."""
    encoded = pc.dictionary_encode(ids, null_encoding="encode")
    code = np.asarray(encoded.indices, dtype=np.int64)
    order = np.lexsort((unusable, code))
    start = np.diff(code[order], prepend=-1) != 0
    keeper = np.empty(len(code), dtype=np.int64)
    keeper[order] = order[np.flatnonzero(start)][np.cumsum(start) - 1]
    return code, keeper


def _separation_arcsec(ra: Floats, dec: Floats, ra_other: Floats, dec_other: Floats) -> Floats:
    """Angular separation by the haversine formula, exact for small angles; 0 where a position is not known."""
    ra, dec, ra_other, dec_other = (np.radians(angle) for angle in (ra, dec, ra_other, dec_other))
    haversine = np.sin((dec - dec_other) / 2) ** 2 + np.cos(dec) * np.cos(dec_other) * np.sin((ra - ra_other) / 2) ** 2
    separation: Floats = np.degrees(2 * np.arcsin(np.sqrt(np.minimum(haversine, 1)))) * 3600
    return np.nan_to_num(separation)
