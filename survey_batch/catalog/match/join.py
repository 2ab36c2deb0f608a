"""A catalogue and the list that it is matched with, as one source of columns."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from survey_batch.catalog.angles import Angle, Axis
from survey_batch.catalog.clean import signal_to_noise
from survey_batch.catalog.columns import column_named, guessed_columns, named_columns
from survey_batch.catalog.draft import Draft
from survey_batch.catalog.formats import open_source
from survey_batch.catalog.identifiers import read_ids, without_point
from survey_batch.catalog.match.choice import SNR, groups_of, replaced, taken
from survey_batch.catalog.match.identifier import Identifiers, pair_identifiers
from survey_batch.catalog.match.notes import about_columns, about_partners
from survey_batch.catalog.match.partners import Partners
from survey_batch.catalog.match.position import Positions, pair_positions
from survey_batch.catalog.match.rows import beside, partner_columns
from survey_batch.catalog.naming import no_object
from survey_batch.catalog.needs import columns_of, near
from survey_batch.catalog.position_units import position_angles
from survey_batch.catalog.positions import read_positions
from survey_batch.catalog.source import Choice, Partnered, Rows, Source, distinct
from survey_batch.config.job import ArchiveSection, CatalogSection, MatchSection
from survey_batch.config.survey import Survey, find_survey
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.steps import step


@dataclass(frozen=True)
class _Side:
    """One of the two lists: its file, our names of its columns, and how its positions are written."""

    source: Source
    names: Mapping[str, str]
    angles: Mapping[Axis, Angle]

    def drafts(self, *ours: str) -> Iterator[Draft]:
        """Read some columns, those that are there."""
        names = {name: self.names[name] for name in ours if name in self.names}
        for rows in self.source.batches(sorted(set(names.values()))):
            yield Draft(rows, names, self.angles)


def joined(own: Source, section: CatalogSection, match: MatchSection, archive: ArchiveSection) -> Source:
    """Join the columns of the second list to a catalogue's, row by row.

    The lists are matched when rows are read. A column of the second list that has the name of one of the catalogue's
    is called `<name>#2`.

    Raises
    ------
    ConfigurationError
        The second list cannot be read, or either lacks the columns to match by, or one that the job names.
    """
    survey = find_survey(archive.survey)
    mine, theirs = _own_side(own, section, match, survey), _other_side(match, survey)
    columns, _ = distinct([*own.columns, *theirs.source.columns])
    renamed = {
        column.name: name.name for column, name in zip(theirs.source.columns, columns[len(own.columns) :], strict=True)
    }
    groups = groups_of(survey, section, archive)
    ours, others = ({name: side.names[name] for name in side.names if name != JOINED_BY} for side in (mine, theirs))
    chosen = taken(ours, others, section, match, groups)
    left = replaced(ours, chosen, groups)
    guessed = {name: column for name, column in ours.items() if name not in left}
    guessed |= {name: renamed[column] for name, column in others.items() if name in chosen}
    original = {new: old for old, new in renamed.items()}

    def batches(names: Sequence[str]) -> Iterator[Rows]:
        partners = _pair(mine, theirs, match)
        notes = tuple(about_partners(partners, match, section.path))
        here = [name for name in names if name not in original] or [own.names[0]]
        there = [name for name in names if name in original]
        first = 0
        for rows, found in beside(own.batches(here), _columns(theirs, [original[name] for name in there], partners)):
            table = rows.table
            for name in there:
                table = table.append_column(name, found[original[name]])
            these = slice(first, first + table.num_rows)
            partnered = Partnered(partners.row[these] >= 0, partners.apart[these])
            yield replace(rows, table=table.select(names), notes=(*rows.notes, *notes), partnered=partnered)
            first += table.num_rows

    return replace(
        own,
        columns=columns,
        batches=batches,
        notes=(*own.notes, *theirs.source.notes, about_columns(chosen, others, match)),
        guessed=guessed,
        matched=frozenset(original),
    )


def _columns(theirs: _Side, names: Sequence[str], partners: Partners) -> Iterator[pa.Table]:
    """Read columns of the partners; a column at least, as a table without any has no length."""
    return partner_columns(theirs.source, names or [theirs.source.names[0]], partners)


def _own_side(own: Source, section: CatalogSection, match: MatchSection, survey: Survey) -> _Side:
    """Understand the catalogue's own columns; those that only the second list has are left out."""
    given = {**section.columns, **({"object_id": section.id} if section.id else {})}
    names = guessed_columns(own, survey)
    names |= {ours: name for ours, theirs in given.items() if (name := column_named(theirs, own)) is not None}
    names = _with_identifier(own, names, match.id_in_catalog, "id_in_catalog", section.path)
    _refuse_without(own, names, match, section.path, "id_in_catalog", "catalog")
    return _Side(own, names, position_angles(own, names, section))


