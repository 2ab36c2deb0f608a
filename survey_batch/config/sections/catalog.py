"""The tables of the job file that choose the objects: `[catalog]` and the tables below it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, model_validator

from survey_batch.config.sections.base import Section, Unit, WrongKeyError
from survey_batch.config.sections.detect import DetectSection
from survey_batch.config.sections.listed import ListSection
from survey_batch.config.sections.match import MatchSection


def _in_order(limits: tuple[float, float]) -> tuple[float, float]:
    if not limits[0] <= limits[1]:
        raise ValueError("a range is [lowest, highest]; leave one side open with -inf or inf")
    return limits


Range = Annotated[tuple[float, float], AfterValidator(_in_order)]
"""Lowest and highest value, both included; `[10, inf]` has no upper limit."""


class DuplicatesSection(Section):
    """Which rows are one object, and which row to keep; without this table, rows that repeat an id are `invalid`."""

    by: Annotated[tuple[Literal["id", "position"], ...], Field(min_length=1)] = ("id", "position")
    """What makes two rows one object: the same id, the same position, or either."""
    radius_arcsec: Annotated[PositiveFloat, Unit("arcsec")] = 2.0
    """By position: rows closer than this, directly or through other rows, are one object."""
    keep: Literal["snr", "primary"] = "snr"
    """Keep the row with the best S/N, or the primary row (SDSS sciencePrimary, specPrimary or mode = 1; then the best
    S/N). If rows are still equal, the one with the smallest object_id is kept."""


class SelectSection(Section):
    """Conditions on rows: each key that is set is a condition, and a row without the value does not meet it."""

    object_class: Annotated[tuple[str, ...] | None, Field(examples=[["STAR"]])] = None
    """Values of the class column, such as `STAR`."""
    labels: Annotated[tuple[str, ...] | None, Field(examples=[["A", "F", "G"]])] = None
    """Labels, as `catalog.label` gives them."""
    luminosity: Annotated[
        tuple[Literal["giant", "dwarf", "subdwarf", ""], ...] | None, Field(examples=[["dwarf", ""]])
    ] = None
    """Luminosity class from the subclass; "" if the subclass does not give one."""
    snr: Annotated[Range | None, Field(examples=[[10, 1000]])] = None
    """Lowest and highest signal-to-noise ratio in the catalogue."""
    magnitudes: Annotated[
        Mapping[Literal["u", "g", "r", "i", "z"], Range], Field(examples=[{"r": [14, 20]}]), Unit("mag")
    ] = {}
    """Lowest and highest magnitude in some bands."""
    zwarning: Annotated[tuple[int, ...] | None, Field(examples=[[0]])] = None
    """Allowed values; `[0]` for redshifts without any warning."""


class SampleSection(Section):
    """How many of the selected rows to take; chosen by a hash of object_id and seed, whatever the order of the rows."""

    per_class: Annotated[PositiveInt | None, Field(examples=[10_000])] = None
    """Rows per class; all rows if a class has fewer."""
    total: Annotated[PositiveInt | None, Field(examples=[50_000])] = None
    """Rows in all; either this or `per_class`."""
    frames: Literal["any", "crowded"] = "any"
    """Take rows at random from all frames, or first from the frames with the most selected objects."""
    seed: int = 1
    """Another seed gives another sample."""

    @model_validator(mode="after")
    def _one_number(self) -> "SampleSection":
        if (self.per_class is None) == (self.total is None):
            raise WrongKeyError("per_class or total must be set, but not both", "per_class")
        return self


SHARES = ("train", "validation", "test")


class SplitSection(Section):
    """How to divide objects into training, validation and test if the catalogue does not say.

    If one share is 1, the others are 0: with `train = 1.0` a classifier is trained on all labels and tested on none.
    """

    train: Annotated[float, Field(ge=0, le=1)] = 0.7
    """Share of objects to train on."""
    validation: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of objects that decide when a training stops early."""
    test: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Share of objects for the figures that are reported; nothing is learnt from them."""
    group: Literal["star", "field", "plan", "sky"] = "star"
    """What is never split: a star's visits, and optionally also an SDSS field, a LAMOST plan, or a cell of the sky."""
    cell_degrees: Annotated[float, Field(gt=0, le=90), Unit("degree")] = 1.0
    """Height and width of a cell for `group = "sky"`."""
    radius_arcsec: Annotated[PositiveFloat, Unit("arcsec")] = 3.0
    """Objects closer than this are one star and share a split."""
    seed: int = 1
    """Another seed gives another split."""

    @model_validator(mode="before")
    @classmethod
    def _one_share_is_all(cls, given: Any) -> Any:
        """Set missing shares to 0 if one share is 1: `{ train = 1.0 }` trains on all."""
        if not isinstance(given, dict) or 1 not in [given.get(name) for name in SHARES]:
            return given
        return {**dict.fromkeys(SHARES, 0.0), **given}

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> "SplitSection":
        if abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise WrongKeyError("train, validation and test must sum to 1", "train")
        return self


class CatalogSection(ListSection):
    """Where the list of objects is, what its columns mean, and which rows to take."""

    label: Annotated[str | None, Field(examples=["spectral_type"])] = None
    """Column of the class; or a label made from class and subclass: `"spectral_type"` (A, F, G, K, M or non-stellar)
    or `"mk_class"` (O, B, A, F, G, K, M, OB, carbon, WD, CV)."""
    match: MatchSection | None = None
    select: SelectSection | None = None
    duplicates: DuplicatesSection | None = None
    sample: SampleSection | None = None
    split: SplitSection | None = None
    detect: DetectSection | None = None
    """Find the objects on the frames of the fields that `path` lists."""
