"""The units of a list's positions, as the job, the file or the name of a column states them."""

from collections.abc import Mapping

from survey_batch.catalog.angles import Angle, Axis, angle_of
from survey_batch.catalog.frames import other_frame
from survey_batch.catalog.guesses import unit_in_name
from survey_batch.catalog.source import Source
from survey_batch.config.job import CatalogSection, ListSection
from survey_batch.core.errors import ConfigurationError

_AXES: tuple[Axis, ...] = ("ra", "dec")


def position_angles(
    source: Source, names: Mapping[str, str], section: ListSection, table: str = "catalog"
) -> dict[Axis, Angle]:
    """Understand how the columns of a position are written.

    Parameters
    ----------
    source
        The file.
    names
        Our name to the file's.
    section
        Units given in the job override those of the file. A column of a matched list has that list's units.
    table
        The section's name, for messages.

    Raises
    ------
    ConfigurationError
        A unit is not one of angle, or a column is in another frame than ICRS, or is read as both ra and dec.
    """
    if "ra" in names and names["ra"] == names.get("dec"):
        raise ConfigurationError(
            f"{table}: column {names['ra']!r} of {section.path} is read as ra and as dec: name one for each, [{table}] "
            'columns = {ra = "<column>", dec = "<column>"}'
        )
    return {axis: _angle(source, names[axis], axis, section, table) for axis in _AXES if axis in names}


def _angle(source: Source, name: str, axis: Axis, section: ListSection, table: str) -> Angle:
    if name in source.matched and isinstance(section, CatalogSection) and section.match is not None:
        section, table = section.match, "catalog.match"
    column = next(column for column in source.columns if column.name == name)
    if frame := other_frame(column):
        raise ConfigurationError(
            f"{table}: column {name!r} of {section.path} is not in ICRS or J2000 ({frame}): convert positions to ICRS, "
            f'for example with TOPCAT or astropy, or name other columns: [{table}] columns = {{{axis} = "<column>"}}'
        )
    unit = column.unit or unit_in_name(name)
    try:
        return angle_of(section.units.get(axis, unit), axis)
    except ValueError as error:
        if axis in section.units:
            raise ConfigurationError(
                f"{table}.units.{axis}: {section.units[axis]!r} is not a known unit of angle; "
                "known: deg, rad, arcmin, arcsec, mas, hourangle (ra only), hms and dms"
            ) from error
        raise ConfigurationError(
            f"{table}: column {name!r} of {section.path} is in {unit!r}, which is not a unit of position: correct the "
            f'file, or state the right unit: [{table}] units = {{{axis} = "deg"}}'
        ) from error
