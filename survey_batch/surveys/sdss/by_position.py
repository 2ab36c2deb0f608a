"""The fields of catalogue rows that name none, found by their positions."""

import numpy as np

from survey_batch.config.key_columns import CatalogRows
from survey_batch.core.arrays import I8
from survey_batch.core.status import OFF_FOOTPRINT


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
    from survey_batch.surveys.sdss.footprint import read_footprint  # it takes a search tree, which few jobs need

    footprint = read_footprint(path)
    nameless = np.logical_or.reduce([key[name] < 0 for name in ("run", "camcol", "field")])
    ra, dec = rows.position()
    found = footprint.find(np.where(nameless, ra, np.nan), dec)
    rows.notes.append(f"rows without run, camcol and field have them from their positions, by archive.fields ({path})")
    if footprint.left_out:
        rows.notes.append(
            f"archive.fields: {footprint.left_out:,} rows of {path} lack a number or have impossible bounds: positions "
            "that only these fields cover end as outside"
        )
    for name, values in key.items():
        values[found.index >= 0] = footprint.key[name][found.index[found.index >= 0]]
    outside = nameless & (found.index < 0) & np.isfinite(found.distance)
    reasons = {
        int(row): f"{OFF_FOOTPRINT}: its nearest field is {_angle(found.distance[row])} away"
        for row in np.flatnonzero(outside)
    }
    rows.reject(outside, reasons, "ra", "dec")


def _angle(degrees: float) -> str:
    return f"{degrees * 60:.2g} arcmin" if degrees < 1 else f"{degrees:.3g} degrees"
