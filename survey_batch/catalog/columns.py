"""Which column of a catalogue means what: names guessed for known releases, or given in the job."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from survey_batch.catalog.labels import MADE_LABELS
from survey_batch.catalog.source import Source
from survey_batch.errors import ConfigurationError
from survey_batch.job import ArchiveSection, CatalogSection

_COMMON = {
    "ra": ("ra", "alpha", "raj2000", "raicrs", "radeg", "plugra"),
    "dec": ("dec", "delta", "dej2000", "decj2000", "deicrs", "decicrs", "decdeg", "dedeg", "plugdec"),
    "label": ("label",),
    "split": ("split",),
    "class": ("class",),
    "subclass": ("subclass",),
    "fiberid": ("fiberid", "fiber"),
}

_SDSS = _COMMON | {
    "object_id": ("objectid", "specobjid", "objid", "bestobjid", "id"),
    "rerun": ("rerun", "rerunid"),
    "run": ("run", "runid"),
    "camcol": ("camcol", "camcolid"),
    "field": ("field", "fieldid"),
    "plate": ("plate",),
    "mjd": ("mjd",),
    "redshift": ("redshift", "zspec", "specz", "zsp", "z"),
    "snr": ("snr", "snmedian", "snmedianall", "snrr", "snmedianr"),
    "zwarning": ("zwarning",),
    "primary": ("scienceprimary", "specprimary", "mode"),
    **{f"mag_{band}": (f"psfmag{band}", f"modelmag{band}", f"mag{band}", band) for band in "ugriz"},
}

GUESSES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "sdss": _SDSS,
    "skyserver": _SDSS,
    "lamost": _COMMON
    | {
        "object_id": ("objectid", "obsid"),
        "obsid": ("obsid",),
        "lmjd": ("lmjd",),
        "planid": ("planid",),
        "spid": ("spid",),
        "obsdate": ("obsdate",),
        "filename": ("filename", "fitsname"),
        "redshift": ("redshift", "z"),
        "snr": ("snr",),
        "snrr": ("snrr",),
        "snrg": ("snrg",),
        "snri": ("snri",),
        "snrz": ("snrz",),
        "snru": ("snru",),
        "zwarning": ("zwarning",),
        "primary": ("primary",),
        "mag_u": ("magu",),
        **{f"mag_{band}": (f"magps{band}", f"mag{band}") for band in "griz"},  # Pan-STARRS, since DR6
    },
    "stamps": _COMMON
    | {
        "object_id": ("objectid", "sourceid", "starid", "id"),
        "exposure": ("exposure", "exposureid", "expname", "visit"),
        "redshift": ("redshift",),
        "snr": ("snr",),
        **{f"mag_{band}": (f"mag{band}", band) for band in "ugriz"},
    },
}
"""Our name to the names it goes by in SDSS (CasJobs, SkyServer, the SDSS17 file), LAMOST releases and lists of stamps,
in order of preference, lower case and without underscores."""


def match_columns(
    source: Source, section: CatalogSection, archive: ArchiveSection, *, positions: bool = True
) -> dict[str, str]:
    """Map our names to the file's.

    Parameters
    ----------
    source
        The catalogue file.
    section, archive
        Names given in the job go before guesses; the survey decides which columns are needed.
    positions
        Whether rows need a position: a list of fields has none.

    Returns
    -------
    dict
        Our name to the file's name, for each column that was found.

    Raises
    ------
    ConfigurationError
        A named column is not in the file, or a needed one was not found; lists the columns there are.
    """
    guesses = GUESSES[archive.survey]
    found = {ours: name for ours, names in guesses.items() if (name := _first(names, source.names)) is not None}
    if archive.survey != "lamost":  # `z` is a redshift or a magnitude
        other = "redshift" if _bands_are_there(source.names) else "mag_z"
        if _plain(found.get(other, "")) == "z":
            del found[other]
    found |= _named(source, section, guesses)
    if missing := [name for name in _missing(found, archive) if positions or name not in ("ra", "dec")]:
        raise ConfigurationError(_explain(missing, source) + _other_survey(source, archive))
    return found


def _plain(name: str) -> str:
    return re.sub(r"[_\s-]", "", name.lower())


def _first(candidates: Sequence[str], names: Sequence[str]) -> str | None:
    plain = [_plain(name) for name in names]
    return next((names[plain.index(candidate)] for candidate in candidates if candidate in plain), None)


def _bands_are_there(names: Sequence[str]) -> bool:
    """Any other of the five bands makes `z` a magnitude."""
    return not {"u", "g", "r", "i"}.isdisjoint(map(_plain, names))


def _named(source: Source, section: CatalogSection, known: Iterable[str]) -> dict[str, str]:
    """Return the columns that the job names, each checked against the file."""
    problems = [
        f"catalog.columns.{ours}: {ours!r} is not a name used here{_near(ours, known)}; known: {', '.join(known)}"
        for ours in section.columns
        if ours not in known
    ]
    named = {f"catalog.columns.{ours}": (ours, theirs) for ours, theirs in section.columns.items()}
    if section.id is not None:
        named["catalog.id"] = ("object_id", section.id)
    if section.label is not None and section.label not in MADE_LABELS:
        named["catalog.label"] = ("label", str(section.label))
    problems += [
        f"{key}: there is no column {theirs!r}{_near(theirs, source.names)}"
        for key, (_, theirs) in named.items()
        if theirs not in source.names and _first([_plain(theirs)], source.names) is None
    ]
    if problems:
        raise ConfigurationError("\n".join([*problems, _columns_of(source)]))
    return {
        ours: theirs if theirs in source.names else str(_first([_plain(theirs)], source.names))
        for ours, theirs in named.values()
    }


def _missing(found: Mapping[str, str], archive: ArchiveSection) -> list[str]:
    if archive.survey == "stamps":
        return [name for name in ("object_id", "ra", "dec", "exposure") if name not in found]
    if archive.survey != "lamost":
        frame = ("run", "camcol", "field") if archive.survey == "sdss" else ()
        return [name for name in ("ra", "dec", *frame) if name not in found]
    folder = {"flat": (), "plan": ("obsdate", "planid"), "obsid": ("obsid",)}[archive.layout]
    file = () if archive.layout == "obsid" or "filename" in found else ("lmjd", "planid", "spid", "fiberid")
    return [name for name in dict.fromkeys((*folder, *file)) if name not in found]


def _explain(missing: Sequence[str], source: Source) -> str:
    needs = [
        f"catalog: no column found for {name!r}{_near(name, source.names)}; "
        f'name it: [catalog] columns = {{{name} = "<column>"}}'
        for name in missing
    ]
    return "\n".join([*needs, _columns_of(source)])


def _other_survey(source: Source, archive: ArchiveSection) -> str:
    """Ask whether the survey is the right one, where the columns are all those of the other."""
    other: Literal["sdss", "lamost"] = "sdss" if archive.survey == "lamost" else "lamost"
    found = [ours for ours, names in GUESSES[other].items() if _first(names, source.names) is not None]
    complete = not _missing(dict.fromkeys(found, ""), ArchiveSection(survey=other, root=""))
    return f'\nthese are columns of the other survey: is archive.survey = "{other}" meant?' if complete else ""


def _near(name: str, names: Iterable[str]) -> str:
    """Suggest what may have been meant."""
    plain = {_plain(candidate): candidate for candidate in names}
    close = difflib.get_close_matches(_plain(name), plain, n=3, cutoff=0.6)
    return f" (did you mean {' or '.join(repr(plain[match]) for match in close)}?)" if close else ""


def _columns_of(source: Source) -> str:
    return f"columns of {source.url}: {', '.join(source.names)}"


_OPTIONAL = ("label", "split", "class", "subclass", "zwarning", "primary", *(f"mag_{band}" for band in "ugriz"))
"""Columns that only some jobs ask for; the others are always read."""


def needed_columns(found: Mapping[str, str], section: CatalogSection) -> dict[str, str]:
    """Leave out the columns that nothing in the job asks for.

    Raises
    ------
    ConfigurationError
        The job asks for something whose column was not found.
    """
    asked = list(_asked_for(section))
    if missing := [(key, name) for key, name in asked if name not in found]:
        raise ConfigurationError(
            "\n".join(
                f"{key} needs {name}, and no column was found for it: name it ([catalog] columns = {{{name} = "
                f'"<column>"}}), or take {key} out'
                for key, name in missing
            )
        )
    wanted = {name for _, name in asked} | ({"split"} if section.split is None else set())
    if section.label not in MADE_LABELS:
        wanted.add("label")
    return {ours: theirs for ours, theirs in found.items() if ours in wanted or ours not in _OPTIONAL}


def _asked_for(section: CatalogSection) -> Iterator[tuple[str, str]]:
    """Yield each key of the job that needs a column, and our name of that column."""
    if section.label in MADE_LABELS:
        yield from ((f"catalog.label = {section.label!r}", name) for name in ("class", "subclass"))
    if section.select is not None:
        if section.select.object_class is not None:
            yield "catalog.select.object_class", "class"
        if section.select.luminosity is not None:
            yield "catalog.select.luminosity", "subclass"
        if section.select.zwarning is not None:
            yield "catalog.select.zwarning", "zwarning"
        yield from (("catalog.select.magnitudes", f"mag_{band}") for band in section.select.magnitudes)
    if section.duplicates is not None and section.duplicates.keep == "primary":
        yield 'catalog.duplicates.keep = "primary"', "primary"
