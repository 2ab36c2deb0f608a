"""The fields of catalogue rows that name none, found by their positions."""

import numpy as np

from survey_batch.config.key_columns import CatalogRows
from survey_batch.core.arrays import I8
from survey_batch.core.wording import counted


def find_fields(rows: CatalogRows, key: dict[str, I8], path: str) -> None:
    """Find fields by position, and reject rows that none covers.

    Parameters
    ----------
    rows
        Of the catalogue.
    key
        `rerun`, `run`, `camcol` and `field`, (n,) each, -1 where the catalogue has none; filled in place. A row keeps
        a field that the catalogue names whole.
    path
        The list of fields.

    Raises
    ------
    ConfigurationError
        The file is no list of fields.
    """
    from survey_batch.catalog.footprint import reject_outside  # it takes a search tree, which few jobs need
    from survey_batch.surveys.sdss.footprint import read_footprint

    footprint = read_footprint(path)
    nameless = np.logical_or.reduce([key[name] < 0 for name in ("run", "camcol", "field")])
    ra, dec = rows.position()
    found = footprint.find(np.where(nameless, ra, np.nan), dec)
    rows.notes.append(f"rows without run, camcol and field have them from their positions, by archive.fields ({path})")
    if footprint.left_out:
        rows.notes.append(
            f"archive.fields: {counted(footprint.left_out, 'row')} of {path} without a number or with impossible "
            "bounds: positions that only these fields cover end as outside"
        )
    for name, values in key.items():
        values[found.index >= 0] = footprint.key[name][found.index[found.index >= 0]]
    reject_outside(rows, found, nameless, "field")
