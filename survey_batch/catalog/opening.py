"""Opening of a job's catalogue: the choice of table, columns and units, with notes for the user."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from survey_batch.catalog.angles import Angle, Axis
from survey_batch.catalog.columns import column_notes, match_columns, needed_columns
from survey_batch.catalog.formats import open_source
from survey_batch.catalog.match import joined
from survey_batch.catalog.match.notes import about_columns
from survey_batch.catalog.position_units import position_angles
from survey_batch.catalog.source import Choice, Source
from survey_batch.config.job import ArchiveSection, CatalogSection
from survey_batch.core.errors import ConfigurationError


@dataclass(frozen=True)
class Opened:
    """A catalogue whose columns are understood.

    Attributes
    ----------
    source
        The file, or the table of it that is read.
    names
        Our name to the file's, for the columns that the job needs.
    angles
        How `ra` and `dec` are written.
    notes
        What was assumed, converted and ignored.
    """

    source: Source
    names: dict[str, str]
    angles: Mapping[Axis, Angle]
    notes: tuple[str, ...]


def open_catalog(section: CatalogSection, archive: ArchiveSection, *, positions: bool = True) -> Opened:
    """Open a job's catalogue: the table that the job names, or the first that has the columns.

    Parameters
    ----------
    section, archive
        What the job says about the catalogue and its survey.
    positions
        Whether rows need a position; a list of fields has none.

    Raises
    ------
    ConfigurationError
        The file cannot be read or lacks a needed column, or a position is not in a unit of angle.
    """
    source, names = _table_with_columns(section, archive, positions)
    notes = [*source.notes]
    if len(source.tables) > 1 and section.table is None:
        notes.append(
            f"{section.path} holds {len(source.tables)} tables ({_listed(source.tables)}): table {source.table} is "
            "read, the first that has the columns; to choose: [catalog] table = <number or name>"
        )
    notes += column_notes(source, names, section, archive.survey)
    angles = position_angles(source, names, section) if positions else {}
    notes += _converted(angles, names)
    notes += _single(source, names, angles)
    if velocity := _velocity(source, names):
        del names["redshift"]
        notes.append(velocity)
    if section.match is not None and positions:
        notes.append(about_columns(names, source.matched, section.match))
    return Opened(source, names, angles, tuple(notes))


def _table_with_columns(
    section: CatalogSection, archive: ArchiveSection, positions: bool
) -> tuple[Source, dict[str, str]]:
    """Open the first table that has the needed columns; if none has, say what the first one lacks."""
    choice = Choice(section.table, section.accept_overflow)
    first = open_source(section.path, choice)
    numbers = [first.table, *(number for number in first.tables if number != first.table)]
    refused: list[ConfigurationError] = []
    for number in numbers if section.table is None else numbers[:1]:
        source = first if number == first.table else open_source(section.path, replace(choice, table=number))
        if section.match is not None and positions:
            source = joined(source, section, section.match, archive)
        try:
            return source, needed_columns(match_columns(source, section, archive, positions=positions), section, source)
        except ConfigurationError as error:
            refused.append(error)
    raise refused[0]


def _listed(tables: Mapping[int, str]) -> str:
    return "; ".join(f"{number} {text}" for number, text in tables.items())


def _converted(angles: Mapping[Axis, Angle], names: Mapping[str, str]) -> Iterator[str]:
    for axis, angle in angles.items():
        if angle.converted:
            how = "sexagesimal" if angle.sexagesimal else f"in {angle.unit!r}"
            yield f"column {names[axis]!r} is {how}: converted to degrees"


def _single(source: Source, names: Mapping[str, str], angles: Mapping[Axis, Angle]) -> Iterator[str]:
    """Warn of positions in single precision, where numbers from 256 to 512 degrees are 2^-15 degrees apart."""
    single = [column.name for column in source.columns if column.single]
    if found := [names[axis] for axis in angles if names[axis] in single]:
        which = f"columns {' and '.join(map(repr, found))} are" if len(found) > 1 else f"column {found[0]!r} is"
        yield f"{which} in single precision: right ascensions far from 0 are rounded by up to 0.05 arcsec"


def _velocity(source: Source, names: Mapping[str, str]) -> str:
    """Say that the redshift column holds a velocity; "" if it does not, or there is no such column."""
    unit = next((column.unit for column in source.columns if column.name == names.get("redshift")), "").strip()
    if not re.search(r"\b(m|km|cm)\s*(/|\.|\s)?\s*(s|sec)\b", unit):
        return ""
    return f"column {names['redshift']!r} is in {unit!r}, a velocity, and is not read as a redshift"
