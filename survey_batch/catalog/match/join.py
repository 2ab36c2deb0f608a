"""A catalogue and the list that it is matched with, as one source of columns."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from survey_batch.catalog.match.choice import groups_of, replaced, taken
from survey_batch.catalog.match.notes import about_partners
from survey_batch.catalog.match.pairing import pair
from survey_batch.catalog.match.rows import beside, partner_columns
from survey_batch.catalog.match.sides import about_the_match, other_side, own_side
from survey_batch.catalog.source import Column, Partnered, Rows, Source, distinct
from survey_batch.config.job import ArchiveSection, CatalogSection, MatchSection
from survey_batch.config.survey import find_survey

APART = Column("match_arcsec", unit="arcsec", description="separation from the partner in the second list")
"""The column that a match by position adds."""


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
    known = {**survey.known_columns(), **survey.columns_of_job(archive)}
    mine = own_side(own, section, match, known)
    with about_the_match():
        theirs = other_side(match, known)
    groups = groups_of(survey, section, archive)
    chosen = taken(mine.names, theirs.names, section, match, groups)
    left = replaced(mine.names, chosen, groups)
    apart = [APART] if match.by == "position" else []
    added = [*(column for column in theirs.source.columns if column.name not in [one.name for one in apart]), *apart]
    columns = distinct([*own.columns, *added])[0]
    new = {before.name: now.name for before, now in zip(added, columns[len(own.columns) :], strict=True)}
    old = {now: before for before, now in new.items()}
    guessed = {ours: name for ours, name in mine.names.items() if ours not in left}
    guessed |= {ours: new[name] for ours, name in theirs.names.items() if ours in chosen}

    def batches(names: Sequence[str]) -> Iterator[Rows]:
        with about_the_match():
            partners = pair(mine, theirs, match)
        notes = tuple(about_partners(partners, match, section.path))
        here = [name for name in names if name not in old] or [own.names[0]]
        there = [old[name] for name in names if old.get(name, APART.name) != APART.name]
        columns_there = partner_columns(theirs.source, there or [theirs.source.names[0]], partners)
        first = 0
        for rows, found in beside(own.batches(here), columns_there):
            these = slice(first, first + rows.table.num_rows)
            first = these.stop
            matched, apart = partners.row[these] >= 0, partners.apart[these]
            found = found.append_column(APART.name, pa.array(apart, mask=~matched))
            table = pa.table([rows.table[name] if name not in old else found[old[name]] for name in names], [*names])
            yield replace(rows, table=table, notes=(*rows.notes, *notes), partnered=Partnered(matched, apart))

    return replace(
        own,
        columns=columns,
        batches=batches,
        notes=(*own.notes, *theirs.source.notes),
        guessed=guessed,
        matched=frozenset(old),
        matched_text=theirs.source.text,
    )
