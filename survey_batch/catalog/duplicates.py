"""Removal of repeated rows of one object."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.objects import Objects
from survey_batch.catalog.rows import Codes, chosen_rows, in_company
from survey_batch.catalog.stars import find_neighbours
from survey_batch.catalog.texts import repeated, take_rows
from survey_batch.config.sections.catalog import DuplicatesSection
from survey_batch.core.arrays import Flags


def leave_out_duplicates(objects: Objects, section: DuplicatesSection, reach_arcsec: float = 0.0) -> None:
    """Keep one row of each object: usable rows first, then the primary if that is asked for, then the best S/N.

    Ties go to the smallest object_id, then the smallest position, then the first row. So the order of the rows matters
    only between rows that are alike in all of these.

    Parameters
    ----------
    objects
        With a column `object_id`, null where no id could be made; such a row is never a duplicate by id.
    section
        How duplicates are recognised, and which row stays.
    reach_arcsec
        Within what radius neighbours are needed later; those of the rows that stay are then known.
    """
    if "id" in section.by:
        objects.keep(_best(*repeated(objects.table["object_id"]), objects, section), "duplicates by id")
    if "position" in section.by:
        reach_arcsec = max(section.radius_arcsec, reach_arcsec)
        objects.neighbours = find_neighbours(objects.numbers("ra"), objects.numbers("dec"), reach_arcsec)
        star = objects.neighbours.stars(section.radius_arcsec)
        several = chosen_rows(in_company(star))
        objects.keep(_best(several, star[several], objects, section), "duplicates by position")


def _best(several: Codes, group: Codes, objects: Objects, section: DuplicatesSection) -> Flags:
    """Mark the rows that stay: every row without a duplicate, and the best row of each group of duplicates."""
    chosen = np.ones(len(objects), bool)
    if several.size == 0:
        return chosen
    names = [name for name in ("row", "object_id", "ra", "dec", "snr", "primary") if name in objects.table.column_names]
    rows = pa.table({name: take_rows(objects.table[name], several) for name in names})
    snr = np.nan_to_num(np.asarray(rows["snr"].to_numpy()), nan=-np.inf)
    name = pc.rank(rows["object_id"].combine_chunks(), tiebreaker="dense").to_numpy()
    keys = [rows["row"], rows["dec"], rows["ra"]]
    order = [*(np.asarray(key.to_numpy()) for key in keys), name, -snr]
    if section.keep == "primary":
        order.append(~np.asarray(rows["primary"].to_numpy()))
    best = np.lexsort([*order, ~objects.usable[several], group])
    chosen[several] = False
    chosen[several[best[np.unique(group[best], return_index=True)[1]]]] = True
    return chosen
