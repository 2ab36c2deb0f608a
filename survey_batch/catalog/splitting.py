"""The splits of a catalogue's rows: its own, or new ones that keep fields, plans or cells of sky whole."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from survey_batch.catalog.gather import room
from survey_batch.catalog.groups import number_groups, sky_cells
from survey_batch.catalog.objects import Objects
from survey_batch.catalog.rows import Codes, copied, rows_of_each, spans
from survey_batch.catalog.split import SPLITS, Split, split_rows
from survey_batch.catalog.stars import both_known
from survey_batch.config.job import SplitSection
from survey_batch.core.arrays import F8, Flags
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.wording import counted

KEYS = {"field": ("rerun", "run", "camcol", "field"), "plan": ("planid",)}
"""Columns that identify an object's group."""
LABELLED = {"label", "class"}
"""Our names of columns that labels are read or made from."""
_CHAINED = 0.5
"""Fields or plans that stars join into a group with more than this share of the rows are refused."""
_ONE_PERCENT = 0.01
SKY = ' or "sky"'


def own_splits(objects: Objects) -> pa.ChunkedArray:
    """Return the catalogue's own splits, "" where none.

    Raises
    ------
    ConfigurationError
        Their names differ from ours.
    """
    code, names = objects.codes("split")
    found = {names[number] for number in np.unique(code)}
    if unknown := sorted(found - {"", *SPLITS}):
        raise ConfigurationError(
            f"column {objects.names['split']!r} holds {', '.join(map(repr, unknown[:5]))}, and splits are "
            f"{', '.join(SPLITS)}: correct it, or set [catalog.split] to make new splits"
        )
    if found != {""}:
        _count(objects, np.array([SPLITS.index(name) if name in SPLITS else -1 for name in names])[code])
    return objects.table["split"]


def split_objects(objects: Objects, section: SplitSection) -> pa.Array:
    """Split the usable rows that have a class and a position; all that have a position if no classes are read.

    Raises
    ------
    ConfigurationError
        Classes are read and no usable row has one, none of them has a position, or the rows have no field or plan.
    """
    code, names = objects.codes("label")
    takes_part = objects.usable & np.array([name != "" for name in names], bool)[code]
    if not LABELLED & set(objects.names):
        takes_part = objects.usable
        objects.notes.append("split: no label is read (catalog.label), so all usable rows are divided alike")
    elif not takes_part.any():
        raise ConfigurationError("catalog.split: no usable row has a label to split by: set catalog.label")
    label = copied(code)
    label[~takes_part] = -1
    ra, dec = objects.numbers("ra"), objects.numbers("dec")
    cells = _cells(objects, section)
    _check_positions(objects, takes_part, ra, dec)
    split = split_rows(objects.table["object_id"], ra, dec, label, section, cells, objects.neighbours)
    _count(objects, split.choice)
    if cells is not None:
        largest = _largest(split, cells, section)
        objects.notes.append(_reached(label, split, names, section, largest))
    code = room(len(objects), np.int32)
    for part in spans(len(code)):
        code[part] = np.where(split.choice[part] < 0, len(SPLITS), split.choice[part])
    return pa.DictionaryArray.from_arrays(pa.array(code), pa.array([*SPLITS, ""]))


def _check_positions(objects: Objects, takes_part: Flags, ra: F8, dec: F8) -> None:
    """Rows of one star stay together, so a row without a position can be in no split: say how many there are."""
    lost = int(np.sum(takes_part & ~both_known(ra, dec)))
    if lost == takes_part.sum():
        raise ConfigurationError(
            "catalog.split: no row with a label has a position, and all rows of a star stay in one split: name the "
            "columns of ra and dec (catalog.columns), or leave out [catalog.split] and give the catalogue a column "
            "of splits (train, validation, test)"
        )
    if lost:
        objects.notes.append(f"split: rows with a label but no position are in no split: {lost:,}")


