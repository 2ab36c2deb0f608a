"""What a job file says about any file with a table of objects."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator

from survey_batch.config.sections.base import Section
from survey_batch.core.redaction import check_address


class ListSection(Section):
    """Where a list of objects is, and what its columns mean."""

    path: Annotated[str, Field(examples=["catalog.csv"])]
    """The file, the folder of files or the HATS catalogue with the objects: a path or any fsspec URL."""
    id: Annotated[str | None, Field(examples=["specobjid"])] = None
    """Column of the object's identifier; guessed for known releases."""
    columns: Annotated[Mapping[str, str], Field(examples=[{"ra": "RAJ2000", "dec": "DEJ2000"}])] = {}
    """Our name = the file's name, for columns that cannot be guessed: `{ra = "RAJ2000"}`."""
    units: Annotated[Mapping[Literal["ra", "dec"], str], Field(examples=[{"ra": "hms", "dec": "dms"}])] = {}
    """Units of the position if the file gives none or wrong ones: deg, rad, hourangle, arcsec, hms, dms, …."""
    table: Annotated[str | int | None, Field(examples=[2])] = None
    """Table name or number in FITS files (HDU) and VOTables with several; by default the first with the columns."""
    accept_overflow: bool = False
    """Accept a VOTable that the server truncated (QUERY_STATUS OVERFLOW)."""

    _path = field_validator("path")(check_address)
