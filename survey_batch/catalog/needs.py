"""The message for a catalogue that lacks columns that its survey needs."""

import difflib
from collections.abc import Iterable, Sequence

from survey_batch.catalog.guesses import first_match, plain
from survey_batch.catalog.source import Source
from survey_batch.config.job import ArchiveSection
from survey_batch.config.survey import Survey, find_survey, installed_surveys

POSITION = {"ra", "dec"}
"""Columns whose use and source need no words."""


def explain_missing(missing: Sequence[str], source: Source, archive: ArchiveSection) -> str:
    """Say which columns are missing, what the survey needs them for and where to get them."""
    survey = find_survey(archive.survey)
    usable = [column.name for column in source.columns if not column.vector]
    vectors = [column.name for column in source.columns if column.vector]
    columns = {**survey.known_columns(), **survey.columns_of_job(archive)}
    known = {spelled for names in columns.values() for spelled in names}
    unknown = [name for name in usable if plain(name) not in known]
    needs = []
    for name in missing:
        vector = first_match(columns[name], vectors)
        why = f" ({vector!r} holds vectors, not one value per row)" if vector else near(name, unknown)
        needs.append(
            f'catalog: no column found for {name!r}{why}; name it: [catalog] columns = {{{name} = "<column>"}}'
        )
    hint = _other_surveys(source, survey) or ("" if set(missing) <= POSITION else survey.purpose(archive))
    return "\n".join(filter(None, [*needs, columns_of(source), hint]))


def _other_surveys(source: Source, survey: Survey) -> str:
    """Ask whether another survey is meant, if all columns of its key are there."""
    fitting = []
    for other in installed_surveys():
        columns = other.known_columns()
        found = {ours: "" for ours, names in columns.items() if first_match(names, source.names) is not None}
        missing = other.missing(found, other.archive(survey=other.name, root="."))
        if other.name != survey.name and not missing and any(column.needed for column in other.key):
            fitting.append(f'"{other.name}"')
    if not fitting:
        return ""
    return f"these are columns of another survey: did you mean archive.survey = {' or '.join(fitting)}?"


def near(name: str, names: Iterable[str]) -> str:
    """Suggest names that may have been meant."""
    known = {plain(candidate): candidate for candidate in names}
    close = difflib.get_close_matches(plain(name), known, n=3, cutoff=0.6)
    return f" (did you mean {' or '.join(repr(known[match]) for match in close)}?)" if close else ""


def columns_of(source: Source) -> str:
    """List the columns of a catalogue."""
    others = [f"{number} {text}" for number, text in source.tables.items() if number != source.table]
    tables = f"; other tables of the file: {', '.join(others)} (choose with catalog.table)" if others else ""
    own = ", ".join(name for name in source.names if name not in source.matched)
    other = ", ".join(name for name in source.names if name in source.matched)
    matched = f"; of the list that it is matched with: {other}" if other else ""
    return f"columns of {source.url}: {own}{tables}{matched}"