def _cells(objects: Objects, section: SplitSection) -> Codes | None:
    if section.group == "star":
        return None
    if section.group == "sky":
        ra, dec = objects.numbers("ra"), objects.numbers("dec")
        known, cell = both_known(ra, dec), room(len(ra), np.int64)
        for part in spans(len(ra)):
            here = known[part]
            cell[part] = sky_cells(np.where(here, ra[part], 0.0), np.where(here, dec[part], 0.0), section.cell_degrees)
        return number_groups(cell)
    columns = KEYS[section.group]
    if not set(columns) <= set(objects.table.column_names):
        raise ConfigurationError(
            f"catalog.split.group = {section.group!r}: these rows have no {section.group}; an SDSS catalogue has "
            'fields, a LAMOST catalogue has plans, and "star" and "sky" work with both'
        )
    return _known_groups(objects, columns)


def _known_groups(objects: Objects, columns: tuple[str, ...]) -> Codes:
    """Number the groups; a row whose group is unknown is a group by itself."""
    if columns == ("planid",):
        group, names = objects.codes("planid")
        unknown = np.array([name == "" for name in names], bool)[group]
        group = copied(group)
    else:
        keys = [objects.numbers(name) for name in columns]
        group = number_groups(*keys)
        unknown = np.zeros(len(group), bool)
        for key in keys[1:]:
            unknown |= key < 0
    lone = int(group.max()) + 1
    for part in spans(len(group)):
        rows = np.flatnonzero(unknown[part])
        group[part][rows] = np.arange(lone, lone + len(rows))
        lone += len(rows)
    return group


def _largest(split: Split, cells: Codes, section: SplitSection) -> str:
    """Say how large the largest group is.

    Raises
    ------
    ConfigurationError
        Stars have joined fields, plans or cells into a group with more than half of the rows.
    """
    sizes = rows_of_each(split.group)
    share = sizes.max() / sizes.sum()
    joined = len(np.unique(cells[split.group == sizes.argmax()]))
    what = {"field": "fields", "plan": "plans", "sky": "cells of sky"}[section.group]
    if joined > 1 and share > _CHAINED:
        raise ConfigurationError(
            f'catalog.split.group = "{section.group}": stars that lie in several {what} join {joined:,} {what} into '
            f"one group with {100 * share:.0f} % of the rows, which can only be in one split: set catalog.split.group "
            f'= "star"{"" if section.group == "sky" else SKY}, or a smaller radius_arcsec (it is '
            f"{section.radius_arcsec:g})"
        )
    percent = f"{100 * share:.0f}" if share >= _ONE_PERCENT else f"{100 * share:.2g}"
    return f"the largest with {percent} % of the rows" + (f" in {joined:,} {what}" if joined > 1 else "")


def _count(objects: Objects, choice: npt.NDArray[np.integer]) -> None:
    labels = objects.table["label"]
    for part in spans(len(choice)):
        for index, name in enumerate(SPLITS):
            objects.counts.add(
                name, labels.slice(part.start, part.stop - part.start).filter(pa.array(choice[part] == index))
            )


def _reached(label: Codes, split: Split, names: list[str], section: SplitSection, largest: str) -> str:
    """Say how near the shares came; groups with several classes cannot be divided exactly."""
    count = np.zeros((len(names), len(SPLITS)))
    for part in spans(len(label)):
        there = split.choice[part] >= 0
        np.add.at(count, (label[part][there], split.choice[part][there]), 1)
    rows = count.sum(axis=1)
    shares = count[rows > 0] / rows[rows > 0, None]
    off = np.abs(shares - [section.train, section.validation, section.test])
    worst, which = np.unravel_index(int(np.argmax(off)), off.shape)
    groups = int(split.group.max()) + 1
    overall = ", ".join(
        f"{name} {100 * share:.1f} %" for name, share in zip(SPLITS, count.sum(0) / rows.sum(), strict=True)
    )
    label_name = np.array(names, dtype=object)[rows > 0][worst]
    return (
        f"split by {section.group}, {counted(groups, 'group')}, {largest}: {overall}; farthest from its "
        f"share is {SPLITS[which]} of class {label_name}, {100 * shares[worst, which]:.1f} %"
    )
