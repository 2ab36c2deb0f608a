"""The table `[catalog.match]`: a second list, whose columns are joined to the catalogue's rows."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from survey_batch.config.sections.base import Unit
from survey_batch.config.sections.listed import ListSection


class MatchSection(ListSection):
    """A second list of objects, matched row by row: labels for positions, positions for labels, or what leads to files.

    The catalogue's own columns come first: the second list gives those that the job reads and the catalogue lacks.
    """

    path: Annotated[str, Field(examples=["dr9_v2.0_LRS_stellar.fits"])]
    """The second list, in any format that a catalogue may have."""
    by: Literal["position", "id"] = "position"
    """Partners lie within `radius_arcsec` of each other, or have the same identifier."""
    radius_arcsec: Annotated[float, Field(gt=0, le=600), Unit("arcsec")] = 3.0
    """Largest separation of partners; 3 arcsec is the width of a fibre of SDSS or LAMOST."""
    id: Annotated[str | None, Field(examples=["specobjid"])] = None
    """Column of the identifier in the second list; guessed for known releases."""
    id_in_catalog: Annotated[str | None, Field(examples=["specobjid"])] = None
    """Column of the same identifier in the catalogue; by default that of the object's own."""
    best: Literal["nearest", "snr"] = "nearest"
    """Which of several partners of a row wins: the nearest (by id: the first), or the one with the best S/N."""
    unmatched: Literal["keep", "leave_out"] = "keep"
    """What becomes of rows without a partner: they are kept, or left out and counted. A kept row lacks what its partner
    would give; without that, its files may not be found: then it is `outside`, or `invalid` if matched by id."""
    take: Annotated[tuple[str, ...] | None, Field(examples=[["label", "redshift"]])] = None
    """Our names of the columns to take; by default all that the job reads and the catalogue lacks."""
    columns: Annotated[Mapping[str, str], Field(examples=[{"label": "class", "redshift": "z_vi"}])] = {}
    """Our name = the second list's name, for columns that cannot be guessed, or that are wanted although the catalogue
    has such a column itself."""
