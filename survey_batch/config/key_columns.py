"""The columns of catalogues: what they are called, what they hold, and how a survey reads those that it needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from survey_batch.core.arrays import F8, I8, Flags

if TYPE_CHECKING:
    import pyarrow as pa

POSITION: Mapping[str, tuple[str, ...]] = {
    "ra": (
        *("ra", "alpha", "raj2000", "raicrs", "radeg", "plugra"),
        *("rightascension", "alphaj2000", "ramean", "targetra"),
    ),
    "dec": (
        *("dec", "delta", "dej2000", "decj2000", "deicrs", "decicrs", "decdeg", "dedeg", "plugdec"),
        *("decl", "declination", "deltaj2000", "decmean", "targetdec"),
    ),
}
"""Names of the position in catalogues, in the spelling of `KeyColumn.names`."""

OTHER_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "label": ("label",),
    "split": ("split",),
    "class": ("class",),
    "subclass": ("subclass",),
    "object_id": ("objectid", "id"),
    "redshift": ("redshift", "z"),
    "snr": ("snr",),
    "zwarning": ("zwarning", "zwarn"),
    "primary": ("primary",),
    **{f"mag_{band}": (f"mag{band}",) for band in "ugriz"},
}
"""Names of the columns that any catalogue may have beside the key."""

MEANINGS: Mapping[str, str] = {
    "ra": "right ascension (ICRS); degrees unless the file or `catalog.units` says otherwise",
    "dec": "declination (ICRS); degrees unless the file or `catalog.units` says otherwise",
    "object_id": "identifier of the object; made of the key or the position if there is none that tells objects apart",
    "label": "class to learn or to compare with; `catalog.label` names another column, or makes it",
    "split": "`train`, `validation` or `test`; `catalog.split` divides the objects anew",
    "class": "class in the survey's pipeline, such as STAR",
    "subclass": "subclass in the survey's pipeline, such as K5",
    "redshift": "redshift; lines and bands are measured in its rest frame",
    "snr": "signal-to-noise ratio; decides which of several rows of one object is kept",
    "zwarning": "flags of the redshift; 0 is none",
    "primary": "1 for the row of an object that the survey prefers",
    "plate": "plate of the SDSS spectrum; part of an id if there is no other",
    "mjd": "day of the SDSS spectrum; part of an id if there is no other",
    "fiberid": "fibre of the SDSS spectrum; part of an id if there is no other",
    **{f"mag_{band}": f"magnitude in {band}, for `catalog.select.magnitudes` and baselines" for band in "ugriz"},
    **{f"snr{band}": f"signal-to-noise ratio in {band}" for band in "ugriz"},
}
"""What columns hold that are not keys."""


class CatalogRows(Protocol):
    """A batch of the catalogue's rows, as `Survey.read_key` gets it."""

    @property
    def names(self) -> Mapping[str, str]:
        """Our name to the file's, for the columns that are there."""

    @property
    def notes(self) -> list[str]:
        """What was decided for the whole file; add to it what the user should know."""

    def __len__(self) -> int: ...

    def text(self, name: str) -> "pa.Array":
        """Return a column as text, null where missing; all null if the file has no such column."""

    def identifier(self, name: str) -> "pa.Array":
        """Return a column of ids as exact text; null where missing, or where floating point has lost digits."""

    def integer(self, name: str) -> I8:
        """Return a column as integers, -1 where missing or not a whole number from 0 on."""

    def whole_number(self, name: str) -> I8:
        """Return a column as `integer` does, and reject rows with anything else than a whole number."""

    def position(self) -> tuple[F8, F8]:
        """Return right ascension (0 to 360) and declination [deg], NaN where not known."""

    def reject(self, wrong: Flags, reason: "str | Mapping[int, str]", *named: str) -> None:
        """Mark rows as unusable, with the reason (or one of each row) and our names of the columns at fault."""


class NamedRows(Protocol):
    """Successive rows of a catalogue, as `Survey.substitute_ids` gets them."""

    def __len__(self) -> int: ...

    def numbers(self, name: str) -> Any:
        """Return a column of numbers."""

    def text(self, name: str) -> "pa.Array":
        """Return a column of text."""


@dataclass(frozen=True)
class KeyColumn:
    """A column that leads to an object's data.

    Attributes
    ----------
    name
        Our name.
    kind
        `integer` (from 0 to 2^31 - 1) or `text`.
    names
        Its names in catalogues, most usual first: lower case, without underscores, blanks and hyphens.
    needed
        Whether the catalogue must have the column, and each row a value.
    meaning
        What it holds, for the documentation.
    """

    name: str
    kind: Literal["integer", "text"]
    names: tuple[str, ...]
    needed: bool = True
    meaning: str = ""
