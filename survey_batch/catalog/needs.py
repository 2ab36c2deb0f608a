"""The columns that a survey needs, and the message for a catalogue that lacks them."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from survey_batch.catalog.guesses import GUESSES, first_match, plain
from survey_batch.catalog.source import Source
from survey_batch.config.job import ArchiveSection

_SDSS_FRAMES = """\
survey "sdss" cuts objects out of frames, and finds an object's frame by the columns run, camcol and field (and rerun,
where it is not 301) beside ra and dec. SDSS's tables PhotoObj and PhotoPrimary have them. For a list of positions:
  - in a browser: SkyServer (skyserver.sdss.org), Object CrossID, or an upload to CasJobs, with
    SELECT p.objID, p.ra, p.dec, p.run, p.rerun, p.camcol, p.field
  - in Python: astroquery.sdss.SDSS.query_crossid(SkyCoord(ra, dec, unit="deg"),
    photoobj_fields=["objID", "ra", "dec", "run", "rerun", "camcol", "field"])
Join what comes back to your list, and name that file in catalog.path. Survey "skyserver" needs ra and dec alone: it
fetches colour images as SkyServer draws them, without fluxes."""

_LAMOST_FILES = {
    "flat": "filename, or lmjd, planid, spid and fiberid",
    "plan": "obsdate and planid, and either filename or lmjd, spid and fiberid",
    "obsid": "obsid",
}
_LAMOST = """\
survey "lamost" with layout "{layout}" finds a spectrum's file by the columns {columns}. The catalogues of each release
(www.lamost.org, LRS General Catalog) have them: match your positions with one of these, in TOPCAT for example, and
name the result in catalog.path."""

_STAMPS = """\
survey "stamps" finds a star's stamp by the columns object_id and exposure (the name of the file that holds it), and
needs ra and dec to tell stars apart."""
_SKYSERVER = 'survey "skyserver" draws the sky around ra and dec, in degrees: it needs these two columns.'


def missing_columns(found: Mapping[str, str], archive: ArchiveSection) -> list[str]:
    """Return the columns that the survey needs but that were not found."""
    if archive.survey == "stamps":
        return [name for name in ("object_id", "ra", "dec", "exposure") if name not in found]
    if archive.survey != "lamost":
        frame = ("run", "camcol", "field") if archive.survey == "sdss" else ()
        return [name for name in ("ra", "dec", *frame) if name not in found]
    folder = {"flat": (), "plan": ("obsdate", "planid"), "obsid": ("obsid",)}[archive.layout]
    file = () if archive.layout == "obsid" or "filename" in found else ("lmjd", "planid", "spid", "fiberid")
    return [name for name in dict.fromkeys((*folder, *file)) if name not in found]


def explain_missing(missing: Sequence[str], source: Source, archive: ArchiveSection) -> str:
    """Say which columns are missing, what the survey needs them for and where to get them."""
    usable = [column.name for column in source.columns if not column.vector]
    vectors = [column.name for column in source.columns if column.vector]
    needs = []
    for name in missing:
        vector = first_match(GUESSES[archive.survey][name], vectors)
        why = f" ({vector!r} holds vectors, not one value per row)" if vector else near(name, usable)
        needs.append(
            f'catalog: no column found for {name!r}{why}; name it: [catalog] columns = {{{name} = "<column>"}}'
        )
    return "\n".join([*needs, columns_of(source), _other_survey(source, archive) or _purpose(archive)])


def _purpose(archive: ArchiveSection) -> str:
    if archive.survey == "lamost":
        return _LAMOST.format(layout=archive.layout, columns=_LAMOST_FILES[archive.layout])
    return {"sdss": _SDSS_FRAMES, "stamps": _STAMPS, "skyserver": _SKYSERVER}[archive.survey]


def _other_survey(source: Source, archive: ArchiveSection) -> str:
    """Ask whether the other survey is meant, if all its columns are there."""
    other: Literal["sdss", "lamost"] = "sdss" if archive.survey == "lamost" else "lamost"
    found = [ours for ours, names in GUESSES[other].items() if first_match(names, source.names) is not None]
    complete = not missing_columns(dict.fromkeys(found, ""), ArchiveSection(survey=other, root=""))
    return f'these are columns of the other survey: is archive.survey = "{other}" meant?' if complete else ""


def near(name: str, names: Iterable[str]) -> str:
    """Suggest names that may have been meant."""
    known = {plain(candidate): candidate for candidate in names}
    close = difflib.get_close_matches(plain(name), known, n=3, cutoff=0.6)
    return f" (did you mean {' or '.join(repr(known[match]) for match in close)}?)" if close else ""


def columns_of(source: Source) -> str:
    """List the columns of a catalogue."""
    others = [f"{number} {text}" for number, text in source.tables.items() if number != source.table]
    tables = f"; further tables of the file: {', '.join(others)} (catalog.table chooses)" if others else ""
    return f"columns of {source.url}: {', '.join(source.names)}{tables}"
