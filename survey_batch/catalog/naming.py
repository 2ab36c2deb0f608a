"""One unique identifier per row: the file's own if it is sound, otherwise a stable substitute."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.gather import gather, slices
from survey_batch.catalog.identifiers import id_reader, position_names
from survey_batch.catalog.objects import SLICE_ROWS, Objects
from survey_batch.catalog.texts import repeated, take_rows
from survey_batch.catalog.values import joined, one_array
from survey_batch.config.survey import Survey
from survey_batch.core.arrays import I8, Flags
from survey_batch.core.cores import on_cores
from survey_batch.core.sky import separation_arcsec
from survey_batch.core.wording import counted

SAME_OBJECT_ARCSEC = 3.0
"""Rows with one id that are farther apart than this are different objects; about an SDSS or LAMOST fibre's width."""


NO_OBJECT = r"^-9999(\.0*)?$"
NO_SURVEY_OBJECT = r"^(-9999|-1|-?0)(\.0*)?$"
"""Values of a survey's own id column that mean no object. (In a user's own list, 0 may be an id.)"""


def name_objects(objects: Objects, survey: Survey) -> pa.ChunkedArray:
    """Give each row its object_id; rows of one object may still share it.

    Parameters
    ----------
    objects
        The column `id` is used if it is sound; otherwise a name is made from the source key and the position.
    survey
        Makes names from the source key.

    Returns
    -------
    pyarrow.ChunkedArray
        Text; null where no id can be made, which makes the row unusable. No id depends on the order of the rows.
    """
    ids = _own_ids(objects)
    if ids.null_count:
        ids = _substituted(objects, ids, survey)
    nameless = np.flatnonzero(np.asarray(ids.is_null()))
    objects.reject(nameless, ["no identifier, and no columns to make one from"] * len(nameless))
    return _told_apart(objects, ids)


def _substituted(objects: Objects, ids: pa.ChunkedArray, survey: Survey) -> pa.ChunkedArray:
    """Make ids from the source key where there are none, slice by slice."""
    made = Counter[str]()

    def each() -> Iterator[pa.Table]:
        first = 0
        for part in slices(objects.table, SLICE_ROWS):
            names = one_array(ids.slice(first, part.num_rows))
            rows = Objects(part, objects.names, objects.usable[first : first + part.num_rows], objects.reasons)
            for made_of, others in survey.substitute_ids(rows) if names.null_count else ():
                before, names = names.null_count, pc.coalesce(names, others)
                made[made_of] += before - names.null_count
            first += part.num_rows
            yield pa.table({"ids": names})

    found = gather(each())["ids"]
    for made_of, count in made.items():
        if count:
            rows = f"{count:,} of {counted(len(objects), 'row')}"
            objects.notes.append(f"{rows} without a usable id: one is made from {made_of}")
    return found


def no_object(name: str) -> str:
    """Return the pattern of values that mean no object in a column of this name."""
    return NO_OBJECT if name.lower() in ("object_id", "id") else NO_SURVEY_OBJECT


def _own_ids(objects: Objects) -> pa.ChunkedArray:
    """Read the file's identifiers; null where missing or digits are lost, all null if most have lost digits."""
    nothing = pa.chunked_array([pa.nulls(len(objects), pa.string())])
    if "id" not in objects.table.column_names:
        return nothing
    name = objects.names["object_id"]
    ids, lost, odd = _read(objects.table.select(["id"]), no_object(name))
    if lost > len(ids) - ids.null_count:
        rows = f"{lost:,} of {counted(len(ids), 'row')}"
        objects.notes.append(
            f"column {name!r} was written as floating point and has lost digits ({rows}; the "
            f"first is {objects.table['id'][0].as_py()!r}): it cannot tell objects apart and is not used"
        )
        return nothing
    if lost:
        objects.notes.append(
            f"column {name!r} was written as floating point: ids with more digits than that holds cannot tell objects "
            f"apart and are not used ({lost:,} of {counted(len(ids), 'id')})"
        )
    if odd:
        objects.notes.append(
            f"column {name!r} holds whole numbers printed as floating point, whose '.0' is dropped; other "
            f"values are kept as they are ({odd:,} of {counted(len(ids), 'row')})"
        )
    return ids


