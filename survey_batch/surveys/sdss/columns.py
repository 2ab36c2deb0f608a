"""Columns of SDSS catalogues: their names in CasJobs, in SkyServer and in the SDSS17 file, and ids made from them."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.identifiers import position_names
from survey_batch.catalog.values import joined, padded
from survey_batch.config.key_columns import CatalogRows, KeyColumn, NamedRows
from survey_batch.core.arrays import I8

FIELD = ("rerun", "run", "camcol", "field")
"""Columns that name a field of the imaging survey."""

MEANING = {
    "rerun": "version of the processing of the frames; 301 if there is no such column",
    "run": "run of the imaging camera",
    "camcol": "column of the camera, 1 to 6",
    "field": "number of the field in its run and column",
}

COLUMNS = {
    "object_id": ("objectid", "specobjid", "objid", "bestobjid", "id"),
    "plate": ("plate",),
    "mjd": ("mjd",),
    "fiberid": ("fiberid", "fiber"),
    "redshift": ("redshift", "zspec", "specz", "zsp", "z"),
    "snr": ("snr", "snmedian", "snmedianall", "snrr", "snmedianr"),
    "zwarning": ("zwarning",),
    "primary": ("scienceprimary", "specprimary", "mode"),
    **{f"mag_{band}": (f"psfmag{band}", f"modelmag{band}", f"mag{band}", band) for band in "ugriz"},
}
"""Other columns of SDSS catalogues, each with its names."""


def field_columns(*, needed: bool) -> tuple[KeyColumn, ...]:
    """Return the columns that name a field; the rerun is 301 if there is no such column."""
    names = {name: (name, f"{name}id") for name in FIELD}
    return tuple(
        KeyColumn(name, "integer", names[name], needed=needed and name != "rerun", meaning=MEANING[name])
        for name in FIELD
    )


def fibre(rows: CatalogRows) -> dict[str, I8]:
    """Read the columns that name a spectrum, for objects without an id of their own."""
    return {name: rows.integer(name) for name in ("plate", "mjd", "fiberid")}


def substitute_ids(rows: NamedRows) -> Iterator[tuple[str, pa.Array]]:
    """Yield ids made from the spectrum, if they tell objects apart, and of the field with the position."""
    spectra = spectrum_names(*(rows.numbers(name) for name in ("plate", "mjd", "fiberid")))
    if pc.count_distinct(spectra).as_py() == len(spectra) - spectra.null_count:
        yield "plate-mjd-fiberid", spectra
    fields = field_names(*(rows.numbers(name) for name in ("run", "camcol", "field")))
    positions = position_names(rows.numbers("ra"), rows.numbers("dec"))
    yield "run-camcol-field and the position", joined(fields, "-", positions)


def spectrum_names(plate: I8, mjd: I8, fiber: I8) -> pa.Array:
    """Return names of SDSS spectra, `<plate>-<mjd>-<fiber>` as in their files; null where a part is missing (or 0)."""
    known = (plate > 0) & (mjd > 0) & (fiber > 0)
    return joined(padded(np.where(known, plate, -1), 4), "-", padded(mjd, 5), "-", padded(fiber, 4))


def field_names(run: I8, camcol: I8, field: I8) -> pa.Array:
    """Return names of SDSS fields, `<run>-<camcol>-<field>` as in the frames' files."""
    return joined(padded(run, 6), "-", padded(camcol, 1), "-", padded(field, 4))
