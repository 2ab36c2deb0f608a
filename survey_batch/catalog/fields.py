"""A catalogue of fields instead of objects: the objects are found on their frames."""

import numpy as np
import pyarrow as pa

from survey_batch.catalog.draft import Draft
from survey_batch.catalog.opening import open_catalog
from survey_batch.config.job import ArchiveSection, CatalogSection
from survey_batch.config.survey import find_survey
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.wording import counted


def read_fields(section: CatalogSection, archive: ArchiveSection) -> tuple[pa.Table, tuple[str, ...]]:
    """Read a list of fields.

    Parameters
    ----------
    section
        Where the list is. It has the columns that name a field, in any catalogue format.
    archive
        The survey.

    Returns
    -------
    fields : pyarrow.Table
        The columns that name a field, sorted by them, each field once.
    notes : tuple of str

    Raises
    ------
    ConfigurationError
        The survey has no frames; the file cannot be read, has no rows or lacks a column; or a row names no field.
    """
    survey = find_survey(archive.survey)
    if not survey.field:
        raise ConfigurationError(f'[catalog.detect] needs frames, and survey "{archive.survey}" has none')
    opened = open_catalog(section, archive, positions=False)
    names = {name: opened.names[name] for name in survey.field if name in opened.names}
    draft = Draft(opened.source.read(sorted(set(names.values()))), names)
    key = survey.read_key(draft, archive)
    bad = np.flatnonzero(draft.problem != "")
    if len(bad) or not len(draft):
        reason = f"row {bad[0]}: {draft.problem[bad[0]]}" if len(bad) else "it has column names, but no rows"
        raise ConfigurationError(f"catalog.path: {section.path} is not a list of fields ({reason}): correct the file")
    table = pa.table({name: pa.array(key[name], pa.int32()) for name in survey.field})
    fields = table.group_by(list(survey.field)).aggregate([]).sort_by([(name, "ascending") for name in survey.field])
    if fields.group_by(list(survey.field[1:])).aggregate([]).num_rows < fields.num_rows:
        raise ConfigurationError(
            f"catalog.path: {section.path} has a field in two reruns, and objects found on frames are named without "
            "the rerun: use one job for each rerun"
        )
    repeated = len(draft) - fields.num_rows
    notes = [
        *opened.notes,
        *draft.notes,
        *([f"{repeated:,} of {counted(len(draft), 'row')} with the field of another"] if repeated else []),
    ]
    return fields, tuple(notes)
