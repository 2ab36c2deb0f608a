"""The meaning of a catalogue's columns: guessed from the names in known releases, or given in the job."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from survey_batch.catalog.guesses import POSITIONS, first_match, matching, plain
from survey_batch.catalog.labels import MADE_LABELS, class_columns
from survey_batch.catalog.needs import columns_of, explain_missing, near
from survey_batch.catalog.source import Source
from survey_batch.config.job import ArchiveSection, CatalogSection, ListSection
from survey_batch.config.survey import find_survey
from survey_batch.core.errors import ConfigurationError


def match_columns(
    source: Source, section: CatalogSection, archive: ArchiveSection, *, positions: bool = True
) -> dict[str, str]:
    """Map our names to the file's; never guess a column that holds vectors.

    Parameters
    ----------
    source
        The catalogue file.
    section, archive
        Names given in the job override guesses; the survey decides which columns are needed.
    positions
        Whether rows need a position; a list of fields has none.

    Returns
    -------
    dict
        Our name to the file's name, for each column that was found.

    Raises
    ------
    ConfigurationError
        A named column is not in the file or holds vectors, or a needed one was not found. The message lists the file's
        columns.
    """
    survey = find_survey(archive.survey)
    known = {**survey.known_columns(), **survey.columns_of_job(archive)}
    found = dict(source.guessed) if source.guessed is not None else guessed_columns(source, known)
    wanted_of_partner = section.match.columns if section.match is not None and source.matched else {}
    found |= {
        ours: name for ours, name in named_columns(source, section, known).items() if ours not in wanted_of_partner
    }
    if missing := [name for name in survey.missing(found, archive) if positions or name not in ("ra", "dec")]:
        raise ConfigurationError(explain_missing(missing, source, archive))
    return found


def guessed_columns(source: Source, guesses: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Map our names to the file's by the usual names (`guesses`) and by the UCDs of columns."""
    usable = [column.name for column in source.columns if not column.vector]
    found = _by_ucd(source)
    found |= {ours: name for ours, names in guesses.items() if (name := first_match(names, usable)) is not None}
    found |= _position_pair(usable)
    if "z" in guesses["mag_z"]:  # or a redshift
        other = "redshift" if _bands_are_there(source.names) else "mag_z"
        if plain(found.get(other, "")) == "z":
            del found[other]
    return found


def _position_pair(names: Sequence[str]) -> dict[str, str]:
    """Find a right ascension and a declination that belong together."""
    for pair in POSITIONS:
        ra, dec = (first_match((name,), names) for name in pair)
        if ra is not None and dec is not None:
            return {"ra": ra, "dec": dec}
    return {}


def _by_ucd(source: Source) -> dict[str, str]:
    """Find the position columns by their UCD, whatever their names."""
    found = {}
    for axis in ("ra", "dec"):
        word = f"pos.eq.{axis}"
        ucds = {column.name: column.ucd.lower().replace("_", ".") for column in source.columns if not column.vector}
        there = {name: ucd for name, ucd in ucds.items() if ucd == word or ucd.startswith((f"{word};", f"{word}.main"))}
        main = [name for name, ucd in there.items() if ucd.endswith("main")]
        if len(main or there) == 1:
            found[axis] = next(iter(main or there))
    return found


def _bands_are_there(names: Sequence[str]) -> bool:
    """Tell whether any band besides `z` is there, which makes `z` a magnitude."""
    return not {"u", "g", "r", "i"}.isdisjoint(map(plain, names))


def named_columns(source: Source, section: ListSection, known: Iterable[str], table: str = "catalog") -> dict[str, str]:
    """Return the columns that a table of the job names, each checked against the file.

    Raises
    ------
    ConfigurationError
        There is no such column, or it holds vectors.
    """
    problems = [
        f"{table}.columns.{ours}: {ours!r} is not a name used here{near(ours, known)}; known: {', '.join(known)}"
        for ours in section.columns
        if ours not in known
    ]
    named = {f"{table}.columns.{ours}": (ours, theirs) for ours, theirs in section.columns.items()}
    if section.id is not None:
        named[f"{table}.id"] = ("object_id", section.id)
    label = section.label if isinstance(section, CatalogSection) else None
    if label is not None and label not in MADE_LABELS:
        named["catalog.label"] = ("label", str(label))
    vectors = {column.name for column in source.columns if column.vector}
    found = {}
    for key, (ours, theirs) in named.items():
        name = column_named(theirs, source)
        if name is None:
            problems.append(f"{key}: there is no column {theirs!r}{near(theirs, source.names)}")
        elif name in vectors:
            problems.append(f"{key}: column {name!r} holds vectors, not one value: name another")
        else:
            found[ours] = name
    if problems:
        raise ConfigurationError("\n".join([*problems, columns_of(source)]))
    return found


def column_named(name: str, source: Source) -> str | None:
    """Find the file's own name of a column; blanks, underscores and case may differ."""
    return name if name in source.names else first_match((plain(name),), source.names)


