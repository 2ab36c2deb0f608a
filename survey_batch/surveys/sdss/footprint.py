"""The list of the fields of SDSS imaging: a field is a rectangle along its scan.

The survey lists its fields in `window_flist.fits` (SDSS data model, PHOTO_RESOLVE/window_flist).
"""

from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np

from survey_batch.catalog.footprint import Footprint, extent
from survey_batch.catalog.formats import open_source
from survey_batch.catalog.guesses import first_match
from survey_batch.catalog.values import to_float
from survey_batch.core.arrays import F8, Flags
from survey_batch.core.errors import ConfigurationError
from survey_batch.surveys.sdss.columns import FIELD

SHAPE = ("mustart", "muend", "nustart", "nuend", "node", "incl")
"""Columns of the list that bound a field [deg], in the spelling of `KeyColumn.names`."""
LARGEST = 1.0
"""Degrees; a field is 0.15 by 0.22 degrees, and one that is longer than this along mu or nu is a mistake."""


def read_footprint(path: str) -> Footprint:
    """Read a list of fields; the last one read is kept until its file changes.

    Parameters
    ----------
    path
        Path or URL of a table in any format that a catalogue may have, with the columns `run`, `camcol`, `field` and
        those of `SHAPE`; `rerun` (301 if there is none) and `score` (1 if there is none) besides. Other columns are
        not read. Rows that lack one of these numbers are left out, as are those with impossible bounds.

    Raises
    ------
    ConfigurationError
        The file cannot be read, lacks a column, or lists no field.
    """
    stamp = None
    with suppress(OSError):  # a URL, or nothing, of which reading tells more
        stamp = Path(path).stat().st_mtime_ns
    return _read(path, stamp)


@lru_cache(maxsize=1)
def _read(path: str, stamp: int | None) -> Footprint:  # noqa: ARG001
    try:
        source = open_source(path)
    except ConfigurationError as error:  # of a catalogue
        raise ConfigurationError(f"archive.fields: {str(error).removeprefix('catalog.path: ')}") from error
    names = {name: first_match((name,), source.names) for name in (*FIELD, *SHAPE, "score")}
    lacking = [name for name, theirs in names.items() if theirs is None and name not in ("rerun", "score")]
    if lacking:
        raise ConfigurationError(
            f"archive.fields: {path} has no column {', '.join(lacking)}, and so is no list of fields; name SDSS's "
            "window_flist.fits, or a table with its columns run, camcol, field, mu_start, mu_end, nu_start, nu_end, "
            "node and incl"
        )
    table = source.read([theirs for theirs in names.values() if theirs]).table
    columns = {ours: to_float(table[theirs])[0] for ours, theirs in names.items() if theirs}
    columns = {"rerun": np.full(len(table), 301.0), "score": np.ones(len(table)), **columns}
    bounds = np.stack([columns[name] for name in SHAPE], axis=-1)
    known = _known(columns, bounds)
    if not known.any():
        raise ConfigurationError(f"archive.fields: {path} lists no field with all its numbers: correct the file")
    key = {name: columns[name][known].astype(np.int64) for name in FIELD}
    return Footprint(key, bounds[known], columns["score"][known], int(np.sum(~known)))


def _known(columns: dict[str, F8], bounds: F8) -> Flags:
    """Tell which rows of the list are fields."""
    known = np.logical_and.reduce([np.isfinite(values) for values in columns.values()])
    known &= np.logical_and.reduce([columns[name] >= 0 for name in FIELD])
    with np.errstate(invalid="ignore"):
        return np.asarray(known & np.logical_and.reduce([np.abs(size) <= LARGEST for size in extent(bounds)]), bool)
