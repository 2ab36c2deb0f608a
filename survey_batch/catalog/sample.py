"""Samples of the selected rows, which do not depend on the order of the file."""

import numpy as np
import numpy.typing as npt

from survey_batch.catalog.groups import number_groups
from survey_batch.catalog.hashing import hashes
from survey_batch.catalog.objects import Objects
from survey_batch.catalog.rows import Codes, order_by, rows_of_each, spans, taken
from survey_batch.config.sections.catalog import SampleSection
from survey_batch.core.arrays import Flags
from survey_batch.core.errors import ConfigurationError

FRAME = ("rerun", "run", "camcol", "field")


def take_sample(objects: Objects, section: SampleSection) -> None:
    """Keep a given number of usable rows, per class or in all.

    A random sample takes rows in the order of a hash of object_id and seed. A sample from crowded frames takes the
    frames with the most usable rows first (of equal ones, the frame with the smallest hash), and rows within a frame in
    the order of the hash.

    Parameters
    ----------
    objects
        With unique `object_id`.
    section
        How many rows, from which frames, and the seed.

    Raises
    ------
    ConfigurationError
        Crowded frames are asked for, but the rows have no frames.
    """
    objects.keep(objects.usable.copy(), "sample: cannot be used")
    label, names = objects.codes("label")
    if section.per_class is not None:
        has_class = np.array([name != "" for name in names], bool)[label]
        objects.keep(has_class, "sample: no class")
    order = _order(objects, section)
    chosen: Flags = np.zeros(len(objects), bool)
    if section.per_class is None:
        chosen[order[: section.total]] = True
    else:
        label, names = objects.codes("label")
        before = np.zeros(len(names), np.int64)
        for part in spans(len(order)):
            rows = order[part]
            kinds = label[rows]
            chosen[rows[before[kinds] + _rank_within(kinds) < section.per_class]] = True
            before += np.bincount(kinds, minlength=len(before))
    objects.keep(chosen, "sample: not drawn")


def _order(objects: Objects, section: SampleSection) -> Codes:
    drawn = hashes(objects.table["object_id"], section.seed)
    if section.frames == "any" or len(objects) == 0:
        return order_by(drawn)
    if not set(FRAME) <= set(objects.table.column_names) or (objects.numbers("field") < 0).all():
        raise ConfigurationError('catalog.sample.frames = "crowded" needs columns run, camcol and field')
    frame = number_groups(*(objects.numbers(name) for name in FRAME))
    count = rows_of_each(frame)
    smallest = np.full(len(count), np.iinfo(np.uint64).max, np.uint64)
    for part in spans(len(frame)):
        np.minimum.at(smallest, frame[part], drawn[part])
    return order_by(taken(number_groups(-count, smallest), frame), drawn)


def _rank_within(code: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Number the rows of each code from 0, in their order."""
    order = np.argsort(code, kind="stable")
    starts = np.flatnonzero(np.diff(code[order], prepend=-1))
    rank = np.empty(len(code), dtype=np.int64)
    rank[order] = np.arange(len(code)) - np.repeat(starts, np.diff(starts, append=len(code)))
    return rank
