"""What a user should know of a match."""

from collections.abc import Iterator, Mapping, Set

import numpy as np

from survey_batch.catalog.match.partners import Partners
from survey_batch.catalog.match.position import BEYOND
from survey_batch.config.job import MatchSection
from survey_batch.core.arrays import Index
from survey_batch.core.wording import counted

SUSPECT = 0.1
"""Share of the partners that may be there by chance before a note warns of it."""


def about_columns(names: Mapping[str, str], matched: Set[str], match: MatchSection) -> str:
    """Say which of the columns that the job reads the second list gives."""
    theirs = {ours: name.partition("#")[0] for ours, name in names.items() if name in matched}
    if not theirs:
        return f"catalog.match: of what the job reads, {match.path} gives nothing that the catalogue does not have"
    listed = (f"{ours} ({name})" if ours != name else ours for ours, name in theirs.items())
    return f"taken from {match.path}: {', '.join(listed)}"


def about_partners(partners: Partners, match: MatchSection, path: str) -> Iterator[str]:
    """Say how many rows have a partner, how far it is, which rows share one, and how many are there by chance."""
    matched = np.flatnonzero(partners.row >= 0)
    how = f"within {match.radius_arcsec:g} arcsec" if match.by == "position" else "with the same identifier"
    middle = f"; the median separation is {_median(partners, matched):.2g} arcsec" if _apart(partners, matched) else ""
    yield f"{len(matched):,} of {counted(len(partners.row), 'row')} with a partner in {match.path} {how}{middle}"
    lack = "a position" if match.by == "position" else "an identifier, or with one that has lost digits"
    for unknown, rows, whose in (
        (partners.own_unknown, len(partners.row), path),
        (partners.unknown, partners.rows, match.path),
    ):
        if unknown:
            yield f"rows of {whose} without {lack}: {unknown:,} of {rows:,}"
    if partners.repeated:
        which = "the one with the best S/N" if match.best == "snr" else "the first"
        yield f"rows of {match.path} that repeat the identifier of another: {partners.repeated:,}; {which} is taken"
    yield from _shared(partners, matched, match)
    yield from _chance(partners, len(matched))


def _apart(partners: Partners, matched: Index) -> bool:
    return partners.chance is not None and len(matched) > 0


def _median(partners: Partners, matched: Index) -> float:
    return float(np.median(partners.apart[matched]))


def _shared(partners: Partners, matched: Index, match: MatchSection) -> Iterator[str]:
    """Tell of rows that have one partner."""
    order = matched[np.argsort(partners.row[matched], kind="stable")]
    same = np.flatnonzero(np.diff(partners.row[order]) == 0)
    if same.size:
        row = partners.row[order[same]]
        yield (
            f"rows of {match.path} that are the partner of several rows: {1 + np.count_nonzero(np.diff(row)):,}; the "
            f"first is row {row[0]}, partner of rows {order[same[0]]} and {order[same[0] + 1]}"
        )


def _chance(partners: Partners, matched: int) -> Iterator[str]:
    """Say how many partners are there by chance, and warn if these are many."""
    if partners.chance is None or matched == 0 or partners.chance < 0.5:
        return
    share = partners.chance / matched
    found = (
        f"rows that are moved by {BEYOND} radii to the east have a partner in about {partners.chance:,.0f} cases, so "
        f"about {min(share, 1):.2g} of the partners are there by chance"
    )
    if share > SUSPECT:
        found += "; lower catalog.match.radius_arcsec, or check that both lists give positions in ICRS"
    yield found
