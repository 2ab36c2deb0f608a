"""What columns mean: unit, description and UCD, in the metadata of Arrow's fields, and units as FITS can hold them."""

from collections.abc import Mapping

import pyarrow as pa

from survey_batch.catalog.opening import Opened
from survey_batch.catalog.parquet_file import DESCRIPTION, UCD, UNIT
from survey_batch.config.job import CatalogSection
from survey_batch.results.export.ucds import UCDS

NO_UNIT = "1"
"""Unit in products of a quantity without one."""


def column(name: str, kind: pa.DataType, description: str, unit: str = "", ucd: str = "") -> pa.Field:
    """Make a field with its meaning."""
    return described(pa.field(name, kind), {UNIT: unit, DESCRIPTION: description, UCD: ucd})


def plain_unit(unit: str) -> str:
    """Return the unit for a column: "" for what products write where there is none."""
    return "" if unit == NO_UNIT else unit


def described(field: pa.Field, said: Mapping[str, str]) -> pa.Field:
    """Give a field the entries that are not empty as its metadata."""
    return field.with_metadata({key: text for key, text in said.items() if text})


def with_units(schema: pa.Schema, opened: Opened, section: CatalogSection) -> pa.Schema:
    """Give columns the catalogue's units, descriptions and UCDs; a unit given in the job overrides the file's own.

    The columns that the job reads as positions get the UCD of positions unless they have their own.

    Parameters
    ----------
    schema
        Columns of the catalogue, under its names.
    opened
        The catalogue.
    section
        Its `units` are those of positions.
    """
    units = {opened.names[axis]: unit for axis, unit in section.units.items() if axis in opened.names}
    known = {opened.names[axis]: UCDS[axis] for axis in ("ra", "dec") if axis in opened.names}
    columns = {column.name: column for column in opened.source.columns}
    fields = []
    for field in schema:
        own = columns[field.name]
        said = {UNIT: units.get(own.name, own.unit), DESCRIPTION: own.description}
        fields.append(described(field, {**said, UCD: own.ucd or known.get(own.name, "")}))
    return pa.schema(fields)


def fits_unit(unit: str) -> str:
    """Spell a unit in ASCII: unchanged if possible, or as FITS does (`Å` is Angstrom), or escaped as in Python."""
    if unit.isascii() and unit.isprintable():
        return unit
    from astropy import units

    try:
        return str(units.Unit(unit).to_string("fits"))
    except ValueError:
        return unit.encode("unicode_escape").decode()
