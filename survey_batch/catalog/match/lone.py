"""What becomes of rows without a partner in the second list."""

from collections import Counter

import numpy as np

from survey_batch.catalog.draft import Draft
from survey_batch.catalog.source import Partnered
from survey_batch.config.job import ArchiveSection, MatchSection
from survey_batch.config.survey import find_survey
from survey_batch.core.arrays import Flags
from survey_batch.core.status import NOT_IN_LIST

LEFT_OUT = "catalog.match (no partner)"
"""Why such a row is left out."""


def judge_lone(
    draft: Draft, partnered: Partnered, match: MatchSection, matched: frozenset[str], archive: ArchiveSection
) -> None:
    """Say why rows without a partner cannot be used, if it is the partner that leads to their data.

    Parameters
    ----------
    draft
        A batch of rows.
    partnered
        Which have a partner.
    match, archive
        What the job says.
    matched
        Columns of the second list.
    """
    own = {ours: name for ours, name in draft.names.items() if name not in matched}
    if not find_survey(archive.survey).missing(own, archive):
        return
    lone = ~partnered.matched
    if match.by == "id":
        draft.reject(lone, f"no row of {match.path} has its identifier")
        return
    ra, dec = draft.position() if {"ra", "dec"} <= set(draft.names) else (np.full(len(draft), np.nan),) * 2
    nowhere = np.isnan(ra) | np.isnan(dec)
    draft.reject(lone & nowhere, f"without ra and dec it has no partner in {match.path}", "ra", "dec")
    near = lone & np.isfinite(partnered.apart)
    reasons = {
        int(row): f"{NOT_IN_LIST}: the nearest row of {match.path} is {partnered.apart[row]:.3g} arcsec away"
        for row in np.flatnonzero(near)
    }
    draft.reject(near, reasons)
    draft.reject(lone, f"{NOT_IN_LIST}: no row of {match.path} is near")


def without_lone(chosen: Flags, left_out: Counter[str], partnered: Partnered, match: MatchSection) -> Flags:
    """Leave rows without a partner out of the chosen ones, and count them, if the job says so."""
    if match.unmatched == "keep":
        return chosen
    left_out[LEFT_OUT] += int(np.sum(chosen & ~partnered.matched))
    return chosen & partnered.matched
