"""Reading of a catalogue in batches into compact columns; rows are then named, chosen and split, and all counted."""

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from survey_batch.catalog.batches import read_batches
from survey_batch.catalog.clean import reasons_of
from survey_batch.catalog.csv_header import EMPTY
from survey_batch.catalog.duplicates import leave_out_duplicates
from survey_batch.catalog.gather import gather
from survey_batch.catalog.naming import make_unique, name_objects
from survey_batch.catalog.objects import SLICE_ROWS, Counts, Objects
from survey_batch.catalog.opening import open_catalog
from survey_batch.catalog.sample import take_sample
from survey_batch.catalog.splitting import own_splits, split_objects
from survey_batch.catalog.values import one_array
from survey_batch.catalog.wrap import RightAscensions, wrap_right_ascensions
from survey_batch.config.job import ArchiveSection, CatalogSection
from survey_batch.config.key_columns import KeyColumn
from survey_batch.config.survey import find_survey
from survey_batch.core.arrays import Flags
from survey_batch.core.cores import on_cores
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.steps import detail, step
from survey_batch.core.wording import counted

logger = logging.getLogger(__name__)

CHOSEN = b"survey_batch.chosen"
"""Key of the metadata that say how rows were chosen."""

_COLUMNS = ("row", "object_id", "ra", "dec", "label", "split", "redshift", "snr", "problem")


@dataclass(frozen=True)
class Catalog:
    """A catalogue that was read and checked.

    Attributes
    ----------
    table
        One row per chosen input row, in input order (all rows, unless the job selects, leaves out duplicates or
        samples): `row` (0-based index in the file), `object_id` (unique), `ra`, `dec` [deg, ICRS, NaN where not
        known], `label`, `split` ("" where none), `redshift`, `snr` (NaN where none), `problem` ("" where the row can
        be used) and the survey's key, which leads to the row's data (-1 or "" where missing). Its metadata are those
        of `how_chosen`.
    notes
        For the user: where ids came from, how many rows cannot be used or were left out, and why.
    counts
        Rows of each class after each step, and rows left out by reason; these and the table account for every row.
    """

    table: pa.Table
    notes: tuple[str, ...]
    counts: Counts = field(default_factory=Counts)


def read_catalog(section: CatalogSection, archive: ArchiveSection) -> Catalog:
    """Read a list of objects: select rows, leave out duplicates, sample and split, as the job asks.

    Parameters
    ----------
    section
        Where the list is, what its columns mean, and which rows to take.
    archive
        The survey, and the layout of its files.

    Raises
    ------
    ConfigurationError
        The file cannot be read, lacks a needed column or holds no rows, or no row is chosen or can be used.
    """
    objects = _read_rows(section, archive)
    detail("naming the objects")
    objects.put("object_id", name_objects(objects, find_survey(archive.survey)))
    if section.duplicates is not None:
        step("leaving out duplicates")
        leave_out_duplicates(objects, section.duplicates, section.split.radius_arcsec if section.split else 0.0)
        objects.count("unique")
    if objects.table["object_id"].null_count or section.duplicates is None or "id" not in section.duplicates.by:
        objects.put("object_id", make_unique(objects, objects.table["object_id"]))
    _refuse_where_none_is_usable(objects, section)
    if section.sample is not None:
        step("drawing the sample")
        take_sample(objects, section.sample)
        objects.count("sampled")
    _count_left_out(objects, section)
    _refuse_where_none_is_usable(objects, section)
    _count_problems(objects)
    if section.split is None:
        objects.put("split", own_splits(objects))
    else:
        step("splitting the objects into training and test")
        objects.put("split", split_objects(objects, section.split))
    for note in objects.notes:
        logger.info("%s: %s", section.path, note)
    table = _table(objects, find_survey(archive.survey).key_of(archive))
    table = table.replace_schema_metadata(how_chosen(section, sum(objects.counts.steps["in file"].values())))
    return Catalog(table, tuple(objects.notes), objects.counts)


def how_chosen(section: CatalogSection, rows: int) -> dict[bytes, bytes]:
    """Say which of a file's rows a job takes, as metadata of the rows that it took."""
    settings = section.model_dump(mode="json", include={"select", "duplicates", "sample"})
    return {CHOSEN: json.dumps({"rows in file": rows, **settings}).encode()}


