"""The tables of the job file that say which objects: `[catalog]` and what is below it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, model_validator

from survey_batch.config.sections.base import Section
from survey_batch.config.sections.detect import DetectSection


def _in_order(limits: tuple[float, float]) -> tuple[float, float]:
    if not limits[0] <= limits[1]:
        raise ValueError("a range is [lowest, highest]; leave one side open with -inf or inf")
    return limits


Range = Annotated[tuple[float, float], AfterValidator(_in_order)]
"""Lowest and highest value, both included; `[10, inf]` is open above."""


class DuplicatesSection(Section):
    """Which rows are one object, and which of them stays; without this table, rows that repeat an id are `invalid`."""

    by: Annotated[tuple[Literal["id", "position"], ...], Field(min_length=1)] = ("id", "position")
    radius_arcsec: PositiveFloat = 2.0
    """By position: rows closer than this, directly or through others, are one object."""
    keep: Literal["snr", "primary"] = "snr"
    """The row of the best S/N, or the primary one (SDSS sciencePrimary, specPrimary or mode = 1; then the best S/N).
    Rows that are alike so far: that of the smallest object_id stays."""


class SelectSection(Section):
    """What a row must be; each key that is set is a condition, and a row without the value does not meet it."""

    object_class: tuple[str, ...] | None = None
    """Values of the class column, such as `STAR`."""
    labels: tuple[str, ...] | None = None
    luminosity: tuple[Literal["giant", "dwarf", "subdwarf", ""], ...] | None = None
    """As the subclass says it; "" where it does not."""
    snr: Range | None = None
    magnitudes: Mapping[Literal["u", "g", "r", "i", "z"], Range] = {}
    zwarning: tuple[int, ...] | None = None
    """Values allowed; `[0]` for redshifts without any warning."""


class SampleSection(Section):
    """How many of the selected rows are taken; by a hash of object_id and seed, whatever the order of the rows."""

    per_class: PositiveInt | None = None
    """Of each class; all where it has fewer."""
    total: PositiveInt | None = None
    frames: Literal["any", "crowded"] = "any"
    """At random from all, or first from the frames that hold most of the selected objects."""
    seed: int = 1

    @model_validator(mode="after")
    def _one_number(self) -> "SampleSection":
        if (self.per_class is None) == (self.total is None):
            raise ValueError("set either per_class or total")
        return self


SHARES = ("train", "validation", "test")


class SplitSection(Section):
    """How objects are told apart into training, validation and test, where the catalogue does not say.

    Where one share is 1, the others are 0: with `train = 1.0` a classifier is trained on all labels and tested on none.
    """

    train: Annotated[float, Field(ge=0, le=1)] = 0.7
    validation: Annotated[float, Field(ge=0, le=1)] = 0.0
    test: Annotated[float, Field(ge=0, le=1)] = 0.3
    group: Literal["star", "field", "plan", "sky"] = "star"
    """What is never torn apart: a star's visits; and besides these an SDSS field, a LAMOST plan, or a cell of sky."""
    cell_degrees: Annotated[float, Field(gt=0, le=90)] = 1.0
    """Height and width of a cell, for `group = "sky"`."""
    radius_arcsec: PositiveFloat = 3.0
    """Objects closer than this are one star and share a split."""
    seed: int = 1

    @model_validator(mode="before")
    @classmethod
    def _one_share_is_all(cls, given: Any) -> Any:
        """Where one share is 1, a share that is not set is 0: `{ train = 1.0 }` trains on all."""
        if not isinstance(given, dict) or 1 not in [given.get(name) for name in SHARES]:
            return given
        return {**dict.fromkeys(SHARES, 0.0), **given}

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> "SplitSection":
        if abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise ValueError("train, validation and test must sum to 1")
        return self


class CatalogSection(Section):
    """Where the list of objects is, what its columns mean, and which of its rows are taken."""

    path: str
    id: str | None = None
    """Column of the object's identifier; guessed for known releases."""
    columns: Mapping[str, str] = {}
    """Our name = the file's name, for columns that are not guessed: `{ra = "RAJ2000"}`."""
    units: Mapping[Literal["ra", "dec"], str] = {}
    """Units of the position where the file says none or a wrong one: deg, rad, hourangle, arcsec, hms, dms, …."""
    table: str | int | None = None
    """Name or number of the table, for FITS files (HDU) and VOTables with several; else the first with the columns."""
    accept_overflow: bool = False
    """Take a VOTable that the server cut off (QUERY_STATUS OVERFLOW) as it is."""
    label: str | None = None
    """Column of the class; or made from class and subclass: `"spectral_type"` (A, F, G, K, M or non-stellar) or
    `"mk_class"` (O, B, A, F, G, K, M, OB, carbon, WD, CV)."""
    select: SelectSection | None = None
    duplicates: DuplicatesSection | None = None
    sample: SampleSection | None = None
    split: SplitSection | None = None
    detect: DetectSection | None = None
    """Objects are found on the frames of the fields that `path` lists."""
