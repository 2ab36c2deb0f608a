"""Units and descriptions of a catalogue's columns, in the metadata of Arrow's fields, and as FITS can hold them."""

import pyarrow as pa

from survey_batch.catalog.opening import Opened
from survey_batch.catalog.parquet_file import DESCRIPTION, UNIT
from survey_batch.config.job import CatalogSection


def with_units(table: pa.Table, opened: Opened, section: CatalogSection) -> pa.Table:
    """Give columns the catalogue's units and descriptions; a unit given in the job overrides the file's own.

    Parameters
    ----------
    table
        Columns of the catalogue, under its names.
    opened
        The catalogue.
    section
        Its `units` are those of positions.
    """
    units = {opened.names[axis]: unit for axis, unit in section.units.items() if axis in opened.names}
    columns = {column.name: column for column in opened.source.columns}
    fields = []
    for field in table.schema:
        column = columns[field.name]
        said = {UNIT: units.get(column.name, column.unit), DESCRIPTION: column.description}
        fields.append(field.with_metadata({key: text for key, text in said.items() if text}))
    return pa.table(table.columns, schema=pa.schema(fields))


def fits_unit(unit: str) -> str:
    """Spell a unit in ASCII: unchanged if possible, or as FITS does (`Å` is Angstrom), or escaped as in Python."""
    if unit.isascii() and unit.isprintable():
        return unit
    from astropy import units

    try:
        return str(units.Unit(unit).to_string("fits"))
    except ValueError:
        return unit.encode("unicode_escape").decode()