def _read_rows(section: CatalogSection, archive: ArchiveSection) -> Objects:
    """Read the file batch by batch; rows that are not selected are only counted."""
    step(f"reading the catalogue {section.path}")
    opened = open_catalog(section, archive)
    objects = Objects(pa.table({}), opened.names, np.empty(0, bool), {})
    notes = dict.fromkeys(opened.notes)
    nothing: Counter[str] = Counter()
    right_ascensions = RightAscensions()
    read = 0

    def chosen() -> Iterator[pa.Table]:
        nonlocal read
        for batch in read_batches(opened, section, archive):
            right_ascensions.include(batch.draft, batch.table["ra"].to_numpy(), batch.first)
            nothing.update(batch.draft.nothing)
            objects.counts.add("in file", batch.table["label"])
            objects.counts.left_out.update(batch.left_out)
            objects.reasons.update(reasons_of(batch.draft, batch.chosen, batch.first))
            notes.update(dict.fromkeys(batch.draft.notes))
            read += len(batch)
            detail(f"reading the catalogue {section.path}: {counted(read, 'row')}")
            yield batch.only(batch.chosen)
        if read == 0:
            raise ConfigurationError(f"catalog.path: {section.path} has column names, but no rows: {EMPTY}")

    objects.table = gather(chosen())
    objects.notes.extend(notes)
    objects.notes.extend(_words_for_nothing(nothing, opened.names.get("label")))
    objects.notes.extend(_spelled_alike(objects.counts.steps["in file"], opened.names.get("label")))
    objects.usable = np.ones(len(objects), bool)
    objects.usable[np.searchsorted(objects.numbers("row"), list(objects.reasons))] = False
    wrap_right_ascensions(objects, right_ascensions)
    if section.select is not None:
        objects.count("selected")
        _note_missing_labels(objects, section.select.labels or ())
    return objects


def _words_for_nothing(nothing: Counter[str], column: str | None) -> Iterator[str]:
    """Report the rows whose label means "no value", so that no class is lost silently."""
    if nothing:
        words = ", ".join(f"{word!r} in {count}" for word, count in nothing.most_common())
        yield (
            f"column {column!r} (label): rows without a class: {words}; if one of these is a class, name all "
            "classes in catalog.select.labels"
        )


def _spelled_alike(classes: Mapping[str, int], column: str | None) -> Iterator[str]:
    """Name the classes whose spellings differ in case or quotation marks alone: they may be meant as one."""
    alike: dict[str, list[str]] = {}
    for name in sorted(classes):
        alike.setdefault(name.strip("\"' ").casefold(), []).append(name)
    for names in alike.values():
        if column is not None and len(names) > 1:
            said = ", ".join(f"{name!r} in {classes[name]}" for name in names)
            yield (
                f"column {column!r} (label): classes that differ only in case or quotation marks: {said}; each "
                "is a class of its own; if one is meant, spell it alike in the file"
            )


def _note_missing_labels(objects: Objects, labels: Sequence[str]) -> None:
    found = {name for name, count in objects.counts.steps["in file"].items() if count and name}
    if missing := [label for label in labels if label not in found]:
        there = ", ".join(sorted(found)[:20])
        objects.notes.append(f"catalog.select.labels: no row has the class {', '.join(missing)}; the file has {there}")


def _count_left_out(objects: Objects, section: CatalogSection) -> None:
    """Say how many rows are not in the table, and why; refuse a choice that leaves none."""
    total = sum(objects.counts.steps["in file"].values())
    reasons = Counter({reason: count for reason, count in objects.counts.left_out.items() if count})
    objects.counts.left_out = reasons
    if total != len(objects) + sum(reasons.values()):
        raise AssertionError(f"{total} rows, {len(objects)} chosen and {sum(reasons.values())} left out")
    if not reasons:
        return
    listed = ", ".join(f"{count:,} by {reason}" for reason, count in reasons.items())
    if len(objects) == 0:
        raise ConfigurationError(f"catalog: no row of {section.path} is chosen, out of {total:,}: {listed}")
    objects.notes.append(f"{sum(reasons.values()):,} of {counted(total, 'row')} left out: {listed}")


def _refuse_where_none_is_usable(objects: Objects, section: CatalogSection) -> None:
    if len(objects) and not objects.usable.any():
        raise ConfigurationError(
            f"catalog.path: no row of {section.path} can be used, out of {len(objects):,}; {_first_problem(objects)}"
        )


def _count_problems(objects: Objects) -> None:
    if bad := int(np.sum(~objects.usable)):
        rows = f"{bad:,} of {counted(len(objects), 'row')}"
        objects.notes.append(f"{rows} cannot be used; the first is {_first_problem(objects)}")


def _first_problem(objects: Objects) -> str:
    row = int(objects.numbers("row")[np.argmin(objects.usable)])
    return f"row {row}: {objects.reasons[row]}"


def _table(objects: Objects, key: Sequence[KeyColumn]) -> pa.Table:
    names = [name for name in (*_COLUMNS, *(column.name for column in key)) if name != "problem"]

    def made(first: int) -> pa.Table:
        part = objects.table.slice(first, SLICE_ROWS)
        problem = _problems(part["row"], objects.usable[first : first + SLICE_ROWS], objects.reasons)
        table = pa.table({name: one_array(part[name]) for name in names})
        return table.add_column(_COLUMNS.index("problem"), "problem", problem)

    return gather(on_cores(made, range(0, len(objects), SLICE_ROWS)))


def _problems(rows: pa.ChunkedArray, usable: Flags, reasons: Mapping[int, str]) -> pa.Array:
    """Return why rows cannot be used, "" for usable ones, without a Python object per row."""
    bad = np.flatnonzero(~usable)
    why = [reasons[int(row)] for row in np.asarray(rows)[bad]]
    reason_index = np.zeros(len(usable), dtype=np.int32)
    reason_index[bad] = np.arange(1, len(bad) + 1)
    return pa.array(["", *why], pa.string()).take(pa.array(reason_index))
