"""Removal of repeated rows of one object."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.objects import Objects
from survey_batch.catalog.split import group_by_star
from survey_batch.config.sections.catalog import DuplicatesSection

Codes = npt.NDArray[np.int64]


def leave_out_duplicates(objects: Objects, section: DuplicatesSection) -> None:
    """Keep one row of each object: usable rows first, then the primary if that is asked for, then the best S/N.

    Ties go to the smallest object_id, then the smallest position, then the first row. So the order of the rows matters
    only between rows that are alike in all of these.

    Parameters
    ----------
    objects
        With a column `object_id`, null where no id could be made; such a row is never a duplicate by id.
    section
        How duplicates are recognised, and which row stays.
    """
    if "id" in section.by:
        encoded = pc.dictionary_encode(objects.text("object_id"))
        code = np.asarray(pc.fill_null(encoded.indices, -1), dtype=np.int64)
        alone = np.flatnonzero(code < 0)
        code[alone] = len(encoded.dictionary) + np.arange(len(alone))
        objects.keep(_best(code, objects, section), "duplicates by id")
    if "position" in section.by:
        star = group_by_star(objects.numbers("ra"), objects.numbers("dec"), section.radius_arcsec)
        objects.keep(_best(star, objects, section), "duplicates by position")


def _best(group: Codes, objects: Objects, section: DuplicatesSection) -> npt.NDArray[np.bool_]:
    """Mark the row of each group that stays."""
    chosen = np.ones(len(objects), bool)
    several = np.flatnonzero(np.bincount(group)[group] > 1)
    if several.size == 0:
        return chosen
    rows = objects.table.take(pa.array(several))
    snr = np.nan_to_num(np.asarray(rows["snr"].to_numpy()), nan=-np.inf)
    name = pc.rank(rows["object_id"].combine_chunks(), tiebreaker="dense").to_numpy()
    keys = [rows["row"], rows["dec"], rows["ra"]]
    order = [*(np.asarray(key.to_numpy()) for key in keys), name, -snr]
    if section.keep == "primary":
        order.append(~np.asarray(rows["primary"].to_numpy()))
    best = np.lexsort([*order, ~objects.usable[several], group[several]])
    chosen[several] = False
    chosen[several[best[np.unique(group[several][best], return_index=True)[1]]]] = True
    return chosen
