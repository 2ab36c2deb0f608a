"""One batch of a catalogue as compact columns under our names; each row is judged on its own."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.draft import Draft
from survey_batch.catalog.labels import MADE_LABELS, read_labels
from survey_batch.catalog.positions import read_positions
from survey_batch.config.job import ArchiveSection, CatalogSection
from survey_batch.config.survey import find_survey
from survey_batch.core.arrays import F8, Flags

_SNR_PREFERENCE = ("snr", "snrr", "snrg", "snri", "snrz", "snru")
_TRUE = ("1", "true", "t", "yes", "y")
_REPEATED = ("label", "split", "planid", "obsdate", "exposure")
"""Text columns with few distinct values."""


def clean(draft: Draft, section: CatalogSection, archive: ArchiveSection, first: int) -> pa.Table:
    """Turn a batch into compact columns; rows that cannot be used get their `problem` in the draft.

    Parameters
    ----------
    draft
        The batch.
    section, archive
        What the job asks for.
    first
        Input row of the batch's first row.

    Returns
    -------
    pyarrow.Table
        `row`, `ra`, `dec`, `label`, `split`, `redshift`, `snr` and what the survey reads; also `id` (as in the file)
        if the file has one, and `primary` if the job needs it.
    """
    survey = find_survey(archive.survey)
    ra, dec = read_positions(draft, needed=survey.needs_position)
    columns = {
        "row": np.arange(first, first + len(draft)),
        "ra": ra,
        "dec": dec,
        "label": label_of(draft, section),
        "split": pc.fill_null(pc.utf8_lower(draft.text("split")), ""),
        "redshift": draft.number("redshift").astype(np.float32),
        "snr": signal_to_noise(draft).astype(np.float32),
        **survey.read_key(draft, archive),
    }
    if "object_id" in draft.names:
        columns["id"] = draft.column("object_id").combine_chunks()
    if section.duplicates is not None and section.duplicates.keep == "primary":
        columns["primary"] = _is_true(draft.text("primary"))
    return pa.table({name: _compact(name, values) for name, values in columns.items()})


def label_of(draft: Draft, section: CatalogSection) -> pa.Array:
    """Return the class of each row, "" where none; count words that mean "no value" in the draft."""
    if make := MADE_LABELS.get(section.label):
        return make(draft.text("class"), draft.text("subclass"))
    if "label" not in draft.names:
        return pa.repeat("", len(draft))
    kept = (section.select and section.select.labels) or ()
    labels, nothing, pointed = read_labels(draft.column("label"), kept)
    draft.nothing.update(nothing)
    if pointed:
        draft.notes.append(
            f"column {draft.names['label']!r} (label) holds whole numbers with a decimal point, which is "
            "dropped: 3.0 is class 3"
        )
    return labels


def signal_to_noise(draft: Draft) -> F8:
    """Return each row's first known signal-to-noise ratio; r and g come before the other bands."""
    snr = np.full(len(draft), np.nan)
    for name in _SNR_PREFERENCE:
        if name in draft.names:
            snr = np.where(np.isnan(snr), draft.number(name), snr)
    return snr


def _is_true(text: pa.Array) -> Flags:
    return np.asarray(pc.fill_null(pc.is_in(pc.utf8_lower(text), value_set=pa.array(_TRUE)), False))


def _compact(name: str, values: object) -> pa.Array:
    array = values if isinstance(values, pa.Array) else pa.array(values)
    if name in _REPEATED:
        return pc.dictionary_encode(array)
    return array.cast(pa.int32()) if pa.types.is_int64(array.type) and name not in ("row", "id") else array


def reasons_of(draft: Draft, chosen: Flags, first: int) -> Mapping[int, str]:
    """Return, by input row, why chosen rows cannot be used."""
    return {first + int(row): draft.problem[row] for row in np.flatnonzero(chosen & (draft.problem != ""))}
