"""The two lists of a match: their files, what their columns mean, and how their rows are compared."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from survey_batch.catalog.angles import Angle, Axis
from survey_batch.catalog.clean import signal_to_noise
from survey_batch.catalog.columns import column_named, guessed_columns, named_columns
from survey_batch.catalog.draft import Draft
from survey_batch.catalog.formats import open_source
from survey_batch.catalog.identifiers import read_ids, without_point
from survey_batch.catalog.match.identifier import Identifiers
from survey_batch.catalog.match.position import Positions
from survey_batch.catalog.naming import no_object
from survey_batch.catalog.needs import columns_of, near
from survey_batch.catalog.position_units import position_angles
from survey_batch.catalog.positions import read_positions
from survey_batch.catalog.source import Choice, Source
from survey_batch.config.job import CatalogSection, MatchSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.steps import detail
from survey_batch.core.wording import counted

Known = Mapping[str, Sequence[str]]
"""Our names of the columns that a survey knows, and the names by which they go in files."""

SNR = ("snr", *(f"snr{band}" for band in "rgizu"))
"""Our names of signal-to-noise ratios."""


@dataclass(frozen=True)
class Side:
    """One of the two lists.

    Attributes
    ----------
    source
        Its file.
    names
        Our name to the file's, for the columns that were found.
    angles
        How `ra` and `dec` are written.
    joined_by
        The column of the identifier to match by; None if there is none.
    """

    source: Source
    names: Mapping[str, str]
    angles: Mapping[Axis, Angle]
    joined_by: str | None

    def positions(self, *, ranked: bool) -> Iterator[Positions]:
        """Read the positions, and if they are ranked the signal-to-noise ratios."""
        names = {ours: name for ours, name in self.names.items() if ours in ("ra", "dec", *SNR * ranked)}
        for draft in self._drafts(names):
            ra, dec = read_positions(draft, needed=False)
            yield Positions(ra % 360, dec, signal_to_noise(draft).astype(np.float32))

    def identifiers(self, *, ranked: bool) -> Iterator[Identifiers]:
        """Read the identifiers, and if they are ranked the signal-to-noise ratios."""
        name = str(self.joined_by)
        names = {ours: name for ours, name in self.names.items() if ours in SNR and ranked}
        for draft in self._drafts({**names, "object_id": name}):
            ids, _, _ = read_ids(draft.column("object_id"), no_object(name))
            yield Identifiers(without_point(ids), signal_to_noise(draft).astype(np.float32))

    def _drafts(self, names: dict[str, str]) -> Iterator[Draft]:
        read = 0
        for rows in self.source.batches(sorted(set(names.values()))):
            yield Draft(rows, names, self.angles)
            read += rows.table.num_rows
            detail(f"matching: {counted(read, 'row')} of {self.source.url}")


def own_side(own: Source, section: CatalogSection, match: MatchSection, known: Known) -> Side:
    """Understand the catalogue; columns that the job names and only the second list has are left out.

    Raises
    ------
    ConfigurationError
        It lacks the columns to match by.
    """
    given = {**section.columns, **({"object_id": section.id} if section.id else {})}
    names = guessed_columns(own, known)
    names |= {ours: name for ours, theirs in given.items() if (name := column_named(theirs, own)) is not None}
    joined_by = _identifier(own, names, match.id_in_catalog, "id_in_catalog", section.path)
    _refuse_without(own, names, joined_by, match, (section.path, "id_in_catalog", "catalog"))
    return Side(own, names, position_angles(own, names, section), joined_by)


def other_side(match: MatchSection, known: Known) -> Side:
    """Open the second list: the table that the job names, or the first that has the columns to match by.

    Raises
    ------
    ConfigurationError
        The file cannot be read, lacks these columns or others that the job names, or states no unit of position.
    """
    choice = Choice(match.table, match.accept_overflow)
    first = open_source(match.path, choice)
    numbers = [first.table, *(number for number in first.tables if number != first.table)]
    refused: list[ConfigurationError] = []
    for number in numbers if match.table is None else numbers[:1]:
        source = first if number == first.table else open_source(match.path, replace(choice, table=number))
        try:
            return _understood(source, match, known)
        except ConfigurationError as error:
            refused.append(error)
    raise refused[0]


def _understood(source: Source, match: MatchSection, known: Known) -> Side:
    names = guessed_columns(source, known) | named_columns(source, match, known, "catalog.match")
    joined_by = _identifier(source, names, match.id, "id", match.path)
    _refuse_without(source, names, joined_by, match, (match.path, "id", "catalog.match"))
    if match.best == "snr" and not set(SNR) & set(names):
        raise ConfigurationError(
            f'catalog.match.best = "snr" needs a signal-to-noise ratio, and no column of {match.path} is known to be '
            f'one: name it, [catalog.match] columns = {{snr = "<column>"}}\n{columns_of(source)}'
        )
    return Side(source, names, position_angles(source, names, match, "catalog.match"), joined_by)


def _identifier(source: Source, names: Mapping[str, str], given: str | None, key: str, path: str) -> str | None:
    """Find the column to match by: the one that the job names, or that of the object's identifier."""
    found = column_named(given, source) if given is not None else names.get("object_id")
    if given is not None and found is None:
        raise ConfigurationError(
            f"catalog.match.{key}: {path} has no column {given!r}{near(given, source.names)}\n{columns_of(source)}"
        )
    return found


def _refuse_without(
    source: Source, names: Mapping[str, str], joined_by: str | None, match: MatchSection, where: tuple[str, str, str]
) -> None:
    """Refuse a list without the columns to match by; `where` are its path and the keys that would name them."""
    path, key, table = where
    if match.by == "id" and joined_by is None:
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


@contextmanager
def about_the_match() -> Iterator[None]:
    """Turn what is said of the catalogue's file into what is said of the second list's."""
    try:
        yield
    except ConfigurationError as error:
        text = str(error)
        for key in ("path", "table", "accept_overflow"):
            text = text.replace(f"catalog.{key}:", f"catalog.match.{key}:")
        raise ConfigurationError(text) from error
