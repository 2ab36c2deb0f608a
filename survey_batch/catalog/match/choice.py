"""Which columns come from the catalogue, and which from the list that it is matched with."""

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass

from survey_batch.catalog.labels import MADE_LABELS
from survey_batch.catalog.match.sides import SNR
from survey_batch.config.job import ArchiveSection, CatalogSection, MatchSection
from survey_batch.config.survey import Survey

Names = Mapping[str, str]


@dataclass(frozen=True)
class Group:
    """Columns that are of use only together, and so come from one list.

    Attributes
    ----------
    names
        Our names.
    complete
        Tells whether those found are enough.
    """

    names: Set[str]
    complete: Callable[[Set[str]], bool]


def taken(own: Names, other: Names, section: CatalogSection, match: MatchSection, groups: list[Group]) -> set[str]:
    """Choose the columns that the second list gives.

    The catalogue's own come first, except where the job names a column of the second list. A group comes from the
    first list that has it whole; where neither has, each gives what it has.

    Parameters
    ----------
    own, other
        Our names of the columns found in each list.
    section, match
        What the job says of each.
    groups
        See `groups_of`.
    """
    wanted = set(other if match.take is None else match.take) | set(match.columns)
    offered = {name for name in other if name in wanted and not (match.by == "position" and name in ("ra", "dec"))}
    chosen = offered - set(own)
    for group in groups:
        here, there = set(own) & group.names, offered & group.names
        if here and group.complete(set(own)):
            chosen -= group.names
        elif group.complete((set(own) - group.names) | there):
            chosen |= there
    asked = {*section.columns, *(["object_id"] if section.id else [])}
    return (chosen - (asked & set(own))) | (offered & set(match.columns))


def replaced(own: Names, chosen: Set[str], groups: list[Group]) -> set[str]:
    """Return the catalogue's columns that are not read, because the second list gives their group or themselves."""
    whole = [group.names for group in groups if chosen & group.names and group.complete(chosen | _outside(own, group))]
    return (set(own) & set(chosen)) | {name for names in whole for name in names if name in own}


def _outside(own: Names, group: Group) -> set[str]:
    return set(own) - group.names


def groups_of(survey: Survey, section: CatalogSection, archive: ArchiveSection) -> list[Group]:
    """Return the groups: the survey's key, positions, signal-to-noise ratios, and class with subclass if needed."""
    return list(_groups(survey, section, archive))


def _groups(survey: Survey, section: CatalogSection, archive: ArchiveSection) -> Iterator[Group]:
    key = frozenset(column.name for column in survey.key)

    def leads_to_files(found: Set[str]) -> bool:
        return not key & set(survey.missing(dict.fromkeys(found, ""), archive))

    if key:
        yield Group(key, leads_to_files)
    yield Group(frozenset(("ra", "dec")), lambda found: {"ra", "dec"} <= found)
    yield Group(frozenset(SNR), lambda found: bool(found & set(SNR)))
    if section.label in MADE_LABELS:
        yield Group(frozenset(("class", "subclass")), lambda found: {"class", "subclass"} <= found)