def _other_side(match: MatchSection, survey: Survey) -> _Side:
    """Open the second list: the table that the job names, or the first that has the columns to match by."""
    choice = Choice(match.table, match.accept_overflow)
    with _about_the_match():
        first = open_source(match.path, choice)
        refused: list[ConfigurationError] = []
        for number in [first.table, *(number for number in first.tables if number != first.table)]:
            source = first if number == first.table else open_source(match.path, replace(choice, table=number))
            names = guessed_columns(source, survey)
            try:
                names |= named_columns(source, match, survey.known_columns(), "catalog.match")
                names = _with_identifier(source, names, match.id, "id", match.path)
                _refuse_without(source, names, match, match.path, "id", "catalog.match")
                return _Side(source, names, position_angles(source, names, match, "catalog.match"))
            except ConfigurationError as error:
                refused.append(error)
                if match.table is not None:
                    break
    raise refused[0]


@contextmanager
def _about_the_match() -> Iterator[None]:
    """Turn what is said of the catalogue's file into what is said of the second list."""
    try:
        yield
    except ConfigurationError as error:
        text = str(error)
        for key in ("path", "table", "accept_overflow"):
            text = text.replace(f"catalog.{key}", f"catalog.match.{key}")
        raise ConfigurationError(text) from error


JOINED_BY = "id to match by"
"""Our name of the column with the identifier that both lists have."""


def _with_identifier(source: Source, names: dict[str, str], given: str | None, key: str, path: str) -> dict[str, str]:
    """Add the column to match by: the one that the job names, or that of the object's identifier."""
    found = column_named(given, source) if given is not None else names.get("object_id")
    if given is not None and found is None:
        raise ConfigurationError(
            f"catalog.match.{key}: {path} has no column {given!r}{near(given, source.names)}\n{columns_of(source)}"
        )
    return {**names, JOINED_BY: found} if found is not None else names


def _refuse_without(
    source: Source, names: Mapping[str, str], match: MatchSection, path: str, key: str, table: str
) -> None:
    """Refuse a list without the columns to match by."""
    if match.by == "id" and JOINED_BY not in names:
        raise ConfigurationError(
            f"catalog.match: no column of {path} is known to hold the identifier: name it, [catalog.match] "
            f'{key} = "<column>"\n{columns_of(source)}'
        )
    lacking = [axis for axis in ("ra", "dec") if axis not in names]
    if match.by == "position" and lacking:
        raise ConfigurationError(
            f"catalog.match: no column of {path} is known to hold {' and '.join(lacking)}: name it, [{table}] columns "
            f'= {{{lacking[0]} = "<column>"}}, or match by identifier, [catalog.match] by = "id"\n{columns_of(source)}'
        )


def _pair(mine: _Side, theirs: _Side, match: MatchSection) -> Partners:
    """Find the partners of all rows."""
    step(f"matching the catalogue with {match.path}")
    by_rank = match.best == "snr"
    if by_rank and not set(SNR) & set(theirs.names):
        raise ConfigurationError(
            f'catalog.match.best = "snr" needs a signal-to-noise ratio, and no column of {match.path} is known to be '
            f'one: name it, [catalog.match] columns = {{snr = "<column>"}}\n{columns_of(theirs.source)}'
        )
    with _about_the_match():
        if match.by == "id":
            partners = pair_identifiers(_identifiers(mine), _identifiers(theirs, *SNR), by_rank=by_rank)
        else:
            other = _positions(theirs, *SNR)
            partners = pair_positions(_positions(mine), other, match.radius_arcsec, by_rank=by_rank)
    if not partners.rows:
        raise ConfigurationError(f"catalog.match.path: {match.path} has column names, but no rows")
    return partners


def _positions(side: _Side, *more: str) -> Iterator[Positions]:
    for draft in side.drafts("ra", "dec", *more):
        ra, dec = read_positions(draft, needed=False)
        yield Positions(ra % 360, dec, signal_to_noise(draft).astype(np.float32))


def _identifiers(side: _Side, *more: str) -> Iterator[Identifiers]:
    for draft in side.drafts(JOINED_BY, *more):
        ids, _, _ = read_ids(draft.column(JOINED_BY), no_object(side.names[JOINED_BY]))
        yield Identifiers(without_point(ids), signal_to_noise(draft).astype(np.float32))