def column_notes(source: Source, names: Mapping[str, str], section: CatalogSection, survey: str) -> Iterator[str]:
    """Say which columns were ignored in favour of others.

    Parameters
    ----------
    source
        The catalogue file.
    names
        Our name to the file's, for the columns that are read.
    section
        Columns that the job names need no note.
    survey
        The survey whose names were guessed.
    """
    chosen = {*section.columns, *(["object_id"] if section.id else []), *(["label"] if section.label else [])}
    if source.matched:  # what the second list gives is said elsewhere
        source = replace(source, columns=tuple(one for one in source.columns if one.name not in source.matched))
        names = {ours: name for ours, name in names.items() if name in source.names}
    yield from _vectors_passed_over(source, names, chosen, survey)
    if {"ra", "dec"} <= set(names):
        yield from _other_positions(source, names, chosen, find_survey(survey).known_columns())
        if find_survey(survey).needs_position and (moving := matching(("pmra", "pmdec", "pmde"), source.names)):
            yield (
                f"positions are taken as they are, and proper motions ({', '.join(moving)}) not applied: if positions "
                "are of another epoch than the images, move those of fast stars first"
            )
    for ours, name in names.items():
        alike = [other for other in source.names if plain(other) == plain(name) and other != name]
        if alike and ours not in chosen and ours not in ("ra", "dec"):
            yield (
                f"column {name!r} is read as {ours}, and {_listed(alike)} ignored; to read {alike[0]!r} instead: "
                f'[catalog] columns = {{{ours} = "{alike[0]}"}}'
            )


def _vectors_passed_over(source: Source, names: Mapping[str, str], chosen: set[str], survey: str) -> Iterator[str]:
    vectors = [column.name for column in source.columns if column.vector]
    for ours, guesses in find_survey(survey).known_columns().items():
        if ours in chosen or (ours in OPTIONAL and ours not in names):
            continue
        before = guesses[: guesses.index(plain(names[ours]))] if plain(names.get(ours, "")) in guesses else guesses
        if passed := matching(before, vectors):
            instead = f"{names[ours]!r} is read as {ours}" if ours in names else f"no other column is read as {ours}"
            yield f"{_listed(passed)} ignored (vectors, not one value per row): {instead}"


def _other_positions(
    source: Source, names: Mapping[str, str], chosen: set[str], known: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Name the other columns that may be positions, including those numbered by a join (`ra_1`)."""
    if not chosen & {"ra", "dec"} and not {plain(names["ra"]), plain(names["dec"])} & {*known["ra"], *known["dec"]}:
        yield (
            f"no column has a usual name for ra and dec: {names['ra']!r} and {names['dec']!r} are chosen by their UCDs"
        )
    for axis in ("ra", "dec"):
        usual = known[axis]
        others = [
            name
            for name in source.names
            if name != names[axis]
            and (plain(name) in usual or (plain(name)[:-1] in usual and plain(name)[-1].isdigit()))
        ]
        if others and axis not in chosen:
            yield (
                f"{names[axis]!r} is read as {axis}, and {_listed(others)} ignored; to choose: "
                f'[catalog] columns = {{{axis} = "<column>"}}'
            )


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(map(repr, names))} {'is' if len(names) == 1 else 'are'}"


OPTIONAL = ("label", "split", "class", "subclass", "zwarning", "primary", *(f"mag_{band}" for band in "ugriz"))
"""Columns that are read only if the job asks for them; all others are always read."""


def needed_columns(found: Mapping[str, str], section: CatalogSection, source: Source) -> dict[str, str]:
    """Leave out the optional columns that the job does not ask for.

    Raises
    ------
    ConfigurationError
        The job asks for something whose columns were not found.
    """
    asked = {key: [name for name in names if name not in found] for key, *names in _asked_for(section)}
    if missing := {key: names for key, names in asked.items() if names}:
        problems = (_explain_asked(key, names, source) for key, names in missing.items())
        raise ConfigurationError("\n".join([*problems, columns_of(source)]))
    wanted = {name for _, *names in _asked_for(section) for name in names}
    if section.split is None:
        wanted.add("split")
    if section.label not in MADE_LABELS:
        wanted.add("label")
    return {ours: theirs for ours, theirs in found.items() if ours in wanted or ours not in OPTIONAL}


def _explain_asked(key: str, missing: Sequence[str], source: Source) -> str:
    """Say which columns a key of the job needs, and the ways out; a label may be any column."""
    columns = ", ".join(f'{name} = "<column>"' for name in missing)
    own = next(iter(class_columns(source.names)), "<column>")
    other = f'take your own column of classes (catalog.label = "{own}"), ' if key.startswith("catalog.label") else ""
    return (
        f"{key} needs {' and '.join(missing)}, not found in the catalogue: {other}name what is missing "
        f"([catalog] columns = {{{columns}}}), or remove {key}"
    )


def _asked_for(section: CatalogSection) -> Iterator[tuple[str, ...]]:
    """Yield each key of the job that needs columns, and our names of these."""
    if section.label in MADE_LABELS:
        yield f"catalog.label = {section.label!r}", "class", "subclass"
    if section.select is not None:
        if section.select.object_class is not None:
            yield "catalog.select.object_class", "class"
        if section.select.luminosity is not None:
            yield "catalog.select.luminosity", "subclass"
        if section.select.zwarning is not None:
            yield "catalog.select.zwarning", "zwarning"
        yield "catalog.select.magnitudes", *(f"mag_{band}" for band in section.select.magnitudes)
    if section.duplicates is not None and section.duplicates.keep == "primary":
        yield 'catalog.duplicates.keep = "primary"', "primary"