def _read(table: pa.Table, none: str) -> tuple[pa.ChunkedArray, int, int]:
    """Read a table's only column slice by slice; return what `read_ids` does."""
    parts = (one_array(part[0]) for part in slices(table, SLICE_ROWS))
    read = id_reader(one_array(table.slice(0, 0)[0]).type, parts, none)
    lost = odd = 0

    def each() -> Iterator[pa.Table]:
        nonlocal lost, odd
        for ids, *counts in on_cores(lambda part: read(one_array(part[0])), slices(table, SLICE_ROWS)):
            lost, odd = lost + counts[0], odd + counts[1]
            yield pa.table({"ids": ids})

    return gather(each())["ids"], lost, odd


def _told_apart(objects: Objects, ids: pa.ChunkedArray) -> pa.ChunkedArray:
    """Add the position to ids that stand for several objects, in each of their rows."""
    rows, code = repeated(ids)
    if rows.size == 0:
        return ids
    ra, dec = objects.numbers("ra")[rows], objects.numbers("dec")[rows]
    keeper = _keepers(code, objects.usable[rows])
    far = separation_arcsec(ra, dec, ra[keeper], dec[keeper]) > SAME_OBJECT_ARCSEC
    ambiguous = np.isin(code, code[far])
    if not ambiguous.any():
        return ids
    told = counted(int(np.sum(ambiguous)), "row")
    objects.notes.append(f"{told} share their id with an object elsewhere on the sky: the position is added to the id")
    names = take_rows(ids, rows[ambiguous])
    longer = joined(names, "-", position_names(ra[ambiguous], dec[ambiguous]))
    return _replaced(ids, rows[ambiguous], pc.coalesce(longer, names))


def make_unique(objects: Objects, ids: pa.ChunkedArray) -> pa.ChunkedArray:
    """Number rows that repeat an id (`<id>#2`) and reject them; a row without an id is named after its number."""
    nameless = np.flatnonzero(np.asarray(ids.is_null()))
    numbers = pa.array(objects.numbers("row")[nameless]).cast(pa.string())
    ids = _replaced(ids, nameless, joined("row-", numbers))
    while (found := repeated(ids))[0].size:
        indices, code = found
        keeper = _keepers(code, objects.usable[indices])
        repeats = np.flatnonzero(keeper != np.arange(len(indices)))
        objects.notes.append(
            f"{len(repeats):,} of {counted(len(objects), 'row')} with the id of another: the first usable one "
            "keeps it, the others are invalid; to keep all, name a column that differs in each row: [catalog] id"
        )
        kept = objects.numbers("row")[indices[keeper[repeats]]]
        reasons = (f"same object_id as row {row}: the same object again" for row in kept)
        objects.reject(indices[repeats], reasons)
        ids = _replaced(ids, indices[repeats], _numbered(take_rows(ids, indices[repeats]), code[repeats]))
    return ids


def _numbered(ids: pa.Array, code: I8) -> pa.Array:
    """Add #2, #3, … to the repeats of each id, in the order of the rows."""
    order = np.argsort(code, kind="stable")
    starts = np.flatnonzero(np.diff(code[order], prepend=-1))
    number = np.empty(len(code), dtype=np.int64)
    number[order] = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order))) + 2
    return joined(ids, "#", pa.array(number).cast(pa.string()))


def _replaced(ids: pa.ChunkedArray, indices: I8, names: pa.Array) -> pa.ChunkedArray:
    """Replace the ids at the given indices, which are in ascending order."""
    if not indices.size:
        return ids

    def each() -> Iterator[pa.Table]:
        for first in range(0, len(ids), SLICE_ROWS):
            part = one_array(ids.slice(first, SLICE_ROWS))
            begin, end = np.searchsorted(indices, [first, first + len(part)])
            mask = np.zeros(len(part), bool)
            mask[indices[begin:end] - first] = True
            yield pa.table({"ids": pc.replace_with_mask(part, pa.array(mask), names.slice(begin, end - begin))})

    return gather(each())["ids"]


def _keepers(code: I8, usable: Flags) -> I8:
    """Find, for each row, the row that keeps its id: the first usable one."""
    order = np.lexsort((~usable, code))
    start = np.diff(code[order], prepend=-1) != 0
    keeper = np.empty(len(code), dtype=np.int64)
    keeper[order] = order[np.flatnonzero(start)][np.cumsum(start) - 1]
    return keeper
